"""Measure processor time and memory of all processes of a server."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from loadtests.server import Server

_INTERVAL_SECONDS = 0.5


@dataclass
class MemoryPeak:
    """The largest sample of a server's memory so far."""

    bytes: int = 0


@contextmanager
def watched_memory(server: Server) -> Iterator[MemoryPeak]:
    """Sample a server's memory twice a second until the end of the block; yield the peak."""
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
    """Return the processor time of its running processes so far, user and system."""
    times = [process.cpu_times() for process in server.family()]
    return sum(time.user + time.system for time in times)
