"""How worker processes come to be: fast to start, and deaf to Ctrl-C.

Imports nothing that is slow, so that the first of them can begin to import that at once.
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
"""What a worker needs: imported once, in the process that all workers are forked from."""


def start_early() -> None:
    """Have the imports of the workers begin now, beside those of this process."""
    if isinstance(workers_context(), context.ForkServerContext):
        with interrupts_held_back():
            forkserver.ensure_running()


def workers_context() -> context.BaseContext:
    """Where it is possible workers are forked from a process that did nothing but import.

    They are not forked from this one: its threads would be missing in the copy.
    """
    if "forkserver" not in get_all_start_methods():
        return get_context("spawn")
    chosen = get_context("forkserver")
    chosen.set_forkserver_preload(_PRELOADED)
    return chosen


@contextmanager
def interrupts_held_back() -> Iterator[None]:
    """Processes that are started meanwhile are deaf to Ctrl-C from first to last.

    It is for the first process, which ends its workers; it hears of it at the end of the block.
    """
    resource_tracker.ensure_running()  # to start it in the block would let interrupts through again
    heard: list[int] = []
    # A new process inherits what is blocked. That does not keep this one from hearing: the system
    # tells any of its threads, and those of libraries block nothing.
    handler = signal.signal(signal.SIGINT, lambda number, _: heard.append(number))
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        signal.signal(signal.SIGINT, handler)
        if heard:
            signal.raise_signal(signal.SIGINT)
