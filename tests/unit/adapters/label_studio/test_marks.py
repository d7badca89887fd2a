"""Marks of tasks, and answers that are withheld."""

import asyncio
from typing import Any

import pytest

from adapters.label_studio.client_errors import ClientError
from adapters.label_studio.events import AnnotatedTask, Annotation, Changes
from adapters.label_studio.marks import MarkRemover, is_marked, unmarked
from adapters.label_studio.withholding import is_withheld, withheld

MARKED = {"text": "Good.", "review_suspect": 0.9, "review_suggestion": "kind: Praise"}


class FakeApi:
    def __init__(self, *, fails: bool = False) -> None:
        self.changed: dict[int, Any] = {}
        self._fails = fails

    def change_task_data(self, task: int, data: Any) -> None:
        if self._fails:
            raise ClientError("It is away.")
        self.changed[task] = data


def changes(*, annotated: bool = True) -> Changes:
    tasks = (AnnotatedTask(1, MARKED), AnnotatedTask(2, {"text": "Bad."}))
    annotation = Annotation(1, 1, {"kind": ("Praise",)}, False, 7, 1.0)
    return Changes("1.1", None, tasks=tasks, annotations=(annotation,) if annotated else ())


def test_marks_of_annotated_tasks_are_removed_and_other_fields_stay() -> None:
    api = FakeApi()
    asyncio.run(MarkRemover(api).remove(changes()))  # type: ignore[arg-type]
    assert api.changed == {1: {"text": "Good."}}
    assert is_marked(MARKED)
    assert not is_marked(unmarked(MARKED))


@pytest.mark.parametrize("api", [None, FakeApi(fails=True)])
def test_marks_stay_without_label_studio(api: Any, caplog: pytest.LogCaptureFixture) -> None:
    asyncio.run(MarkRemover(api).remove(changes()))
    assert ("task 1 keeps its marks" in caplog.text) == (api is not None)


def test_a_change_without_annotation_keeps_the_marks() -> None:
    api = FakeApi()
    asyncio.run(MarkRemover(api).remove(changes(annotated=False)))  # type: ignore[arg-type]
    assert api.changed == {}


def test_the_same_share_of_tasks_is_withheld_everywhere() -> None:
    chosen = {task for task in range(5000) if is_withheld("1.1", task, 0.2)}
    assert 900 < len(chosen) < 1100
    assert chosen < {task for task in range(5000) if is_withheld("1.1", task, 0.3)}
    assert chosen != {task for task in range(5000) if is_withheld("2.1", task, 0.2)}
    assert not any(is_withheld("1.1", task, 0.0) for task in range(5000))


def test_a_withheld_prediction_keeps_its_score() -> None:
    region: Any = {"from_name": "kind"}
    left = withheld({"result": [region], "score": 0.7, "model_version": "cnn:1"})
    assert left == {"result": [], "score": 0.7, "model_version": "cnn:1"}
