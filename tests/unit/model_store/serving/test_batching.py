"""The batcher: what it promises its callers, and what it relies on in BentoML's dispatcher."""

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
from model_store.model.stages import Work
from model_store.serving.batching import BatchRunner
from tests.conftest import ClassifierFactory


class Recorder(Encoder):
    """Notes the batches that it is given, and fails or waits on demand."""

    batches: list[list[int]]
    """The characters of each text of each batch."""
    seconds = 0.0
    fails = False

    def __call__(self, texts: Sequence[str], work: Work | None = None) -> Tensor:
        self.batches.append([len(text) for text in texts])
        time.sleep(self.seconds)
        if self.fails:
            raise RuntimeError("out of memory")
        return super().__call__(texts, work)


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
    """Asks one classifier about plain texts."""

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
    runner = Runner(
        max_batch_size=max_batch_size, max_batch_tokens=max_batch_tokens, torch_threads=1
    )
    runner.classifier = classifier
    await runner.start(classifier)
    assert isinstance(classifier.encoder, Recorder)
    classifier.encoder.batches.clear()
    try:
        yield runner
    finally:
        await runner.stop()


def test_concurrent_callers_get_each_their_own_answers(classifier: Classifier) -> None:
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


def test_a_batch_is_bounded_by_its_texts_and_by_its_tokens(
    classifier: Classifier, encoder: Recorder
) -> None:
    async def scenario() -> None:
        async with running(classifier, max_batch_size=8, max_batch_tokens=50) as runner:
            await runner.ask(["good " * (n % 30) for n in range(200)])

    asyncio.run(scenario())
    assert sum(map(len, encoder.batches)) == 200
    assert max(map(len, encoder.batches)) <= 8
    # A token is reckoned for each five characters, and one more for each text.
    assert all(sum(size // 5 + 1 for size in batch) <= 50 for batch in encoder.batches)


def test_a_text_over_the_bound_goes_alone(classifier: Classifier, encoder: Recorder) -> None:
    async def scenario() -> None:
        async with running(classifier, max_batch_tokens=10) as runner:
            await runner.ask(["good " * 30, "good", "good " * 30])

    asyncio.run(scenario())
    assert encoder.batches == [[150], [4], [150]]


def test_a_lone_text_does_not_wait_for_the_whole_of_a_large_request(
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


def test_in_a_hurry_calls_end_with_what_they_have_and_later_ones_too(
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
            runner.hurry(1)
            done = await asyncio.gather(*tasks)
            return done, await runner.ask(texts, deadline=deadline)

    done, late = asyncio.run(scenario())
    assert all(0 < len(answers) < len(texts) for answers in done)
    assert late == []


def test_after_the_deadline_nothing_is_begun(classifier: Classifier, encoder: Recorder) -> None:
    async def scenario() -> list[Classification]:
        async with running(classifier) as runner:
            return await runner.ask(["good"], deadline=asyncio.get_running_loop().time() - 1)

    assert asyncio.run(scenario()) == []
    assert encoder.batches == []


def test_a_burst_onto_a_worker_that_just_started_is_answered_whole(
    classifier: Classifier, encoder: Recorder
) -> None:
    async def scenario() -> list[list[Classification]]:
        encoder.seconds = 0.001
        async with running(classifier, max_batch_size=4) as runner:
            return await asyncio.gather(*(runner.ask(["good film"]) for _ in range(1000)))

    assert len(asyncio.run(scenario())) == 1000


def test_a_lone_text_after_a_burst_is_not_held_back(
    classifier: Classifier, encoder: Recorder
) -> None:
    """BentoML's dispatcher would hold it as long as the texts of the burst waited."""

    async def scenario() -> float:
        async with running(classifier, max_batch_size=4) as runner:
            encoder.seconds = 0.005
            await runner.ask(["good film"] * 400)
            runner._dispatcher.optimizer.trigger_refresh()
            return runner._dispatcher.optimizer.wait

    assert asyncio.run(scenario()) <= 0.005


def test_callers_who_have_gone_cost_nothing(classifier: Classifier, encoder: Recorder) -> None:
    async def scenario() -> None:
        async with running(classifier, max_batch_size=1) as runner:
            encoder.seconds = 0.05
            first = asyncio.create_task(runner.ask(["good"]))
            await asyncio.sleep(0.02)
            gone = asyncio.create_task(runner.ask(["bad"] * 50))
            await asyncio.sleep(0.02)
            gone.cancel()
            with pytest.raises(asyncio.CancelledError):
                await gone
            await first
            assert len(await runner.ask(["film"])) == 1

    asyncio.run(scenario())
    assert len(encoder.batches) < 10, "the one who has gone had asked for fifty"


def test_when_all_have_gone_the_network_is_left_alone(
    classifier: Classifier, encoder: Recorder
) -> None:
    async def scenario() -> None:
        async with running(classifier, max_batch_size=1) as runner:
            encoder.seconds = 0.02
            encoder.fails = True
            first = asyncio.create_task(runner.ask(["good"]))
            await asyncio.sleep(0)
            gone = [asyncio.create_task(runner.ask(["bad"])) for _ in range(3)]
            await asyncio.sleep(0)
            for caller in gone:
                caller.cancel()
            with pytest.raises(InferenceError):
                await first
            await asyncio.sleep(0.05)
            assert encoder.batches == [[4]]
            assert runner._failing, "nothing has shown that the network works again"
            encoder.fails = False
            assert len(await runner.ask(["film"])) == 1

    asyncio.run(scenario())


def test_a_failing_network_is_an_error_for_its_callers_alone(
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


def test_before_the_start_and_after_the_stop_there_is_no_model(classifier: Classifier) -> None:
    async def scenario() -> None:
        runner = Runner(max_batch_size=8, max_batch_tokens=100, torch_threads=1)
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


def test_a_stop_ends_what_waits_with_an_error(classifier: Classifier, encoder: Recorder) -> None:
    async def scenario() -> None:
        async with running(classifier, max_batch_size=1) as runner:
            encoder.seconds = 0.02
            waiting = asyncio.create_task(runner.ask(["good"] * 50))
            await asyncio.sleep(0.05)
            await runner.stop()
            with pytest.raises(ModelNotReadyError):
                await waiting

    asyncio.run(scenario())


def test_no_texts_need_no_network(classifier: Classifier) -> None:
    async def scenario() -> list[Classification]:
        async with running(classifier) as runner:
            return await runner.ask([])

    assert asyncio.run(scenario()) == []
