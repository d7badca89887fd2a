"""Measure how fast one thread reads main memory, after STREAM (McCalpin, 1995).

Where the network's table does not fit into the caches, this bounds how fast it can be read.
"""

import time
from collections.abc import Callable

import torch

_BYTES = 512 * 1024 * 1024
"""Size of the array: far larger than any cache."""
_PASSES = 6


def measure() -> float:
    """Return bytes per second: the faster of summing an array and copying it, by one thread."""
    source = torch.ones(_BYTES // 4)
    target = torch.empty_like(source)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return max(
            _BYTES / _shortest(source.sum),
            2 * _BYTES / _shortest(lambda: target.copy_(source)),  # a read and a write
        )
    finally:
        torch.set_num_threads(threads)


def _shortest(action: Callable[[], object]) -> float:
    """Return the seconds of the fastest of several passes."""
    times = []
    for _ in range(_PASSES):
        start = time.perf_counter()
        action()
        times.append(time.perf_counter() - start)
    return min(times)


def limit(bandwidth: float, *, offsets: int, filters: int, itemsize: int) -> float:
    """Return the tokens per second that a bandwidth in bytes per second allows.

    For each token the network reads `offsets` rows of its table (the sum of the kernel sizes), of
    `filters` elements of `itemsize` bytes each.
    """
    return bandwidth / (offsets * filters * itemsize)
