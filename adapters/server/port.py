"""The server's port: open from the first worker that is ready to the order to stop.

Knows circus, by which BentoML's parent process starts the workers, and uvicorn, which serves in
each of them; of both it replaces what is too early or too late. See docs/decisions/0005 and 0013.
"""

import asyncio
import select
import socket
from collections.abc import Callable, Iterable
from typing import Any

import uvicorn
from circus.arbiter import Arbiter
from circus.sockets import CircusSocket

ANSWER_SECONDS = 8.0
"""Within which requests that were accepted are answered, if only in part."""

_GIVE_UP_SECONDS = 2.0
"""Later: requests that still are in work are ended, such as uploads that do not go on."""
_MOMENT = 0.3
"""In which the request comes of whoever has just been accepted."""
_POLL_SECONDS = 0.005


def open_when_ready() -> None:
    """Let a worker listen on the port when it is ready, not the parent before it.

    The parent binds the port for its workers. So no caller waits for a server that is still
    starting: his connection is refused at once.
    """
    CircusSocket.listen = _bind_only


def close_when_stopped(hurry: Callable[[float], None]) -> None:
    """Answer what was accepted before the order to stop, and refuse at once what comes after it.

    `hurry` is called in each worker with the seconds in which it has to come to an end.
    """
    _let_go_before_workers_stop()
    _drain_before_connections_end(hurry)


def _bind_only(_socket: CircusSocket, _backlog: int) -> None:
    """Stands for `listen` in the parent."""


def _let_go_before_workers_stop() -> None:
    """Have the parent close the port first of all.

    Held by it, the port would take connections as long as the last request lasts, and nobody would
    answer them.
    """
    stop_watchers = Arbiter._stop_watchers  # noqa: SLF001 (there is no hook)

    def stop(arbiter: Arbiter, *arguments: Any, **options: Any) -> Any:
        if arbiter._stopping:  # noqa: SLF001 (it could also be a restart)
            arbiter.sockets.close_all()
        return stop_watchers(arbiter, *arguments, **options)

    Arbiter._stop_watchers = stop  # noqa: SLF001


def _drain_before_connections_end(hurry: Callable[[float], None]) -> None:
    """Have a worker take up what waits at the port before it closes it.

    uvicorn closes the port, and every connection whose request it has not read. But a caller whom
    the kernel has let in takes himself for accepted.
    """
    end = uvicorn.Server.shutdown

    async def shutdown(server: uvicorn.Server, sockets: list[socket.socket] | None = None) -> None:
        hurry(ANSWER_SECONDS)
        await _until_none_waits(sockets or ())
        for listening in server.servers:
            listening.close()
        await asyncio.sleep(_MOMENT)
        if server.config.timeout_graceful_shutdown is None:
            server.config.timeout_graceful_shutdown = int(ANSWER_SECONDS + _GIVE_UP_SECONDS)
        await end(server, sockets)

    setattr(uvicorn.Server, "shutdown", shutdown)


async def _until_none_waits(sockets: Iterable[socket.socket]) -> None:
    """Return when all connections were accepted, or so many come that it never ends."""
    waiting = select.poll()
    for listening in sockets:
        waiting.register(listening, select.POLLIN)
    for _ in range(int(_MOMENT / _POLL_SECONDS)):
        if not waiting.poll(0):
            return
        await asyncio.sleep(_POLL_SECONDS)
