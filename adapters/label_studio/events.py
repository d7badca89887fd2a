"""What an event of Label Studio says of annotations. Pure: keeps nothing."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeGuard

_MAX_ID = 2**63 - 1


class EventError(ValueError):
    """A field of an event is not as Label Studio sends it. Names the field, never its content."""

    def __init__(self, field_name: str, expected: str) -> None:
        super().__init__(f"The event's {field_name} must be {expected}.")


@dataclass(frozen=True)
class Task:
    """A task as it was at a moment."""

    id: int
    data: Mapping[str, Any]


@dataclass(frozen=True)
class Annotation:
    """An annotation as it was at a moment."""

    id: int
    task: int
    choices: Mapping[str, tuple[str, ...]]
    """By control, what was chosen."""
    cancelled: bool
    """Whether the task was skipped."""
    annotator: int | None
    updated_at: float
    """Seconds since the epoch."""


@dataclass(frozen=True)
class Changes:
    """All that an event, or an answer of Label Studio's API, says of a project."""

    project: str
    label_config: str | None = None
    updated_at: float = 0.0
    """When the project itself was last changed."""
    tasks: tuple[Task, ...] = ()
    annotations: tuple[Annotation, ...] = ()
    deleted_annotations: tuple[int, ...] = field(default=())
    deleted_tasks: tuple[int, ...] = ()

    def __len__(self) -> int:
        return len(self.annotations) + len(self.deleted_annotations) + len(self.deleted_tasks)


def changes_of(event: Mapping[str, Any]) -> Changes:
    """What an event changes; raises EventError if it is none of Label Studio's.

    Events of other kinds change nothing but what is known of the project.
    """
    action, project = event.get("action"), event.get("project")
    if not isinstance(project, Mapping):
        raise EventError("project", "an object with an id")
    tasks: list[Task] = []
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
        config if isinstance(config, str) and _is_storable(config) else None,
        _time(project.get("updated_at"), "project.updated_at"),
        tuple(tasks),
        tuple(annotations),
        deleted,
        deleted_tasks,
    )


def project_key(project: Any) -> str:
    """`<id>.<unix time created>`, as `/setup` and `/predict` name the project of an event.

    Events name no host; with the time of its creation a project of one Label Studio is not taken
    for one of another. Raises EventError.
    """
    if not isinstance(project, Mapping):
        raise EventError("project", "an object with an id")
    number = _id(project, "project")
    if project.get("created_at") is None:
        return str(number)
    return f"{number}.{int(_time(project['created_at'], 'project.created_at'))}"


def task_of(item: Mapping[str, Any]) -> Task:
    """A task of an event or of the API; raises EventError."""
    data = item.get("data")
    if not isinstance(data, Mapping):
        raise EventError("task.data", "an object")
    try:
        json.dumps(data, allow_nan=False)
    except (ValueError, RecursionError):
        raise EventError("task.data", "JSON without NaN, and not nested too deep") from None
    return Task(_id(item, "task"), data)


def annotation_of(item: Mapping[str, Any], task: int | None = None) -> Annotation:
    """An annotation of an event or of the API, of `task` if it does not say; raises EventError."""
    annotator = item.get("completed_by")
    if isinstance(annotator, Mapping):
        annotator = annotator.get("id")
    return Annotation(
        id=_id(item, "annotation"),
        task=_id({"id": item.get("task", task)}, "annotation.task"),
        choices=_choices(item.get("result")),
        cancelled=item.get("was_cancelled") is True,
        annotator=annotator if _is_id(annotator) else None,
        updated_at=_time(item.get("updated_at"), "annotation.updated_at"),
    )


def _choices(result: Any) -> dict[str, tuple[str, ...]]:
    """What is chosen for each control, in all its regions together."""
    choices: dict[str, tuple[str, ...]] = {}
    for control, chosen in _regions(result):
        choices[control] = (*choices.get(control, ()), *chosen)
    return choices


def _regions(result: Any) -> Iterator[tuple[str, list[str]]]:
    """Those of Choices controls; regions of other kinds, and what is odd, are left out."""
    for region in result if isinstance(result, list) else ():
        match region:
            case {"type": "choices", "from_name": str(control), "value": {"choices": list(chosen)}}:
                if all(isinstance(choice, str) for choice in chosen):
                    yield control, chosen


def _objects(event: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    """One object or a list of them, and named in the singular or the plural: events differ."""
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
    """Whether it is a number that a database takes."""
    return type(value) is int and 0 <= value <= _MAX_ID


def _is_storable(text: str) -> bool:
    """Whether every database takes it: neither half a surrogate pair nor a zero character."""
    try:
        return b"\0" not in text.encode()
    except UnicodeEncodeError:
        return False


def _time(value: Any, name: str) -> float:
    """Seconds since the epoch; 0 where no time is given. Without a time zone it is UTC."""
    if value is None:
        return 0.0
    try:
        moment = datetime.fromisoformat(value)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (TypeError, ValueError, OverflowError):
        raise EventError(name, "a time in ISO 8601") from None
