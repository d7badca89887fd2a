"""The tables of annotated tasks, and how what is said of them is written over what was known.

The newest state of a row stays, in whatever order they come.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Connection,
    Float,
    Index,
    String,
    Table,
    delete,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from adapters.label_studio.events import Annotation, Changes, Task
from model_store.serving.database import metadata

_FOREVER = 1e18
"""The time of a deletion: nothing is newer."""

PROJECTS = Table(
    "projects",
    metadata,
    Column("project", String, primary_key=True),
    Column("label_config", String, nullable=False),
    Column("updated_at", Float, nullable=False),
)
TASKS = Table(
    "tasks",
    metadata,
    Column("project", String, primary_key=True),
    Column("task", BigInteger, primary_key=True, autoincrement=False),
    Column("data", JSON, nullable=False),
    Column("updated_at", Float, nullable=False),
)
ANNOTATIONS = Table(
    "annotations",
    metadata,
    Column("project", String, primary_key=True),
    Column("annotation", BigInteger, primary_key=True, autoincrement=False),
    Column("task", BigInteger),
    Column("choices", JSON, nullable=False),
    Column("cancelled", Boolean, nullable=False),
    Column("annotator", BigInteger),
    Column("updated_at", Float, nullable=False),
)
Index("annotations_of_task", ANNOTATIONS.c.project, ANNOTATIONS.c.task)

LIVES = (
    (ANNOTATIONS.c.updated_at < _FOREVER)
    & ~ANNOTATIONS.c.cancelled
    & (TASKS.c.updated_at < _FOREVER)
)
ON_A_TASK = (TASKS.c.project == ANNOTATIONS.c.project) & (TASKS.c.task == ANNOTATIONS.c.task)


def record(connection: Connection, changes: Changes) -> None:
    """Write what an event, or a page of a fetch, says."""
    project = changes.project
    if changes.label_config is not None:
        _upsert(
            connection,
            PROJECTS,
            [
                {
                    "project": project,
                    "label_config": changes.label_config,
                    "updated_at": changes.updated_at,
                }
            ],
        )
    times: dict[int, float] = {}
    for annotation in changes.annotations:
        times[annotation.task] = max(annotation.updated_at, times.get(annotation.task, 0.0))
    _upsert(
        connection,
        TASKS,
        [_task_row(project, task, times.get(task.id, 0.0)) for task in changes.tasks],
    )
    _upsert(connection, ANNOTATIONS, [_annotation_row(project, a) for a in changes.annotations])
    mark_deleted(connection, project, changes.deleted_annotations)
    _delete_tasks(connection, project, changes.deleted_tasks)


def _task_row(project: str, task: Task, updated_at: float) -> dict[str, Any]:
    data = dict(task.data)
    return {"project": project, "task": task.id, "data": data, "updated_at": updated_at}


def _annotation_row(project: str, annotation: Annotation) -> dict[str, Any]:
    return {
        "project": project,
        "annotation": annotation.id,
        "task": annotation.task,
        "choices": {control: list(chosen) for control, chosen in annotation.choices.items()},
        "cancelled": annotation.cancelled,
        "annotator": annotation.annotator,
        "updated_at": annotation.updated_at,
    }


def mark_deleted(
    connection: Connection, project: str, annotations: Iterable[int], time_of_it: float = _FOREVER
) -> None:
    """Leave a mark for each, so that a late word of its creation does not bring it back."""
    rows: list[dict[str, Any]] = [
        {
            "project": project,
            "annotation": number,
            "task": None,
            "choices": {},
            "cancelled": True,
            "annotator": None,
            "updated_at": time_of_it,
        }
        for number in annotations
    ]
    _upsert(connection, ANNOTATIONS, rows)


def take_back(connection: Connection, project: str, annotations: Sequence[int]) -> None:
    """Forget that an earlier fetch, which may have been of fewer tasks, did not find these."""
    connection.execute(
        delete(ANNOTATIONS).where(
            ANNOTATIONS.c.project == project,
            ANNOTATIONS.c.annotation.in_(annotations),
            ANNOTATIONS.c.task.is_(None),
            ANNOTATIONS.c.updated_at < _FOREVER,
        )
    )


def _delete_tasks(connection: Connection, project: str, tasks: Sequence[int]) -> None:
    rows: list[dict[str, Any]] = [
        {"project": project, "task": task, "data": {}, "updated_at": _FOREVER} for task in tasks
    ]
    _upsert(connection, TASKS, rows)
    for task in tasks:
        connection.execute(
            update(ANNOTATIONS)
            .where(ANNOTATIONS.c.project == project, ANNOTATIONS.c.task == task)
            .values(choices={}, cancelled=True, updated_at=_FOREVER)
        )


def _upsert(connection: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    """Write rows over those that are older, or as old."""
    if not rows:
        return
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    statement = insert(table)
    new = statement.excluded
    keys = [column.name for column in table.primary_key]
    # In one order everywhere: two that lock the same rows in turns would wait for each other.
    rows = sorted(rows, key=lambda row: [row[key] for key in keys])
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=keys,
            set_={column.name: new[column.name] for column in table.c if column.name not in keys},
            where=table.c.updated_at <= new.updated_at,
        ),
        rows,
    )
