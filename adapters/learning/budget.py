"""What a project still needs: what to label, accept and review, and for how long.

Puts together what the last training measured and what the database counts. Talks to nobody.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Engine

from adapters.learning.examples import Effort, ExampleStore
from adapters.learning.jobs import JobQueue
from adapters.learning.judgement_table import Judgements, StoredJudgement
from model_store.budget.acceptance import Promise, Threshold, choose, missing, percent
from model_store.budget.curve import Curve
from model_store.wording import shown

USUAL = Promise(max_error=0.02, confidence=0.95)
_MINUTE, _HOUR = 60, 3600
_SMALLEST_IN_HOURS = 3 * _HOUR


@dataclass(frozen=True)
class Calibration:
    """How certain the predictions of annotated tasks were, and whether they were right."""

    scores: NDArray[np.float64]
    """(tasks,) in 0..1: of the least certain control."""
    correct: NDArray[np.bool_]
    """(tasks,): whether the answers of all controls were predicted."""

    @classmethod
    def of(cls, judgements: Iterable[StoredJudgement]) -> "Calibration":
        """Join the judgements of all controls; tasks that lack one are left out."""
        by_task: dict[int, list[StoredJudgement]] = {}
        controls = set()
        for each in judgements:
            if each.given or not each.is_disputed:
                by_task.setdefault(each.task, []).append(each)
                controls.add(each.control)
        complete = [found for found in by_task.values() if len(found) == len(controls)]
        return cls(
            np.array([min(each.score for each in found) for found in complete], dtype=np.float64),
            np.array(
                [all(each.given == each.predicted for each in found) for found in complete],
                dtype=bool,
            ),
        )

    def of_pool(self, size: int) -> NDArray[np.float64]:
        """Return (size,) scores that other tasks of the project are likely to have."""
        places = np.arange(size) * len(self.scores) // max(size, 1)
        return np.sort(self.scores)[places] if len(self.scores) else np.empty(0)


@dataclass(frozen=True)
class Budget:
    """What a project needs until a share of all its answers is right."""

    promise: Promise
    tasks: int
    """All tasks of the project that are known of."""
    annotated: int
    """Tasks that people annotated."""
    suspects: int = 0
    """Tasks with an annotation that is likely wrong, and that nobody has looked at since."""
    disputed: int = 0
    threshold: Threshold | None = None
    """What can be accepted, estimated by the annotated tasks."""
    missing: int | None = None
    """Annotations until something can be accepted, if nothing can be."""
    seconds: float | None = None
    """How long an annotation usually takes."""
    curves: Mapping[str, Curve] = field(default_factory=dict)
    """The learning curve of each control."""
    is_judged: bool = True
    """Whether there was a training that could tell."""

    @classmethod
    def of(
        cls,
        promise: Promise,
        effort: Effort,
        judgements: Sequence[StoredJudgement],
        curves: Mapping[str, Curve],
        tasks: int | None = None,
    ) -> Self:
        """Put together what is known of a project.

        judgements: of the last training. tasks: the number of all tasks, if that is known better
        than by the last event.
        """
        total = max(effort.annotated, (effort.tasks or 0) if tasks is None else tasks)
        if not judgements:
            return cls(promise, total, effort.annotated, seconds=effort.seconds, is_judged=False)
        known = Calibration.of(judgements)
        pool = known.of_pool(total - effort.annotated)
        threshold = choose(known.scores, known.correct, pool, promise)
        is_missing = threshold is None and len(pool)
        return cls(
            promise,
            total,
            effort.annotated,
            suspects=len(open_tasks(judgements, "is_suspect")),
            disputed=len(open_tasks(judgements, "is_disputed")),
            threshold=threshold,
            missing=missing(known.scores, known.correct, pool, promise) if is_missing else None,
            seconds=effort.seconds,
            curves=curves,
        )

    @property
    def accepted(self) -> int:
        """The number of tasks that can be accepted unseen."""
        return self.threshold.accepted if self.threshold else 0

    @property
    def to_label(self) -> int:
        """Annotations to make: of all others, or until some tasks can be accepted."""
        left = max(self.tasks - self.annotated, 0)
        if self.threshold:
            return left - self.accepted
        return left if self.missing is None else min(self.missing, left)

    @property
    def summary(self) -> str:
        """All of it in one sentence."""
        if not self.is_judged:
            return (
                f"{self.annotated:,} of {self.tasks:,} tasks are annotated, and no training has "
                "judged them yet: annotate and train."
            )
        aim = f"{percent(1 - self.promise.max_error)} on all {self.tasks:,}"
        label = f"label {self.to_label:,} more{self._time(self.to_label)}"
        accept = f"accept {self.accepted:,}" if self.threshold else "accept none yet"
        plural = "" if self.suspects == 1 else "s"
        return (
            f"{aim}: {label}, {accept}, review {self.suspects:,} suspect{plural}, "
            f"{self.disputed:,} disputed."
        )

    @property
    def sentences(self) -> list[str]:
        """What further annotations are worth, for each control."""
        return [f'"{shown(control)}": {self._worth(each)}' for control, each in self.curves.items()]

    def _worth(self, curve: Curve) -> str:
        if curve.is_settled:
            return f"{curve.now} now; stop: the last {curve.dropped} annotations changed nothing."
        then = curve.next()
        more = then.annotations - curve.now.annotations
        return f"{curve.now} now; {more} more: {then}{self._about(more)}."

    def _about(self, annotations: int) -> str:
        if self.seconds is None:
            return ""
        return f", about {duration(annotations * self.seconds)} at your {self.seconds:.0f} s each"

    def _time(self, annotations: int) -> str:
        if self.seconds is None or not annotations:
            return ""
        return f" ({duration(annotations * self.seconds)})"

    def to_json(self) -> dict[str, Any]:
        """Return the budget for JSON."""
        return {
            "summary": self.summary,
            "sentences": self.sentences,
            "tasks": self.tasks,
            "annotated": self.annotated,
            "to_label": self.to_label,
            "can_be_accepted": self.accepted,
            "suspects": self.suspects,
            "disputed": self.disputed,
            "seconds_per_annotation": self.seconds,
        }


def duration(seconds: float) -> str:
    """Return a duration in words.

    >>> duration(3300), duration(20), duration(93_600)
    ('55 min', '1 min', '26 h')
    """
    if seconds >= _SMALLEST_IN_HOURS:
        return f"{seconds / _HOUR:.0f} h"
    return f"{max(1, round(seconds / _MINUTE))} min"


class Budgets:
    """The budgets of all projects of one database.

    promise: what accepted predictions must keep.
    """

    def __init__(self, engine: Engine, promise: Promise = USUAL) -> None:
        self.judgements = Judgements(engine)
        self._examples = ExampleStore(engine)
        self._jobs = JobQueue(engine)
        self._promise = promise

    def of(self, project: str, tasks: int | None = None) -> Budget:
        """Return the budget of a project.

        tasks: the number of all tasks; by default the one in the last event.
        """
        return Budget.of(
            self._promise,
            self._examples.effort(project),
            self.judgements.of(project),
            self._curves(project),
            tasks,
        )

    def _curves(self, project: str) -> dict[str, Curve]:
        """Return the curves that the last job measured which measured some."""
        found = (curves_in(job.metrics) for job in self._jobs.jobs(project))
        return next(filter(None, found), {})


def curves_in(metrics: Mapping[str, Any]) -> dict[str, Curve]:
    """Return the learning curves in the metrics of a job, by control."""
    return {
        control: Curve.of_json(report["curve"])
        for control, report in metrics.items()
        if isinstance(report, Mapping) and "curve" in report
    }


def open_tasks(judgements: Sequence[StoredJudgement], kind: str) -> set[int]:
    """Return the tasks that a person should still look at; kind: `is_suspect` or `is_disputed`."""
    return {each.task for each in judgements if each.is_open and getattr(each, kind)}
