"""Timings: the stages of a request, and the figures of a batch.

Nothing is kept unless asked for: the stages of a request by `recording`, batches by a callback.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import NamedTuple

QUEUE, TOKENIZE, MODEL, ENCODE = "queue", "tokenize", "model", "encode"


class Stage(NamedTuple):
    """A part of the time of a request, by `time.perf_counter`."""

    name: str
    start: float
    end: float


_current: ContextVar[list[Stage] | None] = ContextVar("stages", default=None)


@contextmanager
def recording() -> Iterator[list[Stage]]:
    """Collect the stages of a request in a list; nested uses share one list."""
    stages = _current.get()
    if stages is not None:
        yield stages
        return
    stages = []
    token = _current.set(stages)
    try:
        yield stages
    finally:
        _current.reset(token)


def recorded() -> list[Stage] | None:
    """Return the list that collects the stages of the current request; None if nobody asked."""
    return _current.get()


def record(name: str, start: float) -> float:
    """Record a stage of the current request that ends now; return its seconds."""
    stage = Stage(name, start, time.perf_counter())
    stages = _current.get()
    if stages is not None:
        stages.append(stage)
    return stage.end - stage.start


@dataclass(slots=True)
class Work:
    """The tokens and seconds of a batch, which the encoder adds up."""

    tokens: int = 0
    seconds_tokenizing: float = 0.0


@dataclass(frozen=True, slots=True)
class Batch:
    """Figures of one batch; times in seconds."""

    texts: int
    tokens: int
    waits: Sequence[float]
    """The time in the queue of each request in the batch."""
    tokenizing: float
    model: float
