"""How fast one thread reads main memory, after STREAM (McCalpin, 1995): the best of several passes.

Where the network's table does not fit into the caches, this bounds how fast it can be read.
"""

import time
from collections.abc import Callable

import torch

_BYTES = 512 * 1024 * 1024
"""Of the array: far more than any cache in which it could stay."""
_PASSES = 6


def measure() -> float:
    """Bytes per second: the faster of adding up an array and copying it, by one thread."""
    source = torch.ones(_BYTES // 4)
    target = torch.empty_like(source)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return max(
            _BYTES / _shortest(source.sum),
            2 * _BYTES / _shortest(lambda: target.copy_(source)),  # it is read, and written
        )
    finally:
        torch.set_num_threads(threads)


def _shortest(action: Callable[[], object]) -> float:
    """Seconds of the fastest of several runs."""
    times = []
    for _ in range(_PASSES):
        start = time.perf_counter()
        action()
        times.append(time.perf_counter() - start)
    return min(times)


def limit(bandwidth: float, *, offsets: int, filters: int, itemsize: int) -> float:
    """Tokens per second at which a table of sums is read with this bandwidth, in bytes per second.

    A token takes part in `offsets` windows' sums (the sum of the kernel sizes), each time with a
    row of `filters` elements of `itemsize` bytes.
    """
    return bandwidth / (offsets * filters * itemsize)
