"""Annotate chunks in processes of this machine, each with a loaded model."""

import gc
import os
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from itertools import islice
from multiprocessing import connection, parent_process
from pathlib import Path
from typing import ClassVar

from joblib import cpu_count

from adapters.preannotate.engines.processes import interrupts_held_back, workers_context
from adapters.preannotate.errors import EngineError
from adapters.preannotate.readers.reading import Inputs
from adapters.preannotate.records import Chunk
from adapters.preannotate.results import Annotator, EncodedChunk, LoadedAnnotator

_CHUNKS_AHEAD = 3
"""Chunks per worker that are running or queued, so that no worker waits for input."""

_loaded: list[LoadedAnnotator] = []
"""The annotator of a worker process: functions called by a process pool see only globals."""


@dataclass(frozen=True)
class LocalEngine:
    """Worker processes on this machine."""

    workers: int | None = None
    """None starts one for each core that this process may use."""
    name: ClassVar = "local"

    def annotate(
        self, inputs: Inputs, annotator: Annotator, *, done: int, scratch: Path
    ) -> Iterator[EncodedChunk]:
        """Yield the chunks in order, without the first `done`; raises EngineError.

        Memory holds only as many chunks as keep the workers busy. The workers share the model's
        table as a file in `scratch`.
        """
        workers = self.workers or cpu_count()
        pool = ProcessPoolExecutor(
            workers,
            mp_context=workers_context(),
            initializer=_start_worker,
            initargs=(annotator, scratch / "compiled"),
        )
        try:
            yield from _in_order(pool, islice(inputs.chunks(), done, None), workers)
        except BrokenProcessPool as error:
            raise EngineError(
                "A worker process died, perhaps for lack of memory: continue with --resume and "
                "fewer --workers."
            ) from error
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _in_order(
    pool: ProcessPoolExecutor, chunks: Iterable[Chunk], workers: int
) -> Iterator[EncodedChunk]:
    waiting: deque[Future[EncodedChunk]] = deque()
    for chunk in chunks:
        with interrupts_held_back():  # submit() starts processes
            waiting.append(pool.submit(_annotate, chunk))
        if len(waiting) >= workers * _CHUNKS_AHEAD:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def _start_worker(annotator: Annotator, compiled: Path) -> None:
    threading.Thread(target=_exit_with_parent, daemon=True).start()
    _loaded.append(annotator.load(compiled))
    # The garbage collector need not scan what has been loaded.
    gc.collect()
    gc.freeze()


def _annotate(chunk: Chunk) -> EncodedChunk:
    return _loaded[0](chunk)


def _exit_with_parent() -> None:
    """Exit when the parent process is gone: if it was killed, it did not stop its workers."""
    parent = parent_process()
    assert parent is not None
    connection.wait([parent.sentinel])
    os._exit(1)
