"""Does a job in processes of this machine: a loaded model for each, results in order."""

import gc
import os
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import connection, parent_process
from pathlib import Path

from adapters.preannotate.engines.processes import interrupts_held_back, workers_context
from adapters.preannotate.errors import EngineError
from adapters.preannotate.job import Job, LoadedJob
from adapters.preannotate.records import Chunk
from adapters.preannotate.results import Result

_CHUNKS_AHEAD = 3
"""Chunks for each worker that are in work or wait for it: no worker is ever without."""

_loaded: list[LoadedJob] = []
"""In a worker, its job: what a process pool calls finds nothing but its module."""


def run(
    chunks: Iterable[Chunk], job: Job, *, workers: int, compiled: Path
) -> Iterator[tuple[int, Result]]:
    """For every chunk, in order: bytes of the inputs read so far, and its result.

    As many chunks are in memory as keep the workers busy, however long the input is. Raises
    EngineError.
    """
    pool = ProcessPoolExecutor(
        workers,
        mp_context=workers_context(),
        initializer=_start_worker,
        initargs=(job, compiled),
    )
    waiting: deque[tuple[int, Future[Result]]] = deque()
    try:
        for chunk in chunks:
            with interrupts_held_back():
                waiting.append((chunk.consumed, pool.submit(_work, chunk)))
            if len(waiting) >= workers * _CHUNKS_AHEAD:
                yield _first(waiting)
        while waiting:
            yield _first(waiting)
    except BrokenProcessPool as error:
        raise EngineError(
            "A worker process ended before its work, perhaps for want of memory: go on with "
            "--resume and fewer --workers."
        ) from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _first(waiting: deque[tuple[int, Future[Result]]]) -> tuple[int, Result]:
    consumed, future = waiting.popleft()
    return consumed, future.result()


def _start_worker(job: Job, compiled: Path) -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _loaded.append(job.load(compiled))
    # What is there now stays: collecting garbage need not look at it again.
    gc.collect()
    gc.freeze()


def _work(chunk: Chunk) -> Result:
    return _loaded[0](chunk)


def _end_with_parent() -> None:
    """End this process when the first one is gone: killed, it cannot say so."""
    parent = parent_process()
    assert parent is not None
    connection.wait([parent.sentinel])
    os._exit(1)
