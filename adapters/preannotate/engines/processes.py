"""Start worker processes fast, and with Ctrl-C blocked.

Imports nothing slow, so that the fork server can start its own imports at once.
"""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import (
    context,
    forkserver,
    get_all_start_methods,
    get_context,
    resource_tracker,
)

_PRELOADED = [
    "adapters.preannotate.engines.local",
    "adapters.preannotate.readers.reading",
]
"""The imports of a worker, made once in the fork server that all workers are forked from."""


def start_early() -> None:
    """Start the fork server now: it imports in parallel with this process."""
    if isinstance(workers_context(), context.ForkServerContext):
        with interrupts_held_back():
            forkserver.ensure_running()


def workers_context() -> context.BaseContext:
    """Return the context to start workers in: a fork server where the platform has one.

    Workers are not forked from this process, because a fork does not copy its threads.
    """
    if "forkserver" not in get_all_start_methods():
        return get_context("spawn")
    chosen = get_context("forkserver")
    chosen.set_forkserver_preload(_PRELOADED)
    return chosen


@contextmanager
def interrupts_held_back() -> Iterator[None]:
    """Block SIGINT in the block, so that child processes inherit the mask; deliver it on exit.

    Ctrl-C is for the main process, which stops its workers.
    """
    resource_tracker.ensure_running()  # starting it unblocks SIGINT
    received: list[int] = []
    # The mask alone does not hold the signal back from this process: the system delivers it to any
    # thread, and the threads of libraries block nothing. So a handler records it.
    handler = signal.signal(signal.SIGINT, lambda number, _: received.append(number))
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        signal.signal(signal.SIGINT, handler)
        if received:
            signal.raise_signal(signal.SIGINT)
