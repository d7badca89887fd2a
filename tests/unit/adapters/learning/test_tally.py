"""Annotations count for an example or are left out for a reason, and the numbers add up."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from adapters.label_studio.controls.choices import Choices
from adapters.label_studio.events import AnnotatedTask, Annotation, Changes
from adapters.learning.examples import ExampleStore
from adapters.learning.tally import (
    NOT_OFFERED,
    OUTVOTED,
    REPLACED,
    SEVERAL,
    SKIPPED,
    TIED,
    UNANSWERED,
    StoredAnnotation,
    Tally,
    tally,
)
from adapters.learning.votes import last_of_each_annotator, majority

KIND = Choices("kind", "text", "text", False, ("Praise", "Complaint"), {})
DATA = {"text": "a text"}


def annotation(
    number: int,
    *answers: str,
    task: int = 1,
    by: int | None = None,
    cancelled: bool = False,
    data: Any = None,
) -> StoredAnnotation:
    found = {"kind": answers} if answers else {}
    return StoredAnnotation(task, number, found, cancelled, by, DATA if data is None else data)


def left_out(found: Tally) -> dict[str, int]:
    return dict(found.left_out)


@pytest.mark.parametrize(
    ("annotations", "reasons", "examples"),
    [
        ([annotation(1, "Praise")], {}, 1),
        ([annotation(1, "Praise"), annotation(2, "Praise")], {}, 1),
        ([annotation(1)], {UNANSWERED: 1}, 0),
        ([annotation(1, "Praise", cancelled=True)], {SKIPPED: 1}, 0),
        ([annotation(1, cancelled=True), annotation(2, "Praise")], {SKIPPED: 1}, 1),
        ([annotation(1, "Praise", "Complaint")], {SEVERAL: 1}, 0),
        ([annotation(1, "Renamed")], {NOT_OFFERED: 1}, 0),
        ([annotation(1, "Praise"), annotation(2, "Complaint")], {TIED: 2}, 0),
        ([annotation(1, "Praise", by=7), annotation(2, "Complaint", by=7)], {REPLACED: 1}, 1),
        (
            [annotation(n, answer) for n, answer in enumerate(["Praise", "Complaint", "Praise"])],
            {OUTVOTED: 1},
            1,
        ),
        (
            [annotation(n, answer) for n, answer in enumerate(["Renamed", "Praise", "Renamed"])],
            {NOT_OFFERED: 2, OUTVOTED: 1},
            0,
        ),
        ([annotation(1, "Praise", data={})], {'whose data key "text" is missing': 1}, 0),
        ([annotation(1, "Praise", data={"text": " "})], {'whose data key "text" is empty': 1}, 0),
    ],
)
def test_an_annotation_is_left_out_for_one_reason(
    annotations: list[StoredAnnotation], reasons: dict[str, int], examples: int
) -> None:
    (found,) = tally([annotations], [KIND])
    assert left_out(found) == reasons
    assert found.examples == examples
    assert (found.sentence is None) is (not reasons)


ANSWERS = st.lists(st.sampled_from(["Praise", "Complaint", "Renamed"]), max_size=2).map(tuple)
TASKS = st.lists(
    st.lists(
        st.tuples(ANSWERS, st.booleans(), st.sampled_from([None, 1, 2])), min_size=1, max_size=4
    ),
    max_size=4,
)


@settings(max_examples=100)
@given(TASKS, st.sampled_from([DATA, {}, {"text": ""}]))
def test_the_numbers_add_up_and_the_examples_are_those_that_are_trained(
    tasks: list[list[tuple[tuple[str, ...], bool, int | None]]], data: dict[str, str]
) -> None:
    stored = [
        [
            annotation(10 * task + n, *answers, task=task, by=by, cancelled=cancelled, data=data)
            for n, (answers, cancelled, by) in enumerate(of_task)
        ]
        for task, of_task in enumerate(tasks)
    ]
    (found,) = tally(stored, [KIND])
    counted = found.annotations - found.left_out.total()
    assert found.annotations == sum(map(len, stored))
    assert found.tasks == len(stored) == found.examples + found.tasks_left_out.total()
    assert found.examples <= counted
    winners = [
        majority(last_of_each_annotator(each for each in of_task if not each.cancelled), [KIND])
        for of_task in stored
    ]
    trained = [
        each["kind"] for each in winners if set(each.get("kind", ("none",))) <= set(KIND.options)
    ]
    assert found.examples == (len(trained) if data == DATA else 0)


def test_skipped_annotations_are_counted_and_deleted_ones_are_not(database: Engine) -> None:
    store = ExampleStore(database)
    tasks = tuple(AnnotatedTask(number, DATA) for number in (1, 2, 3))
    annotations = (
        Annotation(1, 1, {"kind": ("Praise",)}, False, 1, 1.0),
        Annotation(2, 2, {}, True, 1, 1.0),
        Annotation(3, 3, {"kind": ("Praise",)}, False, 1, 1.0),
        Annotation(4, 2, {"kind": ("Praise",)}, False, 2, 1.0),
    )
    store.record(Changes("1", tasks=tasks, annotations=annotations))
    store.record(Changes("1", deleted_annotations=(4,), deleted_tasks=(3,)))
    (found,) = tally(store.annotated("1"), [KIND])
    assert found.report() == {
        "annotations": 2,
        "annotations_left_out": {SKIPPED: 1},
        "tasks": 2,
        "examples": 1,
        "tasks_left_out": {SKIPPED: 1},
    }
