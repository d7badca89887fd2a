"""What a server takes of the machine: processor time and memory of all its processes."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psutil

from loadtests.server import Server

_INTERVAL_SECONDS = 0.5


class MemoryPeak:
    """The largest sample so far of a server's memory."""

    def __init__(self) -> None:
        self.bytes = 0

    def sample(self, server: Server) -> None:
        """Add up the proportional shares (PSS) of its processes: shared pages count once."""
        total = 0
        for process in server.family():
            with suppress(psutil.NoSuchProcess):
                total += process.memory_full_info().pss
        self.bytes = max(self.bytes, total)


@contextmanager
def watched_memory(server: Server) -> Iterator[MemoryPeak]:
    """The peak of a server's memory, sampled twice a second until the end of the block."""
    peak, ended = MemoryPeak(), threading.Event()

    def watch() -> None:
        peak.sample(server)
        while not ended.wait(_INTERVAL_SECONDS):
            peak.sample(server)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield peak
    finally:
        ended.set()
        watcher.join()


def cpu_seconds(server: Server) -> float:
    """Processor time so far of the processes that it has now, user and system."""
    times = [process.cpu_times() for process in server.family()]
    return sum(time.user + time.system for time in times)
