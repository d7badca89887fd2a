"""The predictions that were accepted unseen, with the tasks that stay in the queue for an audit.

People have not seen an annotation that an acceptance created: trainings leave it out until somebody
changes it.
"""

import enum
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Engine,
    Float,
    Index,
    Integer,
    String,
    Table,
    delete,
    insert,
    select,
    update,
)

from model_store.budget.acceptance import Promise
from model_store.serving.database import metadata, reading, writing

_ROWS_AT_ONCE = 1000


class State(enum.StrEnum):
    """The state of an acceptance."""

    STARTED = "started"
    """Some predictions may not be annotations yet: the same command continues."""
    DONE = "done"
    WITHDRAWN = "withdrawn"
    """Its annotations were deleted, but for those that people changed."""


_acceptances = Table(
    "acceptances",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("project", String, nullable=False, index=True),
    Column("version", String, nullable=False),
    Column("max_error", Float, nullable=False),
    Column("confidence", Float, nullable=False),
    Column("threshold", Float, nullable=False),
    Column("state", String, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("ended_at", Float),
)
ACCEPTED_TASKS = Table(
    "accepted_tasks",
    metadata,
    Column("acceptance", Integer, primary_key=True, autoincrement=False),
    Column("task", BigInteger, primary_key=True, autoincrement=False),
    Column("project", String, nullable=False),
    Column("answers", JSON, nullable=False),
    Column("is_audited", Boolean, nullable=False),
    Column("annotation", BigInteger),
)
Index("accepted_tasks_of_project", ACCEPTED_TASKS.c.project, ACCEPTED_TASKS.c.task)


@dataclass(frozen=True)
class Acceptance:
    """Predictions of one version that were accepted at once."""

    id: int
    project: str
    version: str
    max_error: float
    confidence: float
    threshold: float
    """The lowest score that was accepted."""
    state: State
    created_at: float
    """Seconds since the epoch."""
    ended_at: float | None = None

    @property
    def promise(self) -> Promise:
        """What was promised."""
        return Promise(self.max_error, self.confidence)


@dataclass(frozen=True)
class AcceptedTask:
    """A task whose prediction was accepted, or would be if it were not left for the audit."""

    task: int
    answers: Mapping[str, tuple[str, ...]]
    """The predicted options by control."""
    is_audited: bool
    """Whether the task stays in the queue, for a person to annotate."""
    annotation: int | None = None
    """The annotation that was created."""


class Acceptances:
    """The acceptances of all projects, in one database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def start(
        self,
        project: str,
        version: str,
        promise: Promise,
        threshold: float,
        tasks: Sequence[AcceptedTask],
    ) -> Acceptance:
        """Record what will be accepted, before anything is."""
        row = {
            "project": project,
            "version": version,
            "max_error": promise.max_error,
            "confidence": promise.confidence,
            "threshold": threshold,
            "state": State.STARTED,
            "created_at": time.time(),
        }
        with writing(self._engine, alone_in=_acceptances) as connection:
            inserted = connection.execute(insert(_acceptances).values(row)).inserted_primary_key
            number = inserted[0] if inserted else 0
            rows = [
                {
                    "acceptance": number,
                    "project": project,
                    "task": each.task,
                    "answers": {name: list(found) for name, found in each.answers.items()},
                    "is_audited": each.is_audited,
                }
                for each in tasks
            ]
            for begin in range(0, len(rows), _ROWS_AT_ONCE):
                connection.execute(insert(ACCEPTED_TASKS), rows[begin : begin + _ROWS_AT_ONCE])
        return _acceptance({"id": number, "ended_at": None, **row})

    def last(self, project: str) -> Acceptance | None:
        """Return the newest acceptance of a project that was not withdrawn."""
        is_one = (_acceptances.c.project == project) & (_acceptances.c.state != State.WITHDRAWN)
        statement = select(_acceptances).where(is_one).order_by(_acceptances.c.id.desc()).limit(1)
        with reading(self._engine) as connection:
            row = connection.execute(statement).first()
        return _acceptance(row._asdict()) if row else None

    def all(self, project: str) -> list[Acceptance]:
        """Return the acceptances of a project that were not withdrawn, oldest first."""
        is_one = (_acceptances.c.project == project) & (_acceptances.c.state != State.WITHDRAWN)
        statement = select(_acceptances).where(is_one).order_by(_acceptances.c.id)
        with reading(self._engine) as connection:
            return [_acceptance(row._asdict()) for row in connection.execute(statement)]

    def tasks(self, acceptance: int) -> list[AcceptedTask]:
        """Return the tasks of an acceptance, by ascending id."""
        of = ACCEPTED_TASKS.c
        statement = select(of.task, of.answers, of.is_audited, of.annotation).where(
            of.acceptance == acceptance
        )
        with reading(self._engine) as connection:
            rows = connection.execute(statement.order_by(of.task)).all()
        return [
            AcceptedTask(
                row.task,
                {name: tuple(found) for name, found in row.answers.items()},
                row.is_audited,
                row.annotation,
            )
            for row in rows
        ]

    def note_annotations(self, acceptance: int, annotations: Mapping[int, int]) -> None:
        """Record the annotations that were created, by task."""
        with writing(self._engine) as connection:
            for task, annotation in annotations.items():
                is_one = (ACCEPTED_TASKS.c.acceptance == acceptance) & (
                    ACCEPTED_TASKS.c.task == task
                )
                connection.execute(
                    update(ACCEPTED_TASKS).where(is_one).values(annotation=annotation)
                )

    def end(self, acceptance: int, state: State) -> None:
        """Record that an acceptance is done or withdrawn; of a withdrawn one forget the tasks."""
        with writing(self._engine) as connection:
            is_one = _acceptances.c.id == acceptance
            change = {"state": state, "ended_at": time.time()}
            connection.execute(update(_acceptances).where(is_one).values(change))
            if state is State.WITHDRAWN:
                connection.execute(
                    delete(ACCEPTED_TASKS).where(ACCEPTED_TASKS.c.acceptance == acceptance)
                )


def _acceptance(row: Mapping[str, Any]) -> Acceptance:
    return Acceptance(**{**row, "state": State(row["state"])})
