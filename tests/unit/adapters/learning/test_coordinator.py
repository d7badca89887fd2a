"""A worker stores events as examples and queues trainings."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import pytest
from sqlalchemy import Engine

from adapters.label_studio.events import Changes, EventError, NoPayloadError
from adapters.label_studio.labeling_config import Labels, parse
from adapters.learning.budget import Budgets
from adapters.learning.coordinator import Coordinator
from adapters.learning.examples import ExampleStore
from adapters.learning.jobs import JobQueue, State
from model_store.errors import DatabaseError
from model_store.serving.deployments import DeploymentLog
from tests.stored import snapshot

T = TypeVar("T")

PROJECT = "1"
CONFIG = (
    '<View><Text name="text" value="$text"/><Choices name="kind" toName="text">'
    '<Choice value="Praise"/><Choice value="Complaint"/></Choices></View>'
)


class Worker:
    """The learning loop of one worker, and its database."""

    def __init__(self, database: Engine, train_every: int = 0) -> None:
        self.examples, self.jobs = ExampleStore(database), JobQueue(database)
        self.log = DeploymentLog(database)
        self.learning = Coordinator(
            self.examples, self.jobs, self.log, Budgets(database), train_every=train_every
        )

    def annotate(self, *numbers: int, choice: str = "Praise", at: int = 1) -> int:
        return sum(self.record(event(number, choice, at)) for number in numbers)

    def record(self, item: dict[str, Any]) -> int:
        return len(run(lambda: self.learning.record(item)))


def event(number: int, choice: str = "Praise", at: int = 1) -> dict[str, Any]:
    return {
        "action": "ANNOTATION_CREATED",
        "project": {"id": 1, "label_config": CONFIG},
        "task": {"id": number, "data": {"text": f"text {number}"}},
        "annotation": {
            "id": number,
            "task": number,
            "updated_at": f"2026-01-01T00:00:{at:02}Z",
            "result": [{"type": "choices", "from_name": "kind", "value": {"choices": [choice]}}],
        },
    }


def run(ask: Callable[[], Awaitable[T]]) -> T:
    async def main() -> T:
        return await ask()

    return asyncio.run(main())


def test_an_event_is_on_the_disk_when_it_is_recorded(database: Engine) -> None:
    worker = Worker(database)
    assert worker.annotate(1, 2) == 2
    assert [example.task for example in snapshot(Worker(database).examples, PROJECT)] == [1, 2]


def test_a_malformed_event_is_an_error(database: Engine) -> None:
    with pytest.raises(EventError):
        run(lambda: Worker(database).learning.record({"action": "ANNOTATION_CREATED"}))


def test_by_default_no_training_is_queued_automatically(database: Engine) -> None:
    worker = Worker(database)
    worker.annotate(*range(30))
    assert worker.jobs.jobs() == []


def test_a_training_is_queued_after_enough_new_annotations(database: Engine) -> None:
    worker = Worker(database, train_every=3)
    worker.annotate(1, 2)
    assert worker.jobs.jobs() == []
    worker.annotate(3)
    (first,) = worker.jobs.jobs()
    assert (first.project, first.state, first.annotations) == (PROJECT, State.QUEUED, 3)
    worker.annotate(4, 5)
    worker.jobs.end(first.id, State.TOO_FEW)
    assert len(worker.jobs.jobs()) == 1
    worker.annotate(6)
    assert [job.annotations for job in worker.jobs.jobs()] == [6, 3]


def test_a_changed_annotation_does_not_count_as_new(database: Engine) -> None:
    worker = Worker(database, train_every=3)
    for second in range(5):
        worker.annotate(1, choice="Complaint", at=second)
    assert worker.jobs.jobs() == []


def test_a_requested_training_restarts_the_count(database: Engine) -> None:
    worker = Worker(database, train_every=3)
    worker.annotate(1, 2)
    job = run(lambda: worker.learning.train(PROJECT))
    assert job.annotations == 2
    worker.jobs.end(job.id, State.TOO_FEW)
    worker.annotate(3, 4)
    assert len(worker.jobs.jobs()) == 1
    worker.annotate(5)
    assert [job.annotations for job in worker.jobs.jobs()] == [5, 2]


def test_a_second_request_returns_the_same_job(database: Engine) -> None:
    learning = Worker(database).learning
    first, second = (run(lambda: learning.train(PROJECT)) for _ in range(2))
    assert first == second == run(lambda: learning.job(first.id))
    assert run(lambda: learning.jobs(PROJECT)) == [first]
    assert run(lambda: learning.jobs(None)) == [first]
    assert run(lambda: learning.jobs("2")) == []


def test_missing_annotations_are_named_until_there_are_enough(database: Engine) -> None:
    worker = Worker(database)
    controls = parse(CONFIG, Labels(("Positive", "Negative"))).unknown
    assert [control.name for control in controls] == ["kind"]
    worker.annotate(*range(10))
    (sentence,) = run(lambda: worker.learning.needed(PROJECT, controls))
    assert sentence.startswith('Before "kind" can be trained: ')
    worker.annotate(*range(10, 60))
    worker.annotate(*range(60, 120), choice="Complaint")
    assert run(lambda: worker.learning.needed(PROJECT, controls)) == []
    assert run(lambda: worker.learning.needed(PROJECT, [])) == []


def test_an_event_does_not_wait_for_reads(
    database: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = Worker(database)
    controls = parse(CONFIG, Labels(("Positive", "Negative"))).unknown
    is_kept = threading.Event()

    def wait(*_: object) -> list[Any]:
        assert is_kept.wait(30), "the event waits"
        return []

    monkeypatch.setattr(worker.examples, "annotated", wait)

    async def main() -> None:
        asking = [asyncio.create_task(worker.learning.needed(PROJECT, controls)) for _ in range(10)]
        await asyncio.sleep(0)
        await worker.learning.record(event(1))
        is_kept.set()
        await asyncio.gather(*asking)

    asyncio.run(main())


def test_a_choice_of_models_is_appended_to_the_log(database: Engine) -> None:
    worker = Worker(database)
    run(lambda: worker.learning.choose(PROJECT, ["active", "a:1"], ensemble=True))
    (entry,) = worker.log.since(0)
    assert (entry.project, entry.models, entry.ensemble) == (PROJECT, ("active", "a:1"), True)


def test_annotations_that_are_left_out_are_counted_by_their_reason(database: Engine) -> None:
    worker = Worker(database)
    controls = parse(CONFIG, Labels(("Positive", "Negative"))).unknown
    worker.annotate(1, 2)
    worker.annotate(3, 4, choice="Renamed")
    without_text = event(5)
    without_text["task"]["data"] = {}
    worker.record(without_text)
    needed, left_out = run(lambda: worker.learning.needed(PROJECT, controls))
    assert needed.startswith('Before "kind" can be trained: 18 more annotations are needed')
    assert left_out == (
        '"kind": 2 of 5 annotations count, and 2 of 5 annotated tasks are examples. Annotations '
        "that are left out: 2 with a choice that the labeling config does not offer, "
        '1 whose data key "text" is missing.'
    )


def test_events_that_wait_at_the_same_time_share_a_transaction(
    database: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = Worker(database, train_every=20)
    sizes = []
    store = worker.examples.record

    def count(*events: Changes) -> None:
        sizes.append(len(events))
        store(*events)

    monkeypatch.setattr(worker.examples, "record", count)
    answers = run(lambda: asyncio.gather(*map(worker.learning.record, map(event, range(40)))))
    assert [[each.id for each in changes.annotations] for changes in answers] == [
        [number] for number in range(40)
    ]
    assert sum(sizes) == 40
    assert len(sizes) <= 3
    assert len(snapshot(worker.examples, PROJECT)) == 40
    assert len(worker.jobs.jobs()) == 1


def test_an_event_is_acknowledged_only_after_the_transaction_with_it(
    database: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = Worker(database)
    is_free = threading.Event()
    store = worker.examples.record

    def wait(*events: Changes) -> None:
        assert is_free.wait(30)
        store(*events)

    monkeypatch.setattr(worker.examples, "record", wait)

    async def main() -> None:
        asking = [asyncio.create_task(worker.learning.record(event(n))) for n in range(5)]
        await asyncio.sleep(0.05)
        assert not any(each.done() for each in asking)
        is_free.set()
        await asyncio.gather(*asking)

    asyncio.run(main())
    assert len(snapshot(worker.examples, PROJECT)) == 5


def test_an_event_that_cannot_be_stored_fails_alone(
    database: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = Worker(database)
    store = worker.examples.record

    def refuse(*events: Changes) -> None:
        store(*events)
        if any(each.annotations[0].id == 7 for each in events):
            raise DatabaseError("of a test", "it refuses event 7")

    monkeypatch.setattr(worker.examples, "record", refuse)
    events = [*map(event, range(10)), {"action": "ANNOTATION_CREATED"}]
    answers = run(
        lambda: asyncio.gather(*map(worker.learning.record, events), return_exceptions=True)
    )
    failed = {number: each for number, each in enumerate(answers) if isinstance(each, Exception)}
    assert {number: type(each) for number, each in failed.items()} == {
        7: DatabaseError,
        10: NoPayloadError,
    }
