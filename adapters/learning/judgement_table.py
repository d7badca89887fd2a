"""What the last training said about each annotation: which are suspects, and which are disputed.

A suspect whose annotation changes after the training was reviewed: it is corrected if the answer is
another one now, and confirmed if it is the same. A confirmed answer is not flagged again.
"""

import time
from collections.abc import Mapping, Sequence
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
    String,
    Table,
    delete,
    func,
    insert,
    select,
)

from adapters.learning.example_tables import ANNOTATIONS, IS_VALID, ON_A_TASK, TASKS
from model_store.serving.database import metadata, reading

_ROWS_AT_ONCE = 1000

_judgements = Table(
    "judgements",
    metadata,
    Column("project", String, primary_key=True),
    Column("control", String, primary_key=True),
    Column("task", BigInteger, primary_key=True, autoincrement=False),
    Column("given", JSON, nullable=False),
    Column("predicted", JSON, nullable=False),
    Column("score", Float, nullable=False),
    Column("quality", Float, nullable=False),
    Column("is_suspect", Boolean, nullable=False),
    Column("is_disputed", Boolean, nullable=False),
    Column("is_confirmed", Boolean, nullable=False),
    Column("judged_at", Float, nullable=False),
)


@dataclass(frozen=True)
class StoredJudgement:
    """What a training says about the annotation of a task, for one control."""

    control: str
    task: int
    given: tuple[str, ...]
    """The options that the training learned; none if annotators left it undecided."""
    predicted: tuple[str, ...]
    """The options that a head predicts which has not learned from the task."""
    score: float
    """How certain the prediction is, in 0..1."""
    quality: float
    """How likely the annotation is right, in 0..1."""
    is_suspect: bool = False
    is_disputed: bool = False
    is_confirmed: bool = False
    """Whether a person looked at it as a suspect and left the answer as it was."""
    judged_at: float = 0.0
    """Seconds since the epoch."""
    changed_at: float = 0.0
    """When an annotation of the task last changed."""

    @property
    def is_open(self) -> bool:
        """Whether a person should still look: nothing has changed since the training."""
        return (self.is_suspect or self.is_disputed) and self.changed_at <= self.judged_at


class Judgements:
    """The judgements of the last training of each project, in one database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def of(self, project: str) -> list[StoredJudgement]:
        """Return the judgements of a project, those of the least likely annotations first.

        Without those of tasks that have no annotation any more.
        """
        of = _judgements.c
        changed = (
            select(ANNOTATIONS.c.task, func.max(ANNOTATIONS.c.updated_at).label("changed_at"))
            .join(TASKS, ON_A_TASK)
            .where(ANNOTATIONS.c.project == project, IS_VALID)
            .group_by(ANNOTATIONS.c.task)
            .subquery()
        )
        statement = (
            select(
                *(of.control, of.task, of.given, of.predicted, of.score, of.quality),
                *(of.is_suspect, of.is_disputed, of.is_confirmed, of.judged_at),
                changed.c.changed_at,
            )
            .join(changed, changed.c.task == of.task)
            .where(of.project == project)
            .order_by(of.quality, of.task, of.control)
        )
        with reading(self._engine) as connection:
            return [_judgement(row._asdict()) for row in connection.execute(statement)]

    def open_of(self, project: str) -> list[StoredJudgement]:
        """Return the judgements that people should look at, the least likely first."""
        return [each for each in self.of(project) if each.is_open]


def replace_judgements(
    connection: Connection, project: str, judgements: Mapping[str, Sequence[StoredJudgement]]
) -> None:
    """Replace the judgements of the controls that were trained, by control.

    Raises the errors of the connection.
    """
    now = time.time()
    for control, found in judgements.items():
        is_one = (_judgements.c.project == project) & (_judgements.c.control == control)
        connection.execute(delete(_judgements).where(is_one))
        rows = [
            {
                "project": project,
                "control": control,
                "task": each.task,
                "given": list(each.given),
                "predicted": list(each.predicted),
                "score": each.score,
                "quality": each.quality,
                "is_suspect": each.is_suspect,
                "is_disputed": each.is_disputed,
                "is_confirmed": each.is_confirmed,
                "judged_at": now,
            }
            for each in found
        ]
        for start in range(0, len(rows), _ROWS_AT_ONCE):
            connection.execute(insert(_judgements), rows[start : start + _ROWS_AT_ONCE])


def _judgement(row: Mapping[str, Any]) -> StoredJudgement:
    return StoredJudgement(
        **{**row, "given": tuple(row["given"]), "predicted": tuple(row["predicted"])}
    )
