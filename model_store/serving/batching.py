"""Adaptive batching in one worker: classify the texts of many callers together.

While a batch is in the network, requests queue; together they are the next batch. A lone request
goes at once. docs/decisions/0001 compares this with BentoML's dispatcher.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple

import torch

from model_store.errors import InferenceError, ModelNotReadyError, ModelStoreError
from model_store.model.classification import Classification
from model_store.model.classifier import Classifier, Query, classify_together
from model_store.model.stages import MODEL, QUEUE, TOKENIZE, Batch, Stage, Work, recorded

logger = logging.getLogger(__name__)

_MAX_TEXTS = 256
"""Maximum number of texts in a batch: very short texts take longer than their tokens say."""
_CHARACTERS_PER_TOKEN = 5
_TOKENS_PER_TURN = 1024
_PROBE_SECONDS = 0.5
_WARM_UP_TEXT = "one of the many films that I have seen this year , and I remember it well . " * 14
_WARM_UP_BATCHES = (1, 1, 2, 16, 32, 32)
"""Texts in each batch that `start` runs."""


Answers = list[list[Classification]]
"""For each query, one classification by each of its classifiers."""


@dataclass(eq=False, slots=True)
class _Piece:
    """Queries of one request that share a batch."""

    queries: list[Query]
    tokens: int
    """Number of tokens, estimated from the characters."""
    entered: float
    """The time when it was queued, by `time.perf_counter`."""
    stages: list[Stage] | None
    """The list that collects the caller's stages, if any."""
    deadline: float | None
    """The deadline, on the clock of the event loop."""
    answers: asyncio.Future[Answers]


class _Cost(NamedTuple):
    texts: int
    tokens: int


class BatchRunner:
    """Classify texts for any number of concurrent callers; one for each worker process.

    Construction is cheap; `start` warms up the network.

    Requests with many texts are cut into pieces, and a request has one piece in the queue at a
    time, so a single text never waits for the whole of a large request. Pieces and batches are
    bounded by texts and by tokens, which are estimated from the characters. Texts for different
    classifiers share batches. The event loop stands still while a batch is in the network: some
    milliseconds. `on_batch` gets the figures of each batch except those of the warm-up.
    """

    def __init__(
        self,
        *,
        max_batch_tokens: int,
        max_batch_size: int = _MAX_TEXTS,
        on_batch: Callable[[Batch], None] | None = None,
    ) -> None:
        self._max = _Cost(max_batch_size, max_batch_tokens)
        self._on_batch = on_batch
        self._queue: deque[_Piece] = deque()
        self._filled = asyncio.Event()
        self._worker: asyncio.Task[None] | None = None
        self._probe: list[Query] | None = None
        self._failing = False
        self._drain_end: float | None = None

    async def start(self, classifier: Classifier) -> None:
        """Warm up the network with batches for `classifier`, then accept requests."""
        torch.set_num_threads(1)  # use more cores by more workers
        self._worker = asyncio.create_task(self._work())
        probe = Query(_WARM_UP_TEXT, (classifier,))
        for size in _WARM_UP_BATCHES:
            await self._submit(self._piece([probe] * size, 1, None))
        self._probe = [probe]

    async def stop(self) -> None:
        """Fail queued requests with ModelNotReadyError and accept no more."""
        self._probe = None
        if self._worker is None:
            return
        self._worker.cancel()
        with suppress(asyncio.CancelledError):
            await self._worker
        self._worker = None
        while self._queue:
            _fail(self._queue.popleft(), ModelNotReadyError())

    def drain(self, seconds: float) -> None:
        """Return from every call, present or future, with the results so far `seconds` from now."""
        self._drain_end = asyncio.get_running_loop().time() + seconds

    async def classify(
        self, queries: Sequence[Query], *, deadline: float | None = None
    ) -> list[list[Classification]]:
        """Return for each query one classification by each of its classifiers (at least one).

        Queries share batches with those of other callers. At `deadline`, on the clock of the event
        loop, the results so far are returned: those of the first queries. Raises
        ModelNotReadyError before `start` and after `stop`, InferenceError if the network fails.
        """
        self._check_started()
        done: list[list[Classification]] = []
        for piece in self._pieces(queries, deadline):
            self._check_started()  # `stop` can come between two pieces
            answers = await self._submit(piece)
            done += answers
            if len(answers) < len(piece.queries):
                break
        return done

    async def is_healthy(self) -> bool:
        """Return whether the network works; after a failed batch, try it again."""
        if self._probe is None:
            return False
        if not self._failing:
            return True
        deadline = asyncio.get_running_loop().time() + _PROBE_SECONDS
        try:
            return bool(await self.classify(self._probe, deadline=deadline))
        except ModelStoreError:
            return False

    def _check_started(self) -> None:
        if self._probe is None:
            raise ModelNotReadyError

    def _pieces(self, queries: Sequence[Query], deadline: float | None) -> Iterator[_Piece]:
        """Cut a request into pieces, each made when the one before it is answered."""
        piece: list[Query] = []
        tokens = 0
        for query in queries:
            most = query.classifiers[0].encoder.max_tokens
            cost = min(len(query.text) // _CHARACTERS_PER_TOKEN + 1, most)
            full = len(piece) == self._max.texts or tokens + cost > self._max.tokens
            if piece and full:
                yield self._piece(piece, tokens, deadline)
                piece, tokens = [], 0
            piece.append(query)
            tokens += cost
        if piece:
            yield self._piece(piece, tokens, deadline)

    def _piece(self, queries: list[Query], tokens: int, deadline: float | None) -> _Piece:
        future: asyncio.Future[Answers] = asyncio.get_running_loop().create_future()
        return _Piece(queries, tokens, time.perf_counter(), recorded(), deadline, future)

    async def _submit(self, piece: _Piece) -> Answers:
        """Queue a piece; return its answers, none if its deadline comes first."""
        self._queue.append(piece)
        self._filled.set()
        return await piece.answers

    async def _work(self) -> None:
        """Run batches as long as there are pieces; wait for the next piece otherwise."""
        while True:
            await self._filled.wait()
            # Callers whose requests came in the same turn of the loop queue before the batch.
            await asyncio.sleep(0)
            # uvloop accepts one connection in each turn of the loop: without turns before large
            # batches, new connections would wait for many of them.
            for _ in range(self._waiting_tokens() // _TOKENS_PER_TURN):
                await asyncio.sleep(0)
            if batch := self._next_batch():
                self._run(batch)
            if not self._queue:
                self._filled.clear()

    def _waiting_tokens(self) -> int:
        """Return the tokens in the queue, up to those of one batch."""
        tokens = 0
        for piece in self._queue:
            tokens += piece.tokens
            if tokens >= self._max.tokens:
                return self._max.tokens
        return tokens

    def _next_batch(self) -> list[_Piece]:
        """Take pieces from the queue, up to the bounds; drop cancelled and answer expired ones."""
        batch: list[_Piece] = []
        texts = tokens = 0
        now = asyncio.get_running_loop().time()
        while self._queue:
            piece = self._queue[0]
            if self._is_expired(piece, now):
                if not piece.answers.done():
                    piece.answers.set_result([])
            elif not piece.answers.done():
                texts += len(piece.queries)
                tokens += piece.tokens
                if batch and (texts > self._max.texts or tokens > self._max.tokens):
                    break
                batch.append(piece)
            self._queue.popleft()
        return batch

    def _is_expired(self, piece: _Piece, now: float) -> bool:
        ends = (piece.deadline, self._drain_end)
        return any(end is not None and now >= end for end in ends)

    def _run(self, batch: Sequence[_Piece]) -> None:
        """Put a batch through the network, on the event loop, and answer its pieces.

        Not in a thread: torch gives up the interpreter's lock with each of its operations, and
        while the event loop is busy gets it back only after the switch interval.
        """
        queries = [query for piece in batch for query in piece.queries]
        work, start = Work(), time.perf_counter()
        try:
            answers = classify_together(queries, work)
            self._report(batch, work, start, time.perf_counter())
        except (
            Exception
        ):  # The boundary of the network: callers get the same error for any failure.
            logger.exception("The network failed on a batch of %d texts", len(queries))
            self._failing = True
            for piece in batch:
                _fail(piece, InferenceError())
            return
        self._failing = False
        rest = iter(answers)
        for piece in batch:
            own = [next(rest) for _ in piece.queries]
            if not piece.answers.done():
                piece.answers.set_result(own)

    def _report(self, batch: Sequence[_Piece], work: Work, start: float, end: float) -> None:
        """Pass on the stages of each request that asked for them, and the figures of the batch."""
        middle = start + work.seconds_tokenizing
        for piece in batch:
            if piece.stages is not None:
                piece.stages.append(Stage(QUEUE, piece.entered, start))
                piece.stages.append(Stage(TOKENIZE, start, middle))
                piece.stages.append(Stage(MODEL, middle, end))
        if self._on_batch and self._probe is not None:
            self._on_batch(
                Batch(
                    texts=sum(len(piece.queries) for piece in batch),
                    tokens=work.tokens,
                    waits=[start - piece.entered for piece in batch],
                    tokenizing=work.seconds_tokenizing,
                    model=end - middle,
                )
            )


def _fail(piece: _Piece, error: ModelStoreError) -> None:
    if not piece.answers.done():
        piece.answers.set_exception(error)
