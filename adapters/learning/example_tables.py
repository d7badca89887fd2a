"""Tables of annotated tasks, with last-write-wins upserts.

The newest state of a row wins, in whatever order the states arrive. A deletion is a state too, at
the time when it arrives: a later state ends it. No state is newer than now, and only rows that
are known can be deleted. So nothing that a client sends lasts forever.
"""

import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import islice
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
    exists,
    false,
    func,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from adapters.label_studio.events import AnnotatedTask, Annotation, Changes
from adapters.learning.acceptance_table import ACCEPTED_TASKS
from model_store.serving.database import metadata

_KEPT = ("task_count",)
"""Columns that keep their value if a newer state does not tell it."""
_IDS_AT_ONCE = 1000
"""Ids in a statement; databases limit its parameters."""

PROJECTS = Table(
    "projects",
    metadata,
    Column("project", String, primary_key=True),
    Column("label_config", String, nullable=False),
    Column("updated_at", Float, nullable=False),
    Column("task_count", BigInteger),
)
TASKS = Table(
    "tasks",
    metadata,
    Column("project", String, primary_key=True),
    Column("task", BigInteger, primary_key=True, autoincrement=False),
    Column("data", JSON, nullable=False),
    Column("updated_at", Float, nullable=False),
    Column("deleted", Boolean, nullable=False, server_default=false()),
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
    Column("ground_truth", Boolean, nullable=False, server_default=false()),
    Column("seconds", Float),
    Column("is_prefilled", Boolean, nullable=False, server_default=false()),
)
Index("annotations_of_task", ANNOTATIONS.c.project, ANNOTATIONS.c.task)

_IS_ACCEPTED_UNSEEN = (
    exists()
    .where(
        ACCEPTED_TASKS.c.project == ANNOTATIONS.c.project,
        ACCEPTED_TASKS.c.task == ANNOTATIONS.c.task,
        ~ACCEPTED_TASKS.c.is_audited,
    )
    .correlate(ANNOTATIONS)
    # A person who changes the annotation in the editor takes some time.
    & ANNOTATIONS.c.seconds.is_(None)
)
IS_STORED = ~TASKS.c.deleted & ~_IS_ACCEPTED_UNSEEN
"""Of a task that exists, and by a person. To be used with both tables."""
IS_VALID = IS_STORED & ~ANNOTATIONS.c.cancelled
ON_A_TASK = (TASKS.c.project == ANNOTATIONS.c.project) & (TASKS.c.task == ANNOTATIONS.c.task)


def record(connection: Connection, changes: Changes) -> None:
    """Store the changes in an event, or in a page of the API."""
    project, now = changes.project, time.time()
    if changes.label_config is not None:
        config = {
            "project": project,
            "label_config": changes.label_config,
            "updated_at": min(changes.updated_at, now),
            "task_count": changes.task_count,
        }
        _upsert(connection, PROJECTS, [config])
    annotations = [_annotation_row(project, each, now) for each in changes.annotations]
    times: dict[int, float] = {}
    for row in annotations:
        times[row["task"]] = max(row["updated_at"], times.get(row["task"], 0.0))
    tasks = [_task_row(project, task, times.get(task.id, 0.0)) for task in changes.tasks]
    _upsert(connection, TASKS, tasks)
    _upsert(connection, ANNOTATIONS, annotations)
    mark_deleted(connection, project, changes.deleted_annotations, now)
    _delete_tasks(connection, project, changes.deleted_tasks, now)


def _task_row(project: str, task: AnnotatedTask, updated_at: float) -> dict[str, Any]:
    data = dict(task.data)
    return {
        "project": project,
        "task": task.id,
        "data": data,
        "updated_at": updated_at,
        "deleted": False,
    }


def _annotation_row(project: str, annotation: Annotation, now: float) -> dict[str, Any]:
    return {
        "project": project,
        "annotation": annotation.id,
        "task": annotation.task,
        "answers": {control: list(found) for control, found in annotation.answers.items()},
        "cancelled": annotation.cancelled,
        "annotator": annotation.annotator,
        "updated_at": min(annotation.updated_at, now),
        "ground_truth": annotation.ground_truth,
        "seconds": annotation.seconds,
        "is_prefilled": annotation.is_prefilled,
    }


def mark_deleted(
    connection: Connection, project: str, annotations: Iterable[int], deleted_at: float
) -> None:
    """Mark known annotations as deleted, so that late events of older states do not restore them.

    Ids that no event or page has named are ignored: they may belong to annotations of the future.
    """
    rows: list[dict[str, Any]] = [
        {
            "project": project,
            "annotation": number,
            "task": None,
            "answers": {},
            "cancelled": True,
            "annotator": None,
            "updated_at": deleted_at,
            "ground_truth": False,
            "seconds": None,
            "is_prefilled": False,
        }
        for number in _known(connection, ANNOTATIONS, project, annotations)
    ]
    _upsert(connection, ANNOTATIONS, rows)


def forget(
    connection: Connection,
    project: str,
    *,
    tasks: Collection[int],
    annotations: Collection[int],
    before: float,
) -> None:
    """Delete the states from before a time, also deletions, so that older ones can replace them."""
    for table, column, ids in (
        (TASKS, TASKS.c.task, tasks),
        (ANNOTATIONS, ANNOTATIONS.c.annotation, annotations),
    ):
        for some in _parts(sorted(ids)):
            is_one = (table.c.project == project) & column.in_(some)
            connection.execute(delete(table).where(is_one, table.c.updated_at < before))


def task_data(connection: Connection, project: str, tasks: Iterable[int]) -> Iterator[Any]:
    """Yield a row with `task` and `data` for each of the tasks that is known."""
    for some in _parts(tasks):
        is_one = (TASKS.c.project == project) & TASKS.c.task.in_(some)
        yield from connection.execute(select(TASKS.c.task, TASKS.c.data).where(is_one))


def _delete_tasks(
    connection: Connection, project: str, tasks: Sequence[int], deleted_at: float
) -> None:
    rows: list[dict[str, Any]] = [
        {"project": project, "task": task, "data": {}, "updated_at": deleted_at, "deleted": True}
        for task in _known(connection, TASKS, project, tasks)
    ]
    _upsert(connection, TASKS, rows)
    for row in rows:
        connection.execute(
            update(ANNOTATIONS)
            .where(ANNOTATIONS.c.project == project, ANNOTATIONS.c.task == row["task"])
            .values(answers={}, cancelled=True, updated_at=deleted_at)
        )


def _known(
    connection: Connection, table: Table, project: str, numbers: Iterable[int]
) -> Iterator[int]:
    """Yield the numbers that have a row in a table of tasks or annotations."""
    column = list(table.primary_key)[1]
    for some in _parts(numbers):
        found = select(column).where(table.c.project == project, column.in_(some))
        yield from connection.scalars(found).all()


def _parts(numbers: Iterable[int]) -> Iterator[list[int]]:
    left = iter(numbers)
    while some := list(islice(left, _IDS_AT_ONCE)):
        yield some


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
            set_={
                column: func.coalesce(new[column.key], column)
                if column.key in _KEPT
                else new[column.key]
                for column in table.c
                if column.key not in keys
            },
            where=table.c.updated_at <= new.updated_at,
        ),
        rows,
    )
