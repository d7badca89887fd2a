"""Annotated tasks in the database: what a project can be trained with.

Events may come twice, late, or in any order: the newest state of an annotation stays, and what was
deleted stays deleted.
"""

import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Connection,
    Engine,
    Float,
    Index,
    String,
    Table,
    delete,
    func,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from adapters.label_studio.annotations import Annotation, Changes, Task, annotation_of, task_of
from model_store.database import metadata, reading, writing

_FOREVER = 1e18
"""The time of a deletion: nothing is newer."""

_SETTLING_SECONDS = 10.0
"""Label Studio sends an event before its own transaction ends: its API may not have it yet."""

_projects = Table(
    "projects",
    metadata,
    Column("project", String, primary_key=True),
    Column("label_config", String, nullable=False),
    Column("updated_at", Float, nullable=False),
)
_tasks = Table(
    "tasks",
    metadata,
    Column("project", String, primary_key=True),
    Column("task", BigInteger, primary_key=True, autoincrement=False),
    Column("data", JSON, nullable=False),
    Column("updated_at", Float, nullable=False),
)
_annotations = Table(
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
Index("annotations_of_task", _annotations.c.project, _annotations.c.task)

_lives = (
    (_annotations.c.updated_at < _FOREVER)
    & ~_annotations.c.cancelled
    & (_tasks.c.updated_at < _FOREVER)
)
_on_a_task = (_tasks.c.project == _annotations.c.project) & (_tasks.c.task == _annotations.c.task)


@dataclass(frozen=True)
class Example:
    """An annotated task."""

    task: int
    data: Mapping[str, Any]
    choices: Mapping[str, str]
    """For each control, what most annotators chose; controls without a majority are left out."""


class ExampleStore:
    """The annotated tasks of all projects, in one database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def record(self, changes: Changes) -> None:
        """Keep what an event says; raises DatabaseError if it was not kept."""
        with writing(self._engine) as connection:
            _record(connection, changes)

    def replace(
        self, project: str, label_config: str, pages: Iterable[Sequence[Mapping[str, Any]]]
    ) -> int:
        """Keep what Label Studio's API says of all annotated tasks of a project, page by page.

        Annotations that were known before, and that no page has, were deleted without a word.
        Returns the number of annotations. Raises EventError if a page is not as it should be.
        """
        started = time.time()
        known = self._settled(project, started - _SETTLING_SECONDS)
        seen: set[int] = set()
        for page in pages:
            tasks = [task_of(item) for item in page]
            annotations = [
                annotation_of(annotation, item["id"])
                for item in page
                for annotation in item.get("annotations", ())
            ]
            seen.update(annotation.id for annotation in annotations)
            with writing(self._engine) as connection:
                changes = Changes(project, label_config, started, tuple(tasks), tuple(annotations))
                _take_back(connection, project, [annotation.id for annotation in annotations])
                _record(connection, changes)
        with writing(self._engine) as connection:
            # Not forever: should it be there after all, a fetch or its next change brings it back.
            _delete(connection, project, known - seen, started)
        return len(seen)

    def _settled(self, project: str, before: float) -> set[int]:
        """The annotations that were changed last before a time."""
        with reading(self._engine) as connection:
            numbers = connection.scalars(
                select(_annotations.c.annotation).where(
                    _annotations.c.project == project, _annotations.c.updated_at < before
                )
            )
            return set(numbers)

    def snapshot(self, project: str) -> list[Example]:
        """The examples of a project as they are now, by task."""
        statement = select(_annotations, _tasks.c.data).join(_tasks, _on_a_task)
        by_annotation = (_annotations.c.task, _annotations.c.updated_at, _annotations.c.annotation)
        with reading(self._engine) as connection:
            rows = connection.execute(
                statement.where(_annotations.c.project == project, _lives).order_by(*by_annotation)
            ).all()
        by_task: dict[int, list[Any]] = defaultdict(list)
        for row in rows:
            by_task[row.task].append(row)
        examples = [Example(task, of[-1].data, _votes(of)) for task, of in by_task.items()]
        return [example for example in examples if example.choices]

    def label_config(self, project: str) -> str | None:
        """The labeling config of a project; None if nothing was heard of it."""
        with reading(self._engine) as connection:
            statement = select(_projects.c.label_config).where(_projects.c.project == project)
            return connection.execute(statement).scalar()

    def annotation_count(self, project: str) -> int:
        """How many annotations a project has, without skipped tasks."""
        with reading(self._engine) as connection:
            statement = select(func.count()).select_from(_annotations).join(_tasks, _on_a_task)
            living = statement.where(_annotations.c.project == project, _lives)
            return connection.execute(living).scalar_one()


def _votes(rows: Sequence[Any]) -> dict[str, str]:
    """What most annotators of a task chose; of each annotator the last annotation counts."""
    by_annotator = {
        row.annotation if row.annotator is None else (row.annotator,): row.choices for row in rows
    }
    votes: dict[str, Counter[str]] = defaultdict(Counter)
    for choices in by_annotator.values():
        for control, chosen in choices.items():
            if len(chosen) == 1:
                votes[control][chosen[0]] += 1
    majority = {}
    for control, counts in votes.items():
        first, *others = counts.most_common(2)
        if not others or first[1] > others[0][1]:
            majority[control] = first[0]
    return majority


def _record(connection: Connection, changes: Changes) -> None:
    project = changes.project
    if changes.label_config is not None:
        _upsert(
            connection,
            _projects,
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
        _tasks,
        [_task_row(project, task, times.get(task.id, 0.0)) for task in changes.tasks],
    )
    _upsert(connection, _annotations, [_annotation_row(project, a) for a in changes.annotations])
    _delete(connection, project, changes.deleted_annotations)
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


def _delete(
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
    _upsert(connection, _annotations, rows)


def _take_back(connection: Connection, project: str, annotations: Sequence[int]) -> None:
    """Forget that an earlier fetch, which may have been of fewer tasks, did not find these."""
    connection.execute(
        delete(_annotations).where(
            _annotations.c.project == project,
            _annotations.c.annotation.in_(annotations),
            _annotations.c.task.is_(None),
            _annotations.c.updated_at < _FOREVER,
        )
    )


def _delete_tasks(connection: Connection, project: str, tasks: Sequence[int]) -> None:
    rows: list[dict[str, Any]] = [
        {"project": project, "task": task, "data": {}, "updated_at": _FOREVER} for task in tasks
    ]
    _upsert(connection, _tasks, rows)
    for task in tasks:
        connection.execute(
            update(_annotations)
            .where(_annotations.c.project == project, _annotations.c.task == task)
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
