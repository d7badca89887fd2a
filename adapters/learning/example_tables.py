"""Tables of annotated tasks, with last-write-wins upserts.

The newest state of a row wins, in whatever order the states arrive.
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

from adapters.label_studio.events import AnnotatedTask, Annotation, Changes
from model_store.serving.database import metadata

_FOREVER = 1e18
"""The time of a deletion: no state is newer."""

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
    # The column keeps the name that it had when Choices was the only control.
    Column("choices", JSON, key="answers", nullable=False),
    Column("cancelled", Boolean, nullable=False),
    Column("annotator", BigInteger),
    Column("updated_at", Float, nullable=False),
)
Index("annotations_of_task", ANNOTATIONS.c.project, ANNOTATIONS.c.task)

IS_STORED = (ANNOTATIONS.c.updated_at < _FOREVER) & (TASKS.c.updated_at < _FOREVER)
IS_VALID = IS_STORED & ~ANNOTATIONS.c.cancelled
ON_A_TASK = (TASKS.c.project == ANNOTATIONS.c.project) & (TASKS.c.task == ANNOTATIONS.c.task)


def record(connection: Connection, changes: Changes) -> None:
    """Store the changes in an event, or in a page of the API."""
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


def _task_row(project: str, task: AnnotatedTask, updated_at: float) -> dict[str, Any]:
    data = dict(task.data)
    return {"project": project, "task": task.id, "data": data, "updated_at": updated_at}


def _annotation_row(project: str, annotation: Annotation) -> dict[str, Any]:
    return {
        "project": project,
        "annotation": annotation.id,
        "task": annotation.task,
        "answers": {control: list(found) for control, found in annotation.answers.items()},
        "cancelled": annotation.cancelled,
        "annotator": annotation.annotator,
        "updated_at": annotation.updated_at,
    }


def mark_deleted(
    connection: Connection, project: str, annotations: Iterable[int], deleted_at: float = _FOREVER
) -> None:
    """Mark annotations as deleted, so that a late event of their creation does not restore them."""
    rows: list[dict[str, Any]] = [
        {
            "project": project,
            "annotation": number,
            "task": None,
            "answers": {},
            "cancelled": True,
            "annotator": None,
            "updated_at": deleted_at,
        }
        for number in annotations
    ]
    _upsert(connection, ANNOTATIONS, rows)


def unmark_deleted(connection: Connection, project: str, annotations: Sequence[int]) -> None:
    """Remove the marks that an earlier fetch set because it did not find these annotations."""
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
            .values(answers={}, cancelled=True, updated_at=_FOREVER)
        )


def _upsert(connection: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    """Insert rows, or replace rows that are not newer."""
    if not rows:
        return
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    statement = insert(table)
    new = statement.excluded
    keys = [column.key for column in table.primary_key]
    # Always in the same order: two writers of the same rows would deadlock otherwise.
    rows = sorted(rows, key=lambda row: [row[key] for key in keys])
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=keys,
            set_={column: new[column.key] for column in table.c if column.key not in keys},
            where=table.c.updated_at <= new.updated_at,
        ),
        rows,
    )
