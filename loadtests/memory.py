"""The memory of a server over time: the sum of its processes' proportional shares (PSS)."""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from statistics import median

import gevent
import psutil

from loadtests.server import Server

_INTERVAL_SECONDS = 1.0


@dataclass
class MemoryLog:
    """Samples: seconds since the log was opened, and bytes."""

    samples: list[tuple[float, int]] = field(default_factory=list)

    def median_between(self, start: float, end: float) -> float:
        """The median in bytes of the samples between two times in seconds."""
        return median(size for at, size in self.samples if start <= at <= end)


@contextmanager
def logged_memory(server: Server) -> Iterator[MemoryLog]:
    """A log that grows by a sample each second until the end of the block; Linux only."""
    log, opened = MemoryLog(), time.monotonic()

    def sample() -> None:
        while True:
            log.samples.append((time.monotonic() - opened, _read(server)))
            gevent.sleep(_INTERVAL_SECONDS)

    sampling = gevent.spawn(sample)
    try:
        yield log
    finally:
        sampling.kill()


def _read(server: Server) -> int:
    total = 0
    for process in server.family():
        with suppress(psutil.NoSuchProcess):
            total += process.memory_full_info().pss
    return total
