"""What the batcher tells of its work: the stages of a request, and the figures of a batch.

Nothing is kept unless somebody asks: a request's stages by `recording`, batches by a callback.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import NamedTuple

QUEUE, TOKENIZE, MODEL, ENCODE = "queue", "tokenize", "model", "encode"
STAGES = (QUEUE, TOKENIZE, MODEL, ENCODE)


class Stage(NamedTuple):
    """A stretch of a request's time, by `time.perf_counter`."""

    name: str
    start: float
    end: float


_current: ContextVar[list[Stage] | None] = ContextVar("stages", default=None)


@contextmanager
def recording() -> Iterator[list[Stage]]:
    """Collects the stages of what is done inside; one within another collects in the same list."""
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
    """The list to which stages of the current request are to be added, if anybody asks."""
    return _current.get()


def record(name: str, start: float) -> float:
    """Note a stage of the current request that ends now; returns its seconds."""
    stage = Stage(name, start, time.perf_counter())
    stages = _current.get()
    if stages is not None:
        stages.append(stage)
    return stage.end - stage.start


@dataclass(slots=True)
class Work:
    """What an encoder had to do for a batch."""

    tokens: int = 0
    seconds_tokenizing: float = 0.0


@dataclass(frozen=True, slots=True)
class Batch:
    """Texts that went through the network together; times in seconds."""

    texts: int
    tokens: int
    waits: Sequence[float]
    """Of each request in it: from its call to the beginning of the batch."""
    tokenizing: float
    model: float
