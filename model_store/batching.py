"""The adaptive batcher of one worker: many callers, one network, each call as large as it pays.

Batching is BentoML's own (its CORK dispatcher), awaited in process: `bentoml.depends` and
`self.to_async` reach it over HTTP and lose requests on the way. See docs/decisions/0001.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NoReturn, cast

import torch
from bentoml._internal.marshal.dispatcher import CorkDispatcher, Job, Optimizer

from model_store.classifier import Classifier
from model_store.errors import InferenceError, ModelNotReadyError
from model_store.types import Classification

logger = logging.getLogger(__name__)

_NEVER_MS = 24 * 60 * 60 * 1000
_MAX_CORK_SECONDS = 0.005
_INLINE_CHARACTERS = 10_000
_PROBE_SECONDS = 0.5
_WARM_UP_TEXT = "one of the many films that I have seen this year , and I remember it well . " * 14
# BentoML's dispatcher learns from its first eleven batches, in three stages, how long a batch of
# n takes; the last, large ones keep a hiccup of the machine from being taken for a slow network.
_WARM_UP_BATCHES = (*(1,) * 10, 2, 2, 3, 3, 16, 32, 32)


class _Optimizer(Optimizer):
    """Bounds how long a lone request is held back in the hope of company.

    The original holds it as long as requests waited on average lately, so for a second or so
    after every large request.
    """

    def trigger_refresh(self) -> None:
        super().trigger_refresh()  # type: ignore[no-untyped-call]
        self.wait = min(self.wait, _MAX_CORK_SECONDS)  # type: ignore[assignment]


class _Dispatcher(CorkDispatcher[list[int], Classification]):
    """BentoML's dispatcher, with batches bounded by tokens as well as by number.

    It also passes over requests whose caller has gone, and never refuses one by its own estimate
    of the waiting time: that estimate is wrong on a cold worker.
    """

    def __init__(self, max_batch_size: int, max_batch_tokens: int) -> None:
        super().__init__(_NEVER_MS, max_batch_size, fallback=_cancelled)
        self.optimizer: _Optimizer = _Optimizer(self.max_latency)
        self.max_batch_tokens = max_batch_tokens

    def _get_inputs(
        self,
        num_batches: int | None = None,  # noqa: ARG002 (never given)
    ) -> Iterator[Job[list[int], Classification]]:
        size = tokens = 0
        while self._queue and size < self.max_batch_size:
            job = self._queue[0]
            if not job.future.done():
                tokens += len(job.data)
                if size and tokens > self.max_batch_tokens:
                    return
                size += 1
                yield job
            self._queue.popleft()


def _cancelled() -> NoReturn:
    """What a request gets whose future was cancelled: by its own caller, or by `stop`."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
    raise ModelNotReadyError


class BatchRunner:
    """Classifies texts for any number of concurrent callers; one for each worker process.

    Made empty and without cost; `start` gives it its model.
    """

    def __init__(self, *, max_batch_size: int, max_batch_tokens: int, torch_threads: int) -> None:
        self._limits = (max_batch_size, max_batch_tokens)
        self._torch_threads = torch_threads
        self._classifier: Classifier | None = None
        self._version = ""
        self._failing = False

    @property
    def version(self) -> str:
        """The version in force; raises ModelNotReadyError before `start`."""
        self._in_service()
        return self._version

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels of the version in force; raises ModelNotReadyError before `start`."""
        return self._in_service().labels

    async def start(self, classifier: Classifier, version: str) -> None:
        """Take a model into service, once network and dispatcher are warm."""
        torch.set_num_threads(self._torch_threads)
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="inference")
        self._dispatcher = _Dispatcher(*self._limits)
        self._submit = cast(
            "Callable[[list[int]], Awaitable[Classification]]", self._dispatcher(self._run)
        )
        self._model = classifier
        ids = classifier.encode(_WARM_UP_TEXT)
        for size in _WARM_UP_BATCHES:
            await asyncio.gather(*(self._submit(ids) for _ in range(size)))
        self._dispatcher.optimizer.trigger_refresh()
        self._classifier, self._version = classifier, version

    async def stop(self) -> None:
        """Refuse what waits, end what runs."""
        if self._classifier is not None:
            self._classifier = None
            self._dispatcher.shutdown()
            await asyncio.to_thread(self._executor.shutdown)

    async def classify(self, texts: Sequence[str]) -> list[Classification]:
        """Classify texts, in their order; they share batches with those of other callers.

        Raises ModelNotReadyError before `start` and after `stop`, InferenceError if the network
        fails.
        """
        classifier = self._in_service()
        if sum(map(len, texts)) <= _INLINE_CHARACTERS:
            sequences = [classifier.encode(text) for text in texts]
        else:
            sequences = await asyncio.to_thread(lambda: [classifier.encode(t) for t in texts])
        return list(await asyncio.gather(*map(self._submit, sequences)))

    async def is_healthy(self) -> bool:
        """Whether the model can answer; after a failed batch, whether it can by now."""
        if self._classifier is None:
            return False
        if self._failing:
            try:
                async with asyncio.timeout(_PROBE_SECONDS):
                    await self.classify([_WARM_UP_TEXT])
            except (TimeoutError, InferenceError, ModelNotReadyError):
                return False
        return True

    def _in_service(self) -> Classifier:
        if self._classifier is None:
            raise ModelNotReadyError
        return self._classifier

    async def _run(self, batch: Sequence[list[int]]) -> Sequence[Classification]:
        loop = asyncio.get_running_loop()
        try:
            results = await loop.run_in_executor(
                self._executor, self._model.classify_encoded, batch
            )
        except Exception as error:  # The boundary of the network: whatever it was, callers get one.
            logger.exception("The network failed on a batch of %d texts", len(batch))
            self._failing = True
            raise InferenceError from error
        self._failing = False
        return results
