"""Record the memory of a server over time, as PSS."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import median

import gevent

from loadtests.server import Server

_INTERVAL_SECONDS = 1.0


@dataclass
class MemoryLog:
    """Samples of memory: seconds since the start, and bytes."""

    samples: list[tuple[float, int]] = field(default_factory=list)

    def median_between(self, start: float, end: float) -> float:
        """Return the median in bytes of the samples between two times in seconds."""
        return median(size for at, size in self.samples if start <= at <= end)


@contextmanager
def logged_memory(server: Server) -> Iterator[MemoryLog]:
    """Sample the memory of a server each second until the end of the block; Linux only."""
    log, opened = MemoryLog(), time.monotonic()

    def sample() -> None:
        while True:
            log.samples.append((time.monotonic() - opened, server.pss()))
            gevent.sleep(_INTERVAL_SECONDS)

    sampling = gevent.spawn(sample)
    try:
        yield log
    finally:
        sampling.kill()
