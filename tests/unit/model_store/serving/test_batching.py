"""The guarantees of the batcher to its callers."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest
from torch import Tensor

from model_store.errors import InferenceError, ModelNotReadyError
from model_store.model.classification import Classification
from model_store.model.classifier import Classifier, Query
from model_store.model.encoder import Encoder
from model_store.model.origin import Traits
from model_store.model.stages import QUEUE, Work, recording
from model_store.serving.batching import BatchRunner
from tests.conftest import ClassifierFactory


class Recorder(Encoder):
    """An encoder that records its batches, and fails or sleeps on demand."""

    batches: list[list[int]]
    """Number of characters of each text in each batch."""
    seconds = 0.0
    fails = False

    def read(self, texts: Sequence[str], work: Work | None = None) -> tuple[Tensor, Traits | None]:
        self.batches.append([len(text) for text in texts])
        time.sleep(self.seconds)
        if self.fails:
            raise RuntimeError("out of memory")
        return super().read(texts, work)


@pytest.fixture
def classifier(make_classifier: ClassifierFactory) -> Classifier:
    made = make_classifier()
    assert isinstance(made.encoder, Encoder)
    encoder = Recorder(made.encoder.network, made.encoder.vocabulary, max_tokens=32)
    encoder.batches = []
    return Classifier(encoder, made.head)


@pytest.fixture
def encoder(classifier: Classifier) -> Recorder:
    assert isinstance(classifier.encoder, Recorder)
    return classifier.encoder


class Runner(BatchRunner):
    """A runner that asks one classifier about plain texts."""

    classifier: Classifier

    async def ask(
        self, texts: Sequence[str], *, deadline: float | None = None
    ) -> list[Classification]:
        queries = [Query(text, (self.classifier,)) for text in texts]
        return [item for (item,) in await self.classify(queries, deadline=deadline)]


@asynccontextmanager
async def running(
    classifier: Classifier, *, max_batch_size: int = 256, max_batch_tokens: int = 10_000
) -> AsyncIterator[Runner]:
    runner = Runner(max_batch_size=max_batch_size, max_batch_tokens=max_batch_tokens)
    runner.classifier = classifier
    await runner.start(classifier)
    assert isinstance(classifier.encoder, Recorder)
    classifier.encoder.batches.clear()
    try:
        yield runner
    finally:
        await runner.stop()


def test_concurrent_callers_each_get_their_own_answers(classifier: Classifier) -> None:
    texts = [f"{'good ' * (n % 7)}{'bad ' * (n % 5)}film" for n in range(300)]

    async def scenario() -> list[list[Classification]]:
        async with running(classifier) as runner:
            return await asyncio.gather(*(runner.ask([text, "film"]) for text in texts))

    answers = asyncio.run(scenario())
    for text, answer in zip(texts, answers, strict=True):
        expected = classifier.classify([text, "film"])
        assert [a.label for a in answer] == [e.label for e in expected]
        assert [a.score for a in answer] == pytest.approx([e.score for e in expected], abs=1e-5)


def test_concurrent_callers_share_batches(classifier: Classifier, encoder: Recorder) -> None:
    async def scenario() -> None:
        encoder.seconds = 0.01
        async with running(classifier) as runner:
            await asyncio.gather(*(runner.ask(["good film"]) for _ in range(100)))

    asyncio.run(scenario())
    assert len(encoder.batches) < 10


def test_a_batch_is_bounded_by_texts_and_by_tokens(
    classifier: Classifier, encoder: Recorder
) -> None:
    async def scenario() -> None:
        async with running(classifier, max_batch_size=8, max_batch_tokens=50) as runner:
            await runner.ask(["good " * (n % 30) for n in range(200)])

    asyncio.run(scenario())
    assert sum(map(len, encoder.batches)) == 200
    assert max(map(len, encoder.batches)) <= 8
    # Five characters are estimated as one token, plus one token for each text.
    assert all(sum(size // 5 + 1 for size in batch) <= 50 for batch in encoder.batches)


def test_a_text_over_the_bound_is_a_batch_of_its_own(
    classifier: Classifier, encoder: Recorder
) -> None:
    async def scenario() -> None:
        async with running(classifier, max_batch_tokens=10) as runner:
            await runner.ask(["good " * 30, "good", "good " * 30])

    asyncio.run(scenario())
    assert encoder.batches == [[150], [4], [150]]


def test_a_single_text_does_not_wait_for_all_of_a_large_request(
    classifier: Classifier, encoder: Recorder
) -> None:
    async def scenario() -> int:
        async with running(classifier, max_batch_size=10) as runner:
            encoder.seconds = 0.002
            large = asyncio.create_task(runner.ask(["bad"] * 1000))
            await asyncio.sleep(0.01)
            await runner.ask(["good"])
            before = len(encoder.batches)
            await large
            return before

    assert asyncio.run(scenario()) < 50, "the large request has a hundred pieces"


def test_at_the_deadline_the_first_results_are_returned(
    classifier: Classifier, encoder: Recorder
) -> None:
    texts = [f"{'good ' * (n % 7)}film" for n in range(100)]

    async def scenario() -> list[Classification]:
        async with running(classifier, max_batch_size=10) as runner:
            encoder.seconds = 0.2  # ten batches: two seconds at least
            deadline = asyncio.get_running_loop().time() + 1
            return await runner.ask(texts, deadline=deadline)

    done = asyncio.run(scenario())
    assert 0 < len(done) < 100
    assert [item.label for item in done] == [
        item.label for item in classifier.classify(texts[: len(done)])
    ]


def test_a_drain_ends_current_and_later_calls_with_partial_results(
    classifier: Classifier, encoder: Recorder
) -> None:
    texts = ["good"] * 1000

    async def scenario() -> tuple[list[list[Classification]], list[Classification]]:
        async with running(classifier, max_batch_size=1) as runner:
            encoder.seconds = 0.05
            deadline = asyncio.get_running_loop().time() + 1000
            calls = [runner.ask(texts), runner.ask(texts, deadline=deadline)]
            tasks = [asyncio.create_task(call) for call in calls]
            await asyncio.sleep(0)
            runner.drain(1)
            done = await asyncio.gather(*tasks)
            return done, await runner.ask(texts, deadline=deadline)

    done, late = asyncio.run(scenario())
    assert all(0 < len(answers) < len(texts) for answers in done)
    assert late == []


def test_after_the_deadline_no_batch_starts(classifier: Classifier, encoder: Recorder) -> None:
    async def scenario() -> list[Classification]:
        async with running(classifier) as runner:
            return await runner.ask(["good"], deadline=asyncio.get_running_loop().time() - 1)

    assert asyncio.run(scenario()) == []
    assert encoder.batches == []


def test_a_burst_on_a_cold_worker_is_answered_completely(
    classifier: Classifier, encoder: Recorder
) -> None:
    async def scenario() -> list[list[Classification]]:
        encoder.seconds = 0.001
        async with running(classifier, max_batch_size=4) as runner:
            return await asyncio.gather(*(runner.ask(["good film"]) for _ in range(1000)))

    assert len(asyncio.run(scenario())) == 1000


def test_a_single_text_after_a_burst_is_not_delayed(
    classifier: Classifier, encoder: Recorder
) -> None:
    """A batcher that waits for more texts would delay it as long as the texts of the burst."""

    async def scenario() -> float:
        async with running(classifier, max_batch_size=4) as runner:
            encoder.seconds = 0.005
            await runner.ask(["good film"] * 400)
            with recording() as stages:
                await runner.ask(["good film"])
            return next(stage.end - stage.start for stage in stages if stage.name == QUEUE)

    assert asyncio.run(scenario()) <= 0.005


def test_cancelled_callers_cost_nothing(classifier: Classifier, encoder: Recorder) -> None:
    async def scenario() -> None:
        async with running(classifier, max_batch_size=1) as runner:
            encoder.seconds = 0.05
            first = asyncio.create_task(runner.ask(["good"]))
            await asyncio.sleep(0.02)
            cancelled = asyncio.create_task(runner.ask(["bad"] * 50))
            await asyncio.sleep(0.02)
            cancelled.cancel()
            with pytest.raises(asyncio.CancelledError):
                await cancelled
            await first
            assert len(await runner.ask(["film"])) == 1

    asyncio.run(scenario())
    assert len(encoder.batches) < 10, "the cancelled caller asked for fifty"


def test_the_network_does_not_run_for_cancelled_callers_alone(
    classifier: Classifier, encoder: Recorder
) -> None:
    async def scenario() -> None:
        async with running(classifier, max_batch_size=1) as runner:
            encoder.seconds = 0.02
            encoder.fails = True
            first = asyncio.create_task(runner.ask(["good"]))
            await asyncio.sleep(0)
            cancelled = [asyncio.create_task(runner.ask(["bad"])) for _ in range(3)]
            await asyncio.sleep(0)
            for caller in cancelled:
                caller.cancel()
            with pytest.raises(InferenceError):
                await first
            await asyncio.sleep(0.05)
            assert encoder.batches == [[4]]
            assert runner._failing, "no batch has succeeded since"
            encoder.fails = False
            assert len(await runner.ask(["film"])) == 1

    asyncio.run(scenario())


def test_a_failing_network_is_an_error_for_the_callers_in_the_batch_only(
    classifier: Classifier, encoder: Recorder
) -> None:
    async def scenario() -> None:
        async with running(classifier) as runner:
            encoder.fails = True
            with pytest.raises(InferenceError):
                await runner.ask(["good"])
            assert not await runner.is_healthy()
            encoder.fails = False
            assert await runner.is_healthy()
            assert len(await runner.ask(["good"])) == 1

    asyncio.run(scenario())


def test_before_start_and_after_stop_calls_raise_not_ready(classifier: Classifier) -> None:
    async def scenario() -> None:
        runner = Runner(max_batch_size=8, max_batch_tokens=100)
        runner.classifier = classifier
        with pytest.raises(ModelNotReadyError):
            await runner.ask(["good"])
        assert not await runner.is_healthy()
        await runner.start(classifier)
        assert await runner.is_healthy()
        await runner.stop()
        assert not await runner.is_healthy()
        with pytest.raises(ModelNotReadyError):
            await runner.ask(["good"])

    asyncio.run(scenario())


def test_stop_fails_queued_calls(classifier: Classifier, encoder: Recorder) -> None:
    async def scenario() -> None:
        async with running(classifier, max_batch_size=1) as runner:
            encoder.seconds = 0.02
            waiting = asyncio.create_task(runner.ask(["good"] * 50))
            await asyncio.sleep(0.05)
            await runner.stop()
            with pytest.raises(ModelNotReadyError):
                await waiting

    asyncio.run(scenario())


def test_an_empty_request_does_not_run_the_network(classifier: Classifier) -> None:
    async def scenario() -> list[Classification]:
        async with running(classifier) as runner:
            return await runner.ask([])

    assert asyncio.run(scenario()) == []
