"""Store the events that wait at the same time in one transaction (group commit).

A flush to disk takes several times as long as storing an event. No event is acknowledged before
the transaction that stores it is on the disk.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from adapters.label_studio.events import Changes, changes_of

_AT_ONCE = 100
"""Maximum number of events in a transaction, during which no other process can write."""


class EventRecorder:
    """The events of one worker that are not stored yet, oldest first.

    thread: where events are stored; it must have one worker.
    store: stores the changes in events, all or none.
    """

    def __init__(
        self, thread: ThreadPoolExecutor, store: Callable[[Sequence[Changes]], None]
    ) -> None:
        self._thread = thread
        self._store = store
        self._waiting: deque[tuple[Mapping[str, Any], Future[Changes]]] = deque()

    async def record(self, event: Mapping[str, Any]) -> Changes:
        """Store the changes in an event and return them; they are on disk when this returns.

        Raises EventError if the event is malformed, and the errors of `store`.
        """
        stored: Future[Changes] = Future()
        self._waiting.append((event, stored))
        self._thread.submit(self._store_waiting)
        return await asyncio.wrap_future(stored)

    def _store_waiting(self) -> None:
        """Store the events that wait; an earlier call may have stored them all."""
        batch: list[tuple[Changes, Future[Changes]]] = []
        while self._waiting and len(batch) < _AT_ONCE:
            event, stored = self._waiting.popleft()
            if stored.set_running_or_notify_cancel():
                try:
                    batch.append((changes_of(event), stored))
                except Exception as error:  # noqa: BLE001 - the caller gets it
                    stored.set_exception(error)
        if batch:
            self._store_batch(batch)

    def _store_batch(self, batch: Sequence[tuple[Changes, Future[Changes]]]) -> None:
        try:
            self._store([changes for changes, _ in batch])
        except Exception as error:  # noqa: BLE001 - the callers get it
            if len(batch) == 1:
                batch[0][1].set_exception(error)
                return
            for each in batch:  # One event may be the cause: each gets an answer of its own.
                self._store_batch([each])
        else:
            for changes, stored in batch:
                stored.set_result(changes)
