"""Predicting a project while its Label Studio sometimes fails."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from adapters.label_studio.client_errors import ClientError
from adapters.preannotate import patience
from adapters.preannotate import project as module
from adapters.preannotate.errors import LabelingConfigError
from adapters.preannotate.project import ProjectRun
from tests.unit.adapters.preannotate.conftest import CONFIG, REFERENCE, FakeModel

VERSION = FakeModel.version
PASSING = ClientError("It is starting.", is_passing=True)


class FakeClient:
    """A Label Studio in memory with programmed failures."""

    def __init__(self, tasks: int) -> None:
        self.tasks = {n: {"id": n, "data": {"review": f"good {n}"}} for n in range(1, tasks + 1)}
        self.stored: dict[int, tuple[int, str]] = {}
        """Task and version by the id of a prediction."""
        self.failures: list[tuple[str, bool]] = []
        """The next calls that fail, by name, and whether they are carried out nevertheless."""

    def tasks_without(self, _: int, version: str, *, after: int, count: int) -> Any:
        self._fail("tasks")
        done = {task for task, name in self.stored.values() if name == version}
        return [task for n, task in self.tasks.items() if n > after and n not in done][:count]

    def predictions_of(self, _: int, version: str, *, after: int, count: int) -> Any:
        self._fail("predictions")
        pages = [
            (task, [p for p, (of, name) in self.stored.items() if (of, name) == (task, version)])
            for task in self.tasks
            if task > after
        ]
        return [page for page in pages if page[1]][:count]

    def import_predictions(self, _: int, predictions: Sequence[Any]) -> None:
        error = self._next("import")
        if error is None or error[1]:
            for prediction in predictions:
                number = len(self.stored) + 1
                self.stored[number] = (prediction["task"], prediction["model_version"])
        if error:
            raise PASSING

    def delete_prediction(self, prediction: int) -> None:
        del self.stored[prediction]

    def _fail(self, call: str) -> None:
        if self._next(call):
            raise PASSING

    def _next(self, call: str) -> tuple[str, bool] | None:
        if self.failures and self.failures[0][0] == call:
            return self.failures.pop(0)
        return None


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAUSES", (0, 0, 0))
    monkeypatch.setattr(patience, "PAUSES", (0, 0, 0))
    monkeypatch.setattr(module, "PAGE_TASKS", 4)


def run_of(
    client: FakeClient, *, config: str = CONFIG, dry_run: bool = False, rejects: Path | None = None
) -> ProjectRun:
    return ProjectRun(
        client,
        {"id": 7, "label_config": config},
        REFERENCE,
        dry_run=dry_run,
        rejects=rejects,
        quiet=True,
    )


@pytest.mark.parametrize("arrived", [True, False])
def test_a_failed_call_is_retried_whether_it_was_carried_out_or_not(*, arrived: bool) -> None:
    client = FakeClient(10)
    client.failures = [("tasks", False), ("import", arrived), ("import", arrived), ("tasks", False)]
    summary = run_of(client)(Path())
    assert (summary.with_prediction, summary.predicted, summary.tasks) == (10, 10, 10)
    assert sorted(task for task, _ in client.stored.values()) == list(range(1, 11))


def test_duplicate_predictions_are_removed() -> None:
    client = FakeClient(3)
    client.stored = {1: (1, VERSION), 2: (1, VERSION), 3: (1, "other"), 4: (1, VERSION)}
    summary = run_of(client)(Path())
    assert summary.doubles_removed == 2
    assert sorted(client.stored.values()) == [
        (1, VERSION),
        (1, "other"),
        (2, VERSION),
        (3, VERSION),
    ]


def test_a_label_studio_that_stays_down_ends_the_run_with_the_reason() -> None:
    client = FakeClient(3)
    client.failures = [("import", False)] * 10
    with pytest.raises(ClientError, match="It is starting"):
        run_of(client)(Path())


def test_a_dry_run_counts_and_stores_nothing() -> None:
    client = FakeClient(9)
    client.stored = {1: (1, VERSION), 2: (1, VERSION)}
    summary = run_of(client, dry_run=True)(Path())
    assert (summary.predicted, summary.with_prediction, len(client.stored)) == (8, 1, 2)
    assert "8 tasks would get a prediction" in str(summary)


@pytest.mark.parametrize("dry_run", [True, False])
def test_every_task_had_a_prediction_got_one_or_is_rejected(*, dry_run: bool) -> None:
    client = FakeClient(11)
    client.stored = {1: (1, VERSION), 2: (1, VERSION), 3: (2, "other"), 4: (9, VERSION)}
    client.failures = [] if dry_run else [("import", True), ("import", False)]
    for number in (5, 6):
        client.tasks[number]["data"] = {"review": " "}
    summary = run_of(client, dry_run=dry_run)(Path())
    assert (summary.had_prediction, summary.predicted, summary.rejected) == (2, 7, 2)
    assert summary.tasks == len(client.tasks)
    assert summary.to_json()["tasks"] == 11
    assert " of 11 have one" in str(summary)


def test_tasks_that_the_run_did_not_see_are_counted() -> None:
    run = ProjectRun(
        FakeClient(3),
        {"id": 7, "label_config": CONFIG, "task_number": 5},
        REFERENCE,
        dry_run=False,
        rejects=None,
        quiet=True,
    )
    summary = run(Path())
    assert (summary.tasks, summary.not_seen) == (3, 2)
    assert "2 more tasks" in str(summary)


def test_a_task_without_text_is_counted_by_its_reason() -> None:
    client = FakeClient(6)
    client.tasks[2]["data"] = {"review": " "}
    summary = run_of(client)(Path())
    assert (summary.predicted, summary.rejected) == (5, 1)
    assert 'data key "review" is empty' in str(summary)


def test_a_task_without_text_is_listed_once_after_repeated_runs(
    tmp_path: Path,
) -> None:
    client, rejects = FakeClient(6), tmp_path / "rejects.jsonl"
    for number in (2, 5):  # on two pages
        client.tasks[number]["data"] = {"review": " "}
    for _ in range(2):
        run_of(client, rejects=rejects)(Path())
        listed = [json.loads(line)["task"] for line in rejects.read_text().splitlines()]
        assert listed == [2, 5]


def test_an_unsupported_config_is_refused_before_any_request() -> None:
    with pytest.raises(LabelingConfigError, match="no Choices, Taxonomy or Rating control"):
        run_of(FakeClient(1), config="<View/>")
