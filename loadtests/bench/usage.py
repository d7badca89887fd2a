"""What a server takes of the machine: processor time and memory of all its processes."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from loadtests.server import Server

_INTERVAL_SECONDS = 0.5


@dataclass
class MemoryPeak:
    """The largest sample so far of a server's memory."""

    bytes: int = 0


@contextmanager
def watched_memory(server: Server) -> Iterator[MemoryPeak]:
    """The peak of a server's memory, sampled twice a second until the end of the block."""
    peak, ended = MemoryPeak(), threading.Event()

    def watch() -> None:
        peak.bytes = server.pss()
        while not ended.wait(_INTERVAL_SECONDS):
            peak.bytes = max(peak.bytes, server.pss())

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
