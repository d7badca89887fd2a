"""Count what becomes of the annotations of a control: they count for an example, or are left out.

Each annotation and each annotated task is in exactly one place, so that the numbers add up.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from adapters.label_studio.controls import Control
from adapters.label_studio.task_text import NoTextError, task_text
from adapters.learning.votes import last_of_each_annotator, majority
from model_store.wording import shown

SKIPPED = "skipped"
REPLACED = "replaced by a later one of the same annotator"
UNANSWERED = "without an answer"
SEVERAL = "with several choices"
NOT_OFFERED = "with a choice that the labeling config does not offer"
TIED = "in a tie, which a training decides if it can"
OUTVOTED = "outvoted"


class StoredAnnotation(NamedTuple):
    """An annotation with its task, as the database has them."""

    task: int
    annotation: int
    answers: Mapping[str, Sequence[str]]
    cancelled: bool
    annotator: int | None
    data: Any
    ground_truth: bool = False
    seconds: float | None = None
    is_prefilled: bool = False


@dataclass
class Tally:
    """What became of the annotations of a project, for one control."""

    control: str
    annotations: int = 0
    tasks: int = 0
    examples: int = 0
    """Tasks that are examples."""
    options: Counter[str] = field(default_factory=Counter)
    """Tasks that are examples, by the options that most annotators took."""
    left_out: Counter[str] = field(default_factory=Counter)
    """Annotations that count for no example, by reason."""
    tasks_left_out: Counter[str] = field(default_factory=Counter)
    """Annotated tasks that are not examples, by the reason of their newest annotation."""

    @property
    def sentence(self) -> str | None:
        """What is left out and why, in two sentences; None if nothing is."""
        if not self.left_out:
            return None
        reasons = ", ".join(f"{number} {reason}" for reason, number in self.left_out.most_common())
        return (
            f'"{shown(self.control)}": {self.annotations - self.left_out.total()} of '
            f"{self.annotations} annotations count, and {self.examples} of {self.tasks} "
            f"annotated tasks are examples. Annotations that are left out: {reasons}."
        )

    def report(self) -> dict[str, Any]:
        """Return the numbers for JSON."""
        return {
            "annotations": self.annotations,
            "annotations_left_out": dict(self.left_out),
            "tasks": self.tasks,
            "examples": self.examples,
            "tasks_left_out": dict(self.tasks_left_out),
        }


def tally(tasks: Iterable[Sequence[StoredAnnotation]], controls: Sequence[Control]) -> list[Tally]:
    """Count the annotations of a project for each of its controls, in one pass.

    tasks: the annotations of each task, newest last.
    """
    tallies = [Tally(control.name) for control in controls]
    for annotations in tasks:
        for found, control in zip(tallies, controls, strict=True):
            _count(found, annotations, control)
    return tallies


def _count(found: Tally, annotations: Sequence[StoredAnnotation], control: Control) -> None:
    """Add the annotations of a task to a tally."""
    winner, reasons = _judge(annotations, control)
    left_out = [reason for reason in reasons if reason]
    found.annotations += len(annotations)
    found.tasks += 1
    found.left_out.update(left_out)
    if winner is not None:
        found.examples += 1
        found.options.update(winner)
    else:
        found.tasks_left_out[left_out[-1]] += 1


def _judge(
    annotations: Sequence[StoredAnnotation], control: Control
) -> tuple[tuple[str, ...] | None, list[str | None]]:
    """Return the answer of a task, if it is an example, and why each annotation is left out."""
    votes = last_of_each_annotator(each for each in annotations if not each.cancelled)
    winner = majority(votes, [control]).get(control.name)
    last = {each.annotation for each in votes}
    no_text = None
    if winner is not None and set(winner) <= set(control.options):
        try:
            task_text(annotations[0].data, control)
        except NoTextError as error:
            no_text = f"whose {error}"
    reasons = [
        _reason(each, winner, no_text, control)
        if each.cancelled or each.annotation in last
        else REPLACED
        for each in annotations
    ]
    return (winner if None in reasons else None), reasons


def _reason(
    annotation: StoredAnnotation,
    winner: tuple[str, ...] | None,
    no_text: str | None,
    control: Control,
) -> str | None:
    """Return why an annotation does not count for an example; None if it counts."""
    if annotation.cancelled:
        return SKIPPED
    given = control.given(annotation.answers)
    if given is None:
        return SEVERAL if annotation.answers.get(control.name) else UNANSWERED
    if not set(given) <= set(control.options):
        return NOT_OFFERED
    if winner is None:
        return TIED
    return no_text if given == winner else OUTVOTED
