"""How worker processes come to be: fast to start, and deaf to Ctrl-C.

Imports nothing that is slow, so that the first of them can begin to import that at once.
"""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import context, forkserver, get_all_start_methods, get_context

_PRELOADED = [
    "adapters.preannotate.local_engine",
    "adapters.preannotate.reading",
]
"""What a worker needs: imported once, in the process that all workers are forked from."""


def start_early() -> None:
    """Have the imports of the workers begin now, beside those of this process."""
    if isinstance(workers_context(), context.ForkServerContext):
        with interrupts_ignored():
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
def interrupts_ignored() -> Iterator[None]:
    """Processes that are started meanwhile ignore Ctrl-C from their first moment to their last.

    It is for the first process, which ends its workers.
    """
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
