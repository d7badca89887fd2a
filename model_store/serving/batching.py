"""The adaptive batcher of one worker: many callers, one network, each call as large as it pays.

Batching is BentoML's own (its CORK dispatcher), awaited in process: `bentoml.depends` and
`self.to_async` reach it over HTTP and lose requests on the way. See docs/decisions/0001.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import NamedTuple, NoReturn, cast

import torch
from bentoml._internal.marshal.dispatcher import CorkDispatcher, Job, Optimizer

from model_store.errors import InferenceError, ModelNotReadyError, ModelStoreError
from model_store.model.classification import Classification
from model_store.model.classifier import Classifier, Query, classify_together
from model_store.model.stages import MODEL, QUEUE, TOKENIZE, Batch, Stage, Work, recorded

logger = logging.getLogger(__name__)

_NEVER_MS = 24 * 60 * 60 * 1000
_MAX_CORK_SECONDS = 0.005
_CHARACTERS_PER_TOKEN = 5
_TOKENS_PER_TURN = 1024
_PROBE_SECONDS = 0.5
_WARM_UP_TEXT = "one of the many films that I have seen this year , and I remember it well . " * 14
# BentoML's dispatcher learns from its first eleven batches, in three stages, how long a batch of
# n takes; the last, large ones keep a hiccup of the machine from being taken for a slow network.
_WARM_UP_BATCHES = (*(1,) * 10, 2, 2, 3, 3, 16, 32, 32)


_Answers = list[list[Classification]]
"""For each query, a classification by each of its classifiers."""


class _Piece(NamedTuple):
    """Queries of one request that are answered together."""

    queries: list[Query]
    tokens: int
    """About how many will be read."""
    entered: float
    """When it was queued."""
    stages: list[Stage] | None
    """Where its caller wants to have its stages."""


class _Optimizer(Optimizer):
    """Bounds how long a lone request is held back in the hope of company.

    The original holds it as long as requests waited on average lately, so for a second or so
    after every large request.
    """

    def trigger_refresh(self) -> None:
        super().trigger_refresh()  # type: ignore[no-untyped-call]
        self.wait = min(self.wait, _MAX_CORK_SECONDS)  # type: ignore[assignment]


class _Dispatcher(CorkDispatcher[_Piece, _Answers]):
    """BentoML's dispatcher, with batches bounded by texts and tokens, whoever they come from.

    It also passes over requests whose caller has gone, and never refuses one by its own estimate
    of the waiting time: that estimate is wrong on a cold worker.
    """

    def __init__(self, max_texts: int, max_tokens: int) -> None:
        super().__init__(_NEVER_MS, max_texts, fallback=_cancelled)
        self.optimizer: _Optimizer = _Optimizer(self.max_latency)
        self.max_tokens = max_tokens

    def _get_inputs(
        self,
        num_batches: int | None = None,  # noqa: ARG002 (never given)
    ) -> Iterator[Job[_Piece, _Answers]]:
        texts = tokens = 0
        while self._queue:
            job = self._queue[0]
            if not job.future.done():
                first = not texts
                texts += len(job.data.queries)
                tokens += job.data.tokens
                if not first and (texts > self.max_batch_size or tokens > self.max_tokens):
                    return
                yield job
            self._queue.popleft()

    async def outbound_call(
        self, inputs_info: tuple[Job[_Piece, _Answers], ...], training: bool = False
    ) -> None:
        if inputs_info:
            await super().outbound_call(inputs_info, training)
        else:  # all callers have gone
            self._sema.release()  # type: ignore[no-untyped-call]


def _cancelled() -> NoReturn:
    """What a request gets whose future was cancelled: by its own caller, or by `stop`."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
    raise ModelNotReadyError


class BatchRunner:
    """Classifies texts for any number of concurrent callers; one for each worker process.

    Made empty and without cost; `start` warms it up.

    A request of many texts goes through the network in pieces, one after the other, so that one
    of a single text never waits for the whole of it. Pieces and batches are bounded by their
    texts and by their tokens, which are reckoned from the characters. Texts for different
    classifiers share batches. The event loop stands still while a batch is in the network: some
    milliseconds. `on_batch` is told of each batch, those of the warm-up left out.
    """

    def __init__(
        self,
        *,
        max_batch_size: int,
        max_batch_tokens: int,
        torch_threads: int,
        on_batch: Callable[[Batch], None] | None = None,
    ) -> None:
        self._max_batch_size = max_batch_size
        self._max_batch_tokens = max_batch_tokens
        self._torch_threads = torch_threads
        self._on_batch = on_batch
        self._probe: list[Query] | None = None
        self._failing = False
        self._end: float | None = None
        self._timers: set[asyncio.Timeout] = set()

    async def start(self, classifier: Classifier) -> None:
        """Take requests, once network and dispatcher are warm; `classifier` serves to warm them."""
        torch.set_num_threads(self._torch_threads)
        self._dispatcher = _Dispatcher(self._max_batch_size, self._max_batch_tokens)
        self._submit = cast("Callable[[_Piece], Awaitable[_Answers]]", self._dispatcher(self._run))
        probe = [Query(_WARM_UP_TEXT, (classifier,))]
        for size in _WARM_UP_BATCHES:
            await asyncio.gather(*(self._submit(_Piece(probe, 1, 0.0, None)) for _ in range(size)))
        self._dispatcher.optimizer.trigger_refresh()
        self._probe = probe

    async def stop(self) -> None:
        """Refuse what waits."""
        if self._probe is not None:
            self._probe = None
            self._dispatcher.shutdown()

    def hurry(self, seconds: float) -> None:
        """Let no call last longer than `seconds` from now: it returns what it has by then."""
        self._end = asyncio.get_running_loop().time() + seconds
        for timer in self._timers:
            if not timer.expired():
                timer.reschedule(self._bounded(timer.when()))

    async def classify(
        self, queries: Sequence[Query], *, deadline: float | None = None
    ) -> list[list[Classification]]:
        """For each query one classification by each of its classifiers, of which it has some.

        Queries share batches with those of other callers. At `deadline`, on the clock of the event
        loop, what has been classified is returned: the results of the first queries. Raises
        ModelNotReadyError before `start` and after `stop`, InferenceError if the network fails.
        """
        loop = asyncio.get_running_loop()
        done: list[list[Classification]] = []
        with suppress(TimeoutError):
            async with self._timer(deadline) as timer:
                for piece in self._pieces(queries):
                    if (end := timer.when()) is not None and loop.time() >= end:
                        break
                    self._check_started()  # the runner can be stopped between two pieces
                    done += await self._submit(piece)
        return done

    async def is_healthy(self) -> bool:
        """Whether the network can answer; after a failed batch, whether it can by now."""
        if self._probe is None:
            return False
        if not self._failing:
            return True
        deadline = asyncio.get_running_loop().time() + _PROBE_SECONDS
        try:
            return bool(await self.classify(self._probe, deadline=deadline))
        except ModelStoreError:
            return False

    @asynccontextmanager
    async def _timer(self, deadline: float | None) -> AsyncIterator[asyncio.Timeout]:
        async with asyncio.timeout_at(self._bounded(deadline)) as timer:
            self._timers.add(timer)
            try:
                yield timer
            finally:
                self._timers.discard(timer)

    def _bounded(self, deadline: float | None) -> float | None:
        return min((time for time in (deadline, self._end) if time is not None), default=None)

    def _check_started(self) -> None:
        if self._probe is None:
            raise ModelNotReadyError

    def _pieces(self, queries: Sequence[Query]) -> Iterator[_Piece]:
        self._check_started()
        stages = recorded()
        piece: list[Query] = []
        tokens = 0
        for query in queries:
            most = query.classifiers[0].encoder.max_tokens
            cost = min(len(query.text) // _CHARACTERS_PER_TOKEN + 1, most)
            full = len(piece) == self._max_batch_size or tokens + cost > self._max_batch_tokens
            if piece and full:
                yield _Piece(piece, tokens, time.perf_counter(), stages)
                piece, tokens = [], 0
            piece.append(query)
            tokens += cost
        if piece:
            yield _Piece(piece, tokens, time.perf_counter(), stages)

    async def _run(self, batch: Sequence[_Piece]) -> Sequence[_Answers]:
        queries = [query for piece in batch for query in piece.queries]
        # uvloop accepts one connection in each turn of the loop: without turns between large
        # batches, callers would wait for many of them before they are even heard.
        for _ in range(sum(piece.tokens for piece in batch) // _TOKENS_PER_TURN):
            await asyncio.sleep(0)
        work, start = Work(), time.perf_counter()
        try:
            # Not in a thread: torch gives up the interpreter's lock with each of its operations,
            # and while the event loop is busy gets it back only after the switch interval.
            answers = classify_together(queries, work)
        except Exception as error:  # The boundary of the network: whatever it was, callers get one.
            logger.exception("The network failed on a batch of %d texts", len(queries))
            self._failing = True
            raise InferenceError from error
        self._failing = False
        self._tell(batch, work, start, time.perf_counter())
        rest = iter(answers)
        return [[next(rest) for _ in piece.queries] for piece in batch]

    def _tell(self, batch: Sequence[_Piece], work: Work, start: float, end: float) -> None:
        """Say what a batch was, to whoever asks for batches or for the stages of a request."""
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
