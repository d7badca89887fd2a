"""Annotated tasks in the database: what a project can be trained with.

Events may come twice, late, or in any order: the newest state of an annotation stays, and what was
deleted stays deleted.
"""

import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, Engine, func, select

from adapters.label_studio.events import (
    Annotation,
    Changes,
    EventError,
    Task,
    annotation_of,
    task_of,
)
from adapters.learning.example_tables import (
    ANNOTATIONS,
    LIVES,
    ON_A_TASK,
    PROJECTS,
    TASKS,
    mark_deleted,
    record,
    take_back,
)
from model_store.serving.database import reading, writing

_SETTLING_SECONDS = 10.0
"""Label Studio sends an event before its own transaction ends: its API may not have it yet."""


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
            record(connection, changes)

    def replace(
        self, project: str, label_config: str, pages: Iterable[Sequence[Mapping[str, Any]]]
    ) -> int:
        """Keep what Label Studio's API says of all annotated tasks of a project, page by page.

        Annotations that were known before, and that no page has, were deleted without a word.
        Returns how many tasks are not as they should be: these are left as they were.
        """
        started = time.time()
        known = self._settled(project, started - _SETTLING_SECONDS)
        seen: set[int] = set()
        odd = 0
        for page in pages:
            tasks: list[Task] = []
            annotations: list[Annotation] = []
            for item in page:
                of_task = item.get("annotations", ())
                seen.update(annotation["id"] for annotation in of_task)
                try:
                    task = task_of(item)
                    annotations += [annotation_of(annotation, task.id) for annotation in of_task]
                    tasks.append(task)
                except EventError:
                    odd += 1
            with writing(self._engine) as connection:
                changes = Changes(project, label_config, started, tuple(tasks), tuple(annotations))
                take_back(connection, project, [annotation.id for annotation in annotations])
                record(connection, changes)
        with writing(self._engine) as connection:
            # Not forever: should it be there after all, a fetch or its next change brings it back.
            mark_deleted(connection, project, known - seen, started)
        return odd

    def _settled(self, project: str, before: float) -> set[int]:
        """The annotations that were changed last before a time."""
        with reading(self._engine) as connection:
            numbers = connection.scalars(
                select(ANNOTATIONS.c.annotation).where(
                    ANNOTATIONS.c.project == project, ANNOTATIONS.c.updated_at < before
                )
            )
            return set(numbers)

    def snapshot(self, project: str) -> list[Example]:
        """The examples of a project as they are now, by task."""
        by_task = self._annotations_by_task(project, TASKS.c.data)
        examples = [Example(task, of[-1].data, _votes(of)) for task, of in by_task.items()]
        return [example for example in examples if example.choices]

    def choices(self, project: str) -> list[Mapping[str, str]]:
        """Those of the examples of a project, without their data, which takes long to read."""
        return [
            votes for of in self._annotations_by_task(project).values() if (votes := _votes(of))
        ]

    def _annotations_by_task(self, project: str, *more: Column[Any]) -> dict[int, list[Any]]:
        """The rows of those that live, of each task the newest last."""
        of = ANNOTATIONS.c
        statement = (
            select(of.task, of.annotation, of.choices, of.annotator, *more)
            .join(TASKS, ON_A_TASK)
            .where(of.project == project, LIVES)
            .order_by(of.task, of.updated_at, of.annotation)
        )
        by_task: dict[int, list[Any]] = defaultdict(list)
        with reading(self._engine) as connection:
            for row in connection.execute(statement):
                by_task[row.task].append(row)
        return by_task

    def label_config(self, project: str) -> str | None:
        """The labeling config of a project; None if nothing was heard of it."""
        with reading(self._engine) as connection:
            statement = select(PROJECTS.c.label_config).where(PROJECTS.c.project == project)
            return connection.execute(statement).scalar()

    def annotation_count(self, project: str) -> int:
        """How many annotations a project has, without skipped tasks."""
        with reading(self._engine) as connection:
            statement = select(func.count()).select_from(ANNOTATIONS).join(TASKS, ON_A_TASK)
            living = statement.where(ANNOTATIONS.c.project == project, LIVES)
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
