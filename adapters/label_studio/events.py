"""Read tasks and annotations from events and API objects of Label Studio. Stores nothing."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any, TypeGuard, TypeVar

from adapters.label_studio.controls import answers_in

R = TypeVar("R")

_MAX_ID = 2**63 - 1
_MAX_SECONDS = 1e9
_PAYLOAD = ("project", "task", "tasks", "annotation", "annotations")


class EventError(ValueError):
    """A field of an event is malformed. The message names the field, never its content."""

    def __init__(self, field_name: str, expected: str) -> None:
        super().__init__(f"The event's {field_name} must be {expected}.")


class NoPayloadError(EventError):
    """An event consists of its action only, so nothing can be learned from it."""

    def __init__(self) -> None:
        ValueError.__init__(
            self,
            "The event has no payload, so its annotation cannot be stored: in Label Studio, open "
            "Settings, Webhooks, edit the webhook of this server, turn on Send payload, and save.",
        )


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
    ground_truth: bool = False
    """Whether the annotation was marked as the ground truth of its task."""
    seconds: float | None = None
    """How long the annotator took, as Label Studio measures it."""
    is_prefilled: bool = False
    """Whether the annotator started from a prediction."""


@dataclass(frozen=True)
class Changes:
    """The changes to a project in one event, or in one page of the API."""

    project: str
    label_config: str | None = None
    updated_at: float = 0.0
    """When the project was last changed, in seconds since the epoch."""
    task_count: int | None = None
    """The number of all tasks of the project, if the event tells."""
    tasks: tuple[AnnotatedTask, ...] = ()
    annotations: tuple[Annotation, ...] = ()
    deleted_annotations: tuple[int, ...] = ()
    deleted_tasks: tuple[int, ...] = ()
    malformed: int = 0
    """The number of tasks and annotations that were skipped because they are malformed."""

    def __len__(self) -> int:
        return len(self.annotations) + len(self.deleted_annotations) + len(self.deleted_tasks)


def changes_of(event: Mapping[str, Any]) -> Changes:
    """Return the changes in an event; raise EventError if it is malformed.

    Events that are not about annotations or tasks change only the labeling config. Of several
    tasks or annotations, malformed ones are skipped and counted. If all of them are, the event is
    malformed.
    """
    action, project = event.get("action"), event.get("project")
    if not any(event.get(name) for name in _PAYLOAD):
        raise NoPayloadError
    if not isinstance(project, Mapping):
        raise EventError("project", "an object with an id")
    config = project.get("label_config")
    changes = Changes(
        project_key(project),
        config if isinstance(config, str) and is_storable(config) else None,
        _time(project.get("updated_at"), "project.updated_at"),
        count if _is_id(count := project.get("task_number")) else None,
    )
    if action in ("ANNOTATION_CREATED", "ANNOTATION_UPDATED", "ANNOTATIONS_CREATED"):
        tasks, odd_tasks = _read_all(event, "task", task_of)
        annotations, odd_annotations = _read_all(event, "annotation", annotation_of)
        malformed = odd_tasks + odd_annotations
        return replace(changes, tasks=tasks, annotations=annotations, malformed=malformed)
    if action in ("ANNOTATION_DELETED", "ANNOTATIONS_DELETED"):
        deleted, malformed = _read_all(event, "annotation", partial(_id, name="annotation"))
        return replace(changes, deleted_annotations=deleted, malformed=malformed)
    if action == "TASKS_DELETED":
        deleted, malformed = _read_all(event, "task", partial(_id, name="task"))
        return replace(changes, deleted_tasks=deleted, malformed=malformed)
    return changes


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
        ground_truth=item.get("ground_truth") is True,
        seconds=_seconds(item.get("lead_time")),
        is_prefilled=bool(item.get("parent_prediction") or item.get("prediction")),
    )


def _seconds(value: Any) -> float | None:
    """Return a duration in seconds; None if it is none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 <= value < _MAX_SECONDS else None


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


def _read_all(
    event: Mapping[str, Any], name: str, read: Callable[[Mapping[str, Any]], R]
) -> tuple[tuple[R, ...], int]:
    """Read the object or objects in a field, whose name is singular or plural.

    Returns the well-formed ones and the number of malformed ones; raises EventError if all are
    malformed.
    """
    value = event.get(name, event.get(f"{name}s"))
    items: list[Any] = value if isinstance(value, list) else [value]
    found: list[R] = []
    errors: list[EventError] = []
    for item in items:
        try:
            found.append(read(_object(item, name)))
        except EventError as error:
            errors.append(error)
    if errors and not found:
        raise errors[0]
    return tuple(found), len(errors)


def _object(item: Any, name: str) -> Mapping[str, Any]:
    if not isinstance(item, Mapping):
        raise EventError(name, "an object or a list of objects")
    return item


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
