"""Tasks and annotations in events of Label Studio."""

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from adapters.label_studio.events import (
    Annotation,
    EventError,
    annotation_of,
    changes_of,
    project_key,
    task_of,
)

PAYLOADS = Path(__file__).parents[3] / "integration" / "payloads"
PROJECT = "20.1795453317"
SECRET = "What an annotator wrote."


def event(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((PAYLOADS / f"webhook_{name}.json").read_text("utf-8"))
    return loaded


@pytest.mark.parametrize(
    ("name", "annotations", "deleted", "deleted_tasks"),
    [
        ("ANNOTATION_CREATED", [15], [], []),
        ("ANNOTATION_UPDATED", [15], [], []),
        ("ANNOTATIONS_CREATED", [15], [], []),
        ("ANNOTATIONS_DELETED", [], [15], []),
        ("TASKS_CREATED", [], [], []),
        ("TASKS_DELETED", [], [], [281]),
        ("PROJECT_UPDATED", [], [], []),
        ("START_TRAINING", [], [], []),
    ],
)
def test_the_changes_in_a_recorded_event_are_found(
    name: str, annotations: list[int], deleted: list[int], deleted_tasks: list[int]
) -> None:
    changes = changes_of(event(name))
    assert changes.project == PROJECT
    assert changes.label_config == event(name)["project"]["label_config"]
    assert [annotation.id for annotation in changes.annotations] == annotations
    assert len(changes.tasks) == len(annotations)
    assert changes.deleted_annotations == tuple(deleted)
    assert changes.deleted_tasks == tuple(deleted_tasks)
    assert len(changes) == len(annotations) + len(deleted) + len(deleted_tasks)


def test_every_recorded_event_is_tested() -> None:
    recorded = {path.stem.removeprefix("webhook_") for path in PAYLOADS.glob("webhook_*.json")}
    (parameters,) = (
        mark.args[1]
        for mark in test_the_changes_in_a_recorded_event_are_found.pytestmark  # type: ignore[attr-defined]
    )
    assert recorded == {row[0] for row in parameters}


def test_an_annotation_is_read_with_its_task() -> None:
    changes = changes_of(event("ANNOTATION_CREATED"))
    assert changes.annotations == (
        Annotation(15, 275, {"sentiment": ("Positive",)}, False, 1, 1795453323.09828),
    )
    (task,) = changes.tasks
    assert (task.id, task.data["review"]) == (275, "A good story.")


def test_the_project_of_an_event_has_the_name_that_predict_sends() -> None:
    project = event("ANNOTATION_CREATED")["project"]
    assert project["created_at"] == "2026-11-23T17:01:57.597054Z"
    assert project_key(project) == PROJECT
    assert project_key(project | {"created_at": "2026-11-23T18:01:57.597054+01:00"}) == PROJECT
    assert project_key(project | {"created_at": "2026-11-23T17:01:57"}) == PROJECT
    assert project_key({"id": 20}) == "20"


def nested(value: object, levels: int) -> object:
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("path", "value", "field"),
    [
        (["project"], None, "project"),
        (["project"], [SECRET], "project"),
        (["project", "id"], None, "project.id"),
        (["project", "id"], SECRET, "project.id"),
        (["project", "id"], True, "project.id"),
        (["project", "id"], -1, "project.id"),
        (["project", "id"], 2**63, "project.id"),
        (["project", "created_at"], SECRET, "project.created_at"),
        (["project", "created_at"], 12, "project.created_at"),
        (["project", "updated_at"], SECRET, "project.updated_at"),
        (["annotation"], None, "annotation"),
        (["annotation"], SECRET, "annotation"),
        (["annotation"], [SECRET], "annotation"),
        (["annotation", "id"], SECRET, "annotation.id"),
        (["annotation", "id"], 1.5, "annotation.id"),
        (["annotation", "task"], SECRET, "annotation.task.id"),
        (["annotation", "updated_at"], SECRET, "annotation.updated_at"),
        (["task"], SECRET, "task"),
        (["task", "id"], [SECRET], "task.id"),
        (["task", "data"], SECRET, "task.data"),
        (["task", "data"], None, "task.data"),
        (["task", "data", "review"], [SECRET, float("nan")], "task.data"),
        (["task", "data", "review"], nested(SECRET, 100_000), "task.data"),
    ],
)
def test_the_error_names_a_malformed_field_but_not_its_content(
    path: list[str], value: object, field: str
) -> None:
    malformed = event("ANNOTATION_CREATED")
    *parents, last = path
    place = malformed
    for parent in parents:
        place = place[parent]
    place[last] = value
    with pytest.raises(EventError, match=rf"^The event's {field} must be ") as caught:
        changes_of(malformed)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    "malformed",
    [
        None,
        SECRET,
        [SECRET],
        [{"type": "choices"}],
        [{"type": "choices", "from_name": 3, "value": {"choices": ["Positive"]}}],
        [{"type": "choices", "from_name": "sentiment", "value": {"choices": SECRET}}],
        [{"type": "choices", "from_name": "sentiment", "value": {"choices": [1]}}],
        [{"type": "textarea", "from_name": "why", "value": {"text": [SECRET]}}],
    ],
)
def test_malformed_regions_and_other_controls_are_skipped(malformed: object) -> None:
    good = event("ANNOTATION_CREATED")["annotation"]
    assert annotation_of(good | {"result": malformed}).answers == {}
    if isinstance(malformed, list):
        both = annotation_of(good | {"result": [*malformed, *good["result"]]})
        assert both.answers == {"sentiment": ("Positive",)}


def test_all_regions_of_a_control_are_read_together() -> None:
    good = event("ANNOTATION_CREATED")["annotation"]
    twice = [good["result"][0], good["result"][0] | {"value": {"choices": ["Negative"]}}]
    assert annotation_of(good | {"result": twice}).answers == {
        "sentiment": ("Positive", "Negative")
    }


@pytest.mark.parametrize("config", ["half \ud83d", "a zero \0", 3])
def test_a_labeling_config_that_cannot_be_stored_is_skipped_alone(config: object) -> None:
    malformed = event("ANNOTATION_CREATED")
    malformed["project"] = malformed["project"] | {"label_config": config}
    changes = changes_of(malformed)
    assert changes.label_config is None
    assert len(changes.annotations) == 1


@pytest.mark.parametrize(
    ("annotator", "expected"),
    [(7, 7), ({"id": 7}, 7), (None, None), ("me", None), ({}, None), (2**70, None), (True, None)],
)
def test_an_annotator_without_a_number_is_unknown(annotator: object, expected: int | None) -> None:
    item = event("ANNOTATION_CREATED")["annotation"] | {"completed_by": annotator}
    assert annotation_of(item).annotator == expected


def test_an_annotation_of_the_api_may_not_name_its_task() -> None:
    item = deepcopy(event("ANNOTATION_CREATED")["annotation"])
    del item["task"]
    assert annotation_of(item, 9).task == 9
    assert task_of({"id": 9, "data": {}, "annotations": [item]}).id == 9


def test_an_unknown_event_changes_nothing() -> None:
    changes = changes_of({"action": "SOMETHING_NEW", "project": {"id": 3}})
    assert (changes.project, len(changes), changes.label_config) == ("3", 0, None)


@pytest.mark.parametrize("name", ["annotations", "tasks"])
@pytest.mark.parametrize("odd", [None, SECRET, {"id": SECRET}, {}])
def test_a_malformed_item_of_a_bulk_event_is_skipped_and_counted_alone(
    name: str, odd: object
) -> None:
    bulk = event("ANNOTATIONS_CREATED")
    singular = name.removesuffix("s")
    items = bulk.get(singular, bulk.get(name))
    bulk[singular] = [odd, *(items if isinstance(items, list) else [items])]
    changes = changes_of(bulk)
    assert [annotation.id for annotation in changes.annotations] == [15]
    assert len(changes.tasks) == 1
    assert changes.malformed == 1


@pytest.mark.parametrize("action", ["ANNOTATION_CREATED", "TASKS_CREATED", "PROJECT_UPDATED"])
def test_an_event_without_payload_names_the_switch_that_is_off(action: str) -> None:
    with pytest.raises(EventError, match="turn on Send payload"):
        changes_of({"action": action})


@pytest.mark.parametrize(("mark", "is_truth"), [(True, True), (False, False), (None, False)])
def test_an_annotation_can_be_the_ground_truth(mark: object, is_truth: bool) -> None:
    item = event("ANNOTATION_CREATED")["annotation"] | {"ground_truth": mark}
    assert annotation_of(item).ground_truth is is_truth
