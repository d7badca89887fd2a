"""Annotated tasks in the database: the examples that projects are trained with.

Events may arrive twice, late, or in any order. The newest state of an annotation wins; deleting it
is a state. What Label Studio's API says overrules the events before.
"""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from operator import attrgetter
from statistics import median
from typing import Any

from sqlalchemy import Connection, Engine, Select, func, select

from adapters.label_studio.events import (
    AnnotatedTask,
    Annotation,
    Changes,
    EventError,
    annotation_of,
    task_of,
)
from adapters.learning.example_tables import (
    ANNOTATIONS,
    IS_STORED,
    IS_VALID,
    ON_A_TASK,
    PROJECTS,
    TASKS,
    forget,
    mark_deleted,
    record,
    task_data,
)
from adapters.learning.tally import StoredAnnotation
from adapters.learning.votes import Answered, given_by, last_of_each_annotator, majority
from model_store.learning.split import sample
from model_store.serving.database import reading, writing

_LAG_SECONDS = 2.0
"""Label Studio sends an event before it commits, so its API may lag behind the event."""

_ROWS_AT_ONCE = 1000
_TIMED = 500
"""Annotations that the usual time of one is measured by."""

Votes = Mapping[str, Mapping[int, tuple[str, ...]]]
"""What annotators answer, by control and annotator."""


@dataclass(frozen=True)
class Example:
    """An annotated task."""

    task: int
    data: Mapping[str, Any]
    choices: Mapping[str, tuple[str, ...]]
    """The majority answer for each control. Controls without a majority are left out."""
    votes: Votes = field(default_factory=dict)
    """The answer of each annotator, for the controls that several of them answered."""


@dataclass(frozen=True)
class Effort:
    """What people have done in a project."""

    annotated: int
    """Tasks with an annotation that was not skipped."""
    tasks: int | None
    """All tasks, if an event has told."""
    seconds: float | None
    """The median time of an annotation, of the last ones that have a time."""


class ExampleStore:
    """The annotated tasks of all projects, in one database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def record(self, *events: Changes) -> None:
        """Store the changes in events, in one transaction; raise DatabaseError if that fails."""
        with writing(self._engine) as connection:
            # Projects in the same order: two writers of several would deadlock otherwise.
            for changes in sorted(events, key=attrgetter("project")):
                record(connection, changes)

    def replace(
        self, project: str, label_config: str, pages: Iterable[Sequence[Mapping[str, Any]]]
    ) -> int:
        """Store all annotated tasks of a project, in pages as Label Studio's API returns them.

        The pages overrule what events said before. Known annotations that are missing from every
        page are marked deleted: Label Studio sent no event for them. Returns the number of
        malformed tasks, whose known state stays.
        """
        started = time.time()
        settled = started - _LAG_SECONDS
        known = self._settled(project, settled)
        seen: set[int] = set()
        malformed = 0
        for page in pages:
            tasks: list[AnnotatedTask] = []
            annotations: list[Annotation] = []
            for item in page:
                of_task = item.get("annotations", ())
                seen.update(annotation["id"] for annotation in of_task)
                try:
                    task = task_of(item)
                    annotations += [annotation_of(annotation, task.id) for annotation in of_task]
                    tasks.append(task)
                except EventError:
                    malformed += 1
            with writing(self._engine) as connection:
                forget(
                    connection,
                    project,
                    tasks=[task.id for task in tasks],
                    annotations=[annotation.id for annotation in annotations],
                    before=settled,
                )
                changes = Changes(
                    project,
                    label_config,
                    started,
                    tasks=tuple(tasks),
                    annotations=tuple(annotations),
                )
                record(connection, changes)
        with writing(self._engine) as connection:
            # With a time that is settled for each later fetch, so that it can restore them.
            mark_deleted(connection, project, known - seen, settled)
        return malformed

    def _settled(self, project: str, before: float) -> set[int]:
        """Return the annotations whose last change was before a time."""
        with reading(self._engine) as connection:
            numbers = connection.scalars(
                select(ANNOTATIONS.c.annotation).where(
                    ANNOTATIONS.c.project == project, ANNOTATIONS.c.updated_at < before
                )
            )
            return set(numbers)

    def sample(
        self, project: str, controls: Sequence[Answered], size: int
    ) -> tuple[list[Example], int]:
        """Return about `size` examples of a project, by ascending task id, and their total number.

        Reads the data of these examples only.
        """
        with reading(self._engine) as connection:
            votes, answers = {}, {}
            for task, given, winners in _votes_by_task(connection, project, controls):
                answers[task] = winners
                if given:
                    votes[task] = given
            tasks = sample(project, answers, size)
            data = {row.task: row.data for row in task_data(connection, project, tasks)}
        examples = [
            Example(task, data[task], answers[task], votes.get(task, {}))
            for task in tasks
            if task in data
        ]
        return examples, len(answers)

    def answers(
        self, project: str, controls: Sequence[Answered]
    ) -> dict[int, Mapping[str, tuple[str, ...]]]:
        """Return the majority answers of all annotated tasks, by task and control."""
        with reading(self._engine) as connection:
            found = _votes_by_task(connection, project, controls)
            return {task: winners for task, _, winners in found if winners}

    def votes(self, project: str, control: Answered) -> Iterator[dict[int, str]]:
        """Yield, for each task that several annotated, what each annotator answers."""
        with reading(self._engine) as connection:
            for _, votes, _ in _votes_by_task(connection, project, [control]):
                if control.name in votes:
                    yield {who: ", ".join(said) for who, said in votes[control.name].items()}

    def annotated(self, project: str) -> Iterator[list[StoredAnnotation]]:
        """Yield the annotations of each task, newest last, with those that were skipped."""
        of = ANNOTATIONS.c
        statement = (
            select(
                *(of.task, of.annotation, of.answers, of.cancelled, of.annotator),
                *(TASKS.c.data, of.ground_truth, of.seconds, of.is_prefilled),
            )
            .join(TASKS, ON_A_TASK)
            .where(of.project == project, IS_STORED)
            .order_by(of.task, of.updated_at, of.annotation)
            .execution_options(yield_per=_ROWS_AT_ONCE)
        )
        with reading(self._engine) as connection:
            rows = (StoredAnnotation(*row) for row in connection.execute(statement))
            for _, of_task in groupby(rows, key=attrgetter("task")):
                yield list(of_task)

    def label_config(self, project: str) -> str | None:
        """Return the labeling config of a project; None if no event of it has arrived."""
        with reading(self._engine) as connection:
            statement = select(PROJECTS.c.label_config).where(PROJECTS.c.project == project)
            return connection.execute(statement).scalar()

    def effort(self, project: str) -> Effort:
        """Return what was annotated in a project, and how long an annotation takes."""
        of = ANNOTATIONS.c
        is_valid = (of.project == project) & IS_VALID
        count = (
            select(func.count(of.task.distinct())).select_from(ANNOTATIONS).join(TASKS, ON_A_TASK)
        )
        last = (
            select(of.seconds)
            .join(TASKS, ON_A_TASK)
            .where(is_valid, of.seconds.is_not(None))
            .order_by(of.updated_at.desc())
            .limit(_TIMED)
        )
        tasks = select(PROJECTS.c.task_count).where(PROJECTS.c.project == project)
        with reading(self._engine) as connection:
            seconds = connection.scalars(last).all()
            return Effort(
                annotated=connection.execute(count.where(is_valid)).scalar_one(),
                tasks=connection.execute(tasks).scalar(),
                seconds=median(seconds) if seconds else None,
            )

    def annotation_counts(self) -> dict[str, int]:
        """Return the number of annotations of each project, without skipped tasks."""
        project = ANNOTATIONS.c.project
        return self._counts(select(project, func.count()).where(IS_VALID).group_by(project))

    def annotator_counts(self, project: str) -> dict[int | None, int]:
        """Return the number of annotations of each annotator, without skipped tasks."""
        annotator = ANNOTATIONS.c.annotator
        statement = select(annotator, func.count()).group_by(annotator)
        return self._counts(statement.where(ANNOTATIONS.c.project == project, IS_VALID))

    def _counts(self, statement: Select[Any]) -> dict[Any, int]:
        joined = statement.select_from(ANNOTATIONS).join(TASKS, ON_A_TASK)
        with reading(self._engine) as connection:
            return {row[0]: row[1] for row in connection.execute(joined)}

    def annotation_count(self, project: str) -> int:
        """Return the number of annotations of a project, without skipped tasks."""
        with reading(self._engine) as connection:
            statement = select(func.count()).select_from(ANNOTATIONS).join(TASKS, ON_A_TASK)
            valid = statement.where(ANNOTATIONS.c.project == project, IS_VALID)
            return connection.execute(valid).scalar_one()


def _votes_by_task(
    connection: Connection, project: str, controls: Sequence[Answered]
) -> Iterator[tuple[int, Votes, Mapping[str, tuple[str, ...]]]]:
    """Yield annotated tasks, by ascending id, with their votes and the majority answers."""
    of = ANNOTATIONS.c
    statement = (
        select(of.task, of.annotation, of.answers, of.annotator, of.ground_truth)
        .join(TASKS, ON_A_TASK)
        .where(of.project == project, IS_VALID)
        .order_by(of.task, of.updated_at, of.annotation)
        # Row by row: all rows at once take more memory than the rest of a training.
        .execution_options(yield_per=_ROWS_AT_ONCE)
    )
    for task, rows in groupby(connection.execute(statement), key=attrgetter("task")):
        voters = last_of_each_annotator(rows)
        votes, winners = given_by(voters, controls), majority(voters, controls)
        if votes or winners:
            yield task, votes, winners
