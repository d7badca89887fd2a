"""Read tasks and annotations from events and API objects of Label Studio. Stores nothing."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeGuard

from adapters.label_studio.controls import answers_in

_MAX_ID = 2**63 - 1


class EventError(ValueError):
    """A field of an event is malformed. The message names the field, never its content."""

    def __init__(self, field_name: str, expected: str) -> None:
        super().__init__(f"The event's {field_name} must be {expected}.")


@dataclass(frozen=True)
class AnnotatedTask:
    """One state of a task that has annotations."""

    id: int
    data: Mapping[str, Any]


@dataclass(frozen=True)
class Annotation:
    """One state of an annotation."""

    id: int
    task: int
    answers: Mapping[str, tuple[str, ...]]
    """The answers for each control."""
    cancelled: bool
    """Whether the task was skipped."""
    annotator: int | None
    updated_at: float
    """Seconds since the epoch."""


@dataclass(frozen=True)
class Changes:
    """The changes to a project in one event, or in one page of the API."""

    project: str
    label_config: str | None = None
    updated_at: float = 0.0
    """When the project was last changed, in seconds since the epoch."""
    tasks: tuple[AnnotatedTask, ...] = ()
    annotations: tuple[Annotation, ...] = ()
    deleted_annotations: tuple[int, ...] = ()
    deleted_tasks: tuple[int, ...] = ()

    def __len__(self) -> int:
        return len(self.annotations) + len(self.deleted_annotations) + len(self.deleted_tasks)


def changes_of(event: Mapping[str, Any]) -> Changes:
    """Return the changes in an event; raise EventError if it is malformed.

    Events that are not about annotations or tasks change only the labeling config.
    """
    action, project = event.get("action"), event.get("project")
    if not isinstance(project, Mapping):
        raise EventError("project", "an object with an id")
    tasks: list[AnnotatedTask] = []
    annotations: list[Annotation] = []
    deleted: tuple[int, ...] = ()
    deleted_tasks: tuple[int, ...] = ()
    if action in ("ANNOTATION_CREATED", "ANNOTATION_UPDATED", "ANNOTATIONS_CREATED"):
        tasks = [task_of(item) for item in _objects(event, "task")]
        annotations = [annotation_of(item) for item in _objects(event, "annotation")]
    elif action in ("ANNOTATION_DELETED", "ANNOTATIONS_DELETED"):
        deleted = tuple(_id(item, "annotation") for item in _objects(event, "annotation"))
    elif action == "TASKS_DELETED":
        deleted_tasks = tuple(_id(item, "task") for item in _objects(event, "task"))
    config = project.get("label_config")
    return Changes(
        project_key(project),
        config if isinstance(config, str) and is_storable(config) else None,
        _time(project.get("updated_at"), "project.updated_at"),
        tuple(tasks),
        tuple(annotations),
        deleted,
        deleted_tasks,
    )


def project_key(project: Any) -> str:
    """Return `<id>.<unix time created>`, the name of a project in `/setup` and `/predict`.

    Events do not name a host. The time of creation distinguishes projects of several Label
    Studios. Raises EventError.
    """
    if not isinstance(project, Mapping):
        raise EventError("project", "an object with an id")
    number = _id(project, "project")
    if project.get("created_at") is None:
        return str(number)
    return f"{number}.{int(_time(project['created_at'], 'project.created_at'))}"


def task_of(item: Mapping[str, Any]) -> AnnotatedTask:
    """Read a task of an event or of the API; raise EventError."""
    data = item.get("data")
    if not isinstance(data, Mapping):
        raise EventError("task.data", "an object")
    try:
        json.dumps(data, allow_nan=False)
    except (ValueError, RecursionError):
        raise EventError("task.data", "JSON without NaN, and not nested too deeply") from None
    return AnnotatedTask(_id(item, "task"), data)


def annotation_of(item: Mapping[str, Any], task: int | None = None) -> Annotation:
    """Read an annotation of an event or of the API; raise EventError.

    task: the id of its task, for annotations that do not name it.
    """
    annotator = item.get("completed_by")
    if isinstance(annotator, Mapping):
        annotator = annotator.get("id")
    return Annotation(
        id=_id(item, "annotation"),
        task=_id({"id": item.get("task", task)}, "annotation.task"),
        answers=_answers(item.get("result")),
        cancelled=item.get("was_cancelled") is True,
        annotator=annotator if _is_id(annotator) else None,
        updated_at=_time(item.get("updated_at"), "annotation.updated_at"),
    )


def _answers(result: Any) -> dict[str, tuple[str, ...]]:
    """Return the answers for each control, of all its regions together.

    Skips malformed regions, and regions of controls that are not served.
    """
    answers: dict[str, tuple[str, ...]] = {}
    for region in result if isinstance(result, list) else ():
        if isinstance(region, Mapping) and isinstance(control := region.get("from_name"), str):
            of_region = answers_in(region)
            if of_region is not None:
                answers[control] = (*answers.get(control, ()), *of_region)
    return answers


def _objects(event: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    """Return the object or objects in a field, whose name is singular or plural."""
    value = event.get(name, event.get(f"{name}s"))
    items: list[Any] = value if isinstance(value, list) else [value]
    if not all(isinstance(item, Mapping) for item in items):
        raise EventError(name, "an object or a list of objects")
    return items


def _id(item: Mapping[str, Any], name: str) -> int:
    value = item.get("id")
    if not _is_id(value):
        raise EventError(f"{name}.id", "a whole number")
    return value


def _is_id(value: Any) -> TypeGuard[int]:
    """Return whether a value is an integer that the database can store."""
    return type(value) is int and 0 <= value <= _MAX_ID


def is_storable(text: str) -> bool:
    """Return whether every database can store a text: no lone surrogate, no NUL character."""
    try:
        return b"\0" not in text.encode()
    except UnicodeEncodeError:
        return False


def _time(value: Any, name: str) -> float:
    """Return a time in seconds since the epoch; 0 if it is missing. The default zone is UTC."""
    if value is None:
        return 0.0
    try:
        moment = datetime.fromisoformat(value)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (TypeError, ValueError, OverflowError):
        raise EventError(name, "a time in ISO 8601") from None
