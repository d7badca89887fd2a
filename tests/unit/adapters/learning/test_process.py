"""A training job from its annotations to its end; a job that has ended activates nothing."""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar, Self

import pytest
from sqlalchemy import Engine

from adapters.label_studio.client_errors import ClientError
from adapters.label_studio.events import AnnotatedTask, Annotation, Changes
from adapters.learning import process
from adapters.learning.examples import ExampleStore
from adapters.learning.jobs import NO_EVENTS, Job, JobQueue, State
from model_store.errors import DatabaseError
from model_store.learning.candidate import Progress
from model_store.learning.training import Parent, Result
from model_store.learning.training_set import TrainingSet
from model_store.serving.deployments import DeploymentLog, Entry
from tests.conftest import ClassifierFactory

PROJECT = "1.1"
VERSION = "sentiment-cnn:0123456789abcdef"
DEFAULT = "sentiment-cnn:fedcba9876543210"
CONFIG = (
    '<View><Text name="text" value="$text"/><Choices name="kind" toName="text">'
    '<Choice value="Praise"/><Choice value="Complaint"/></Choices></View>'
)
Train = Callable[[Progress], Result]


class World:
    """A claimed job of a project with one annotation, and its process."""

    def __init__(self, database: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
        self.jobs, self.log = JobQueue(database), DeploymentLog(database)
        self.examples = ExampleStore(database)
        self.examples.record(
            Changes(
                PROJECT,
                CONFIG,
                tasks=(AnnotatedTask(1, {"text": "a text"}),),
                annotations=(Annotation(1, 1, {"kind": ("Praise",)}, False, 1, 1.0),),
            )
        )
        self._id = self.jobs.enqueue(PROJECT, 1).id
        assert self.jobs.claim()
        self._monkeypatch = monkeypatch
        self.nice: list[int] = []
        monkeypatch.setattr(os, "nice", self.nice.append)
        monkeypatch.setattr(process, "connect", lambda _: database)

    @property
    def job(self) -> Job:
        found = self.jobs.job(self._id)
        assert found
        return found

    def entries(self) -> list[Entry]:
        return self.log.since(0)

    def kill(self) -> None:
        """End the job like a worker that finds it stale."""
        self.jobs.end(self._id, State.KILLED, ["It was stale."])

    def run(self, train: Train, **settings: str) -> None:
        """Run the process with `train` in place of the training."""

        def stub(_: str, __: Parent, ___: list[TrainingSet], progress: Progress) -> Result:
            return train(progress)

        self._monkeypatch.setattr(process, "train", stub)
        for name, value in settings.items():
            self._monkeypatch.setenv(f"SENTIMENT_{name.upper()}", value)
        arguments = ["training", self._id, "--default", DEFAULT, "--default-path", "nowhere"]
        self._monkeypatch.setattr(sys, "argv", arguments)
        process.main()


@pytest.fixture
def world(
    database: Engine,
    monkeypatch: pytest.MonkeyPatch,
    make_classifier: ClassifierFactory,
    home_store: Path,
) -> World:
    assert home_store.is_dir()
    classifier = make_classifier()
    monkeypatch.setattr(process, "load_parent", lambda name, *_, **__: Parent(name, classifier))
    return World(database, monkeypatch)


REPORT = {"passed": True, "summary": "90% of 40 tasks are right"}


def good(_: Progress) -> Result:
    return Result(VERSION, passed=True, reasons=[], metrics={"kind": REPORT})


def test_a_version_that_passed_is_activated_and_its_job_says_so(world: World) -> None:
    world.run(good)
    (entry,) = world.entries()
    assert (entry.project, entry.version, entry.changed_by) == (PROJECT, VERSION, "training")
    job = world.job
    assert (job.state, job.version, job.progress, job.stage) == ("promoted", VERSION, 1.0, "done")
    assert job.metrics == {"kind": REPORT}


def test_a_refused_version_is_not_activated(world: World) -> None:
    world.run(lambda _: Result(VERSION, passed=False, reasons=["Worse."], metrics={}))
    assert (world.job.state, world.job.version) == (State.REFUSED, VERSION)
    assert world.job.reasons == ["Worse."]
    assert world.entries() == []


def test_too_few_annotations_give_no_version(world: World) -> None:
    world.run(lambda _: Result(None, passed=False, reasons=["More."], metrics={}))
    assert (world.job.state, world.job.version) == (State.TOO_FEW, None)
    assert world.job.reasons == ["More.", NO_EVENTS]
    assert world.entries() == []


def test_a_job_says_how_many_annotations_are_left_out_and_why(world: World) -> None:
    annotations = (
        Annotation(2, 1, {"kind": ("Praise", "Complaint")}, False, 2, 1.0),
        Annotation(3, 1, {}, True, 3, 1.0),
    )
    world.examples.record(Changes(PROJECT, annotations=annotations))
    world.run(lambda _: Result(None, passed=False, reasons=["More."], metrics={}))
    assert world.job.reasons == [
        "More.",
        (
            '"kind": 1 of 3 annotations count, and 1 of 1 annotated tasks are examples. '
            "Annotations that are left out: 1 with several choices, 1 skipped."
        ),
        NO_EVENTS,
    ]
    assert world.job.metrics["kind"]["annotations"] == {
        "annotations": 3,
        "annotations_left_out": {"with several choices": 1, "skipped": 1},
        "tasks": 1,
        "examples": 1,
        "tasks_left_out": {},
    }


def test_a_job_without_a_control_to_train_says_what_is_wrong_with_the_config(world: World) -> None:
    repeated = CONFIG.replace("<View>", '<View><Repeater on="$items">')
    repeated = repeated.replace("</View>", "</Repeater></View>")
    world.examples.record(Changes(PROJECT, repeated, updated_at=2.0))
    world.run(good)
    assert world.job.state is State.FAILED
    (reason,) = world.job.reasons
    assert reason.startswith('The Choices control "kind" is in a Repeater')


def test_a_job_that_was_killed_activates_nothing(world: World) -> None:
    def train(progress: Progress) -> Result:
        world.kill()
        return good(progress)

    world.run(train)
    assert world.job.state is State.KILLED
    assert world.job.reasons == ["It was stale."]
    assert world.entries() == []


def test_a_job_that_was_killed_stops_at_its_next_step(world: World) -> None:
    reached = []

    def train(progress: Progress) -> Result:
        world.kill()
        progress("fitting", 0.5)
        reached.append("the next step")
        return good(progress)

    world.run(train)
    assert not reached
    assert world.job.stage != "fitting"


def test_a_job_ends_and_activates_its_version_in_one_transaction(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise DatabaseError("of the tests", "it is full")

    monkeypatch.setattr(process, "activate", fail)
    with pytest.raises(DatabaseError):
        world.run(good)
    assert world.job.state is State.RUNNING
    assert world.entries() == []


def test_a_job_over_its_time_limit_fails_and_the_old_version_stays_active(world: World) -> None:
    def train(progress: Progress) -> Result:
        time.sleep(60)
        return good(progress)

    world.run(train, training_timeout="0.05")
    assert world.job.state is State.FAILED
    (reason,) = world.job.reasons
    assert "longer than 0.05 seconds: raise SENTIMENT_TRAINING_TIMEOUT" in reason
    assert world.entries() == []


def test_a_job_names_its_time_limit_for_any_error_of_the_interrupted_code(
    world: World,
) -> None:
    def train(_: Progress) -> Result:
        try:
            time.sleep(60)
        finally:
            raise DatabaseError("of the tests", "it was interrupted")

    world.run(train, training_timeout="0.5")
    (reason,) = world.job.reasons
    assert "longer than 0.5 seconds: raise SENTIMENT_TRAINING_TIMEOUT" in reason


def test_the_time_limit_cannot_interrupt_the_end_of_a_job(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = []
    end = world.jobs.end

    def watch(_: JobQueue, *args: Any, **changes: Any) -> bool:
        limits.append(signal.getitimer(signal.ITIMER_REAL))
        return end(*args, **changes)

    monkeypatch.setattr(JobQueue, "end", watch)
    world.run(good, training_timeout="1000")
    assert limits == [(0.0, 0.0)]
    assert world.job.state is State.PROMOTED


def test_an_internal_error_is_shown_in_the_log_and_not_in_the_job(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    def train(_: Progress) -> Result:
        raise ZeroDivisionError("a secret")

    world.run(train)
    assert world.job.state is State.FAILED
    assert world.job.reasons == ["Internal error; see the server log."]
    assert "ZeroDivisionError" in caplog.text


def test_old_versions_that_are_not_in_use_are_deleted_after_the_end(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    pruned = []

    def prune(_: DeploymentLog, project: str, *, keep: int, used: set[str]) -> None:
        assert world.job.state is State.PROMOTED
        pruned.append((project, keep, used))

    monkeypatch.setattr(process, "prune", prune)
    world.run(good, keep_versions="3", models="active,sentiment-cnn:1")
    assert pruned == [(PROJECT, 3, {DEFAULT, "active", "sentiment-cnn:1"})]


class FakeClient:
    """A Label Studio with one page of tasks; or one that fails."""

    pages: ClassVar[list[list[dict[str, Any]]]] = []
    error: ClassVar[Exception | None] = None
    created_at = "1970-01-01T00:00:01Z"

    def __init__(self, *_: str) -> None:
        if self.error:
            raise self.error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def project(self, number: int) -> dict[str, Any]:
        return {"id": number, "created_at": self.created_at, "label_config": CONFIG}

    def tasks_with_annotations(self, _: int) -> Iterator[list[dict[str, Any]]]:
        yield from self.pages


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> type[FakeClient]:
    class Client(FakeClient):
        pass

    monkeypatch.setattr(process, "LabelStudioClient", Client)
    monkeypatch.setenv("LABEL_STUDIO_URL", "http://labels.example.org")
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", "a token")
    return Client


def test_a_job_reports_that_annotations_could_not_be_fetched(
    world: World, client: type[FakeClient]
) -> None:
    client.error = ClientError("It does not answer.")
    world.run(lambda _: Result(VERSION, passed=False, reasons=["Worse."], metrics={}))
    expected = "Not all annotations were fetched from Label Studio: It does not answer."
    assert world.job.reasons == [expected, "Worse."]


def test_a_job_reports_that_the_project_belongs_to_another_label_studio(
    world: World, client: type[FakeClient]
) -> None:
    client.created_at = "1970-01-01T00:00:02Z"
    world.run(good)
    expected = "No annotations were fetched: LABEL_STUDIO_URL names another Label Studio."
    assert world.job.reasons == [expected]


def test_a_job_reports_malformed_tasks_and_trains_on_the_others(
    world: World, client: type[FakeClient]
) -> None:
    malformed = {"id": 2, "data": "a secret", "annotations": []}
    client.pages = [[malformed], [{"id": 3, "data": {"text": "a text"}, "annotations": []}]]
    world.run(good)
    expected = "Malformed tasks that were skipped: 1."
    assert world.job.reasons == [expected]
    assert world.job.state is State.PROMOTED


def test_a_job_that_was_killed_fetches_no_more_pages(
    world: World, client: type[FakeClient]
) -> None:
    asked = []

    def pages(*_: object) -> Iterator[list[dict[str, Any]]]:
        yield []
        world.kill()
        yield []
        asked.append("more")
        yield []

    setattr(client, "tasks_with_annotations", pages)
    world.run(good)
    assert asked == []
    assert world.entries() == []


def test_a_training_has_the_lowest_priority(world: World) -> None:
    world.run(good)
    assert world.nice == [19]


def test_heartbeats_go_on_after_failures(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(process, "_HEARTBEAT_SECONDS", 0.01)
    heartbeat = JobQueue.heartbeat
    failed: list[str] = []
    seen = threading.Event()

    def sometimes(jobs: JobQueue, job_id: str, **changes: Any) -> bool:
        if changes or threading.current_thread() is threading.main_thread():
            return heartbeat(jobs, job_id, **changes)
        if len(failed) < 3:
            failed.append(job_id)
            raise DatabaseError("of the tests", "it is gone")
        seen.set()
        return heartbeat(jobs, job_id)

    def train(progress: Progress) -> Result:
        assert seen.wait(30)
        return good(progress)

    monkeypatch.setattr(JobQueue, "heartbeat", sometimes)
    world.run(train)
    assert world.job.state is State.PROMOTED
    assert caplog.text.count("no heartbeat of training job") == 1
