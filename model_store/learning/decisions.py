"""Decide what is learned where annotators disagree; say what a training thinks of each answer."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from model_store.budget import consensus
from model_store.budget.consensus import Decision
from model_store.learning.candidate import Outcome, cross_validated
from model_store.learning.fitters import Fitter
from model_store.learning.training_set import Judgement, TrainingSet
from model_store.model.head import classification
from model_store.model.uncertainty import score_of


@dataclass(frozen=True)
class Decided:
    """What is learned, after the decisions between annotators."""

    training_set: TrainingSet
    """Without the texts that stay undecided."""
    rows: NDArray[np.bool_]
    """(texts,): whether a text of the original training set is learned from."""
    disputed: Mapping[int, Decision] = field(default_factory=dict)
    """The most likely answer of each task that annotators dispute."""


def decide(
    training_set: TrainingSet, features: Tensor, folds: NDArray[np.int64], fitter: Fitter
) -> Decided:
    """Decide between annotators who disagree, by their reliability and by a model.

    The model learns from the texts on which most agree, and predicts each text without having
    learned from it. What it cannot decide either stays as the majority has it, or is left out.
    """
    disagreed = training_set.disagreed
    undecided = training_set.undecided
    if not disagreed.any() or training_set.kind == "multiple":
        return Decided(training_set[~undecided] if undecided.any() else training_set, ~undecided)
    labels = training_set.labels
    probabilities = cross_validated(
        labels, features, training_set.answers, folds, fitter=fitter, kind=training_set.kind
    )
    several = np.flatnonzero([len(each) > 1 for each in training_set.votes])
    decisions = consensus.decide(
        [training_set.votes[row] for row in several], labels, probabilities[several]
    )
    answers = list(training_set.answers)
    disputed = {}
    for row, decision in zip(several.tolist(), decisions, strict=True):
        if not disagreed[row]:
            continue
        if decision.is_disputed:
            disputed[training_set.tasks[row]] = decision
        else:
            answers[row] = (decision.label,)
    decided = replace(training_set, answers=answers)
    rows = ~decided.undecided
    return Decided(decided[rows], rows, disputed)


@dataclass(frozen=True)
class Worth:
    """What the corrections of suspects were worth, judged by the annotations there are now."""

    corrections: int
    accuracy: float
    """The share of tasks that are right."""
    accuracy_before: float
    """The same for heads that learned from the annotations as they were."""

    def __str__(self) -> str:
        return (
            f"{self.corrections} annotations were corrected: {self.accuracy:.1%} of the tasks are "
            f"right, and {self.accuracy_before:.1%} would be without the corrections"
        )


def worth(
    learned: TrainingSet, features: Tensor, folds: NDArray[np.int64], fitter: Fitter
) -> Worth | None:
    """Return what corrections were worth; None if there are none that the labels still allow."""
    before = {
        task: labels
        for task, labels in learned.before.items()
        if set(labels) <= set(learned.labels)
    }
    old = [before.get(task, now) for task, now in zip(learned.tasks, learned.answers, strict=True)]
    changed = sum(one != other for one, other in zip(old, learned.answers, strict=True))
    if not changed:
        return None
    shares = []
    for answers in (learned.answers, old):
        rows = cross_validated(
            learned.labels, features, answers, folds, fitter=fitter, kind=learned.kind
        )
        said = (classification(learned.labels, row, learned.kind) for row in rows.tolist())
        right = [
            set(each.answers) == set(now) for each, now in zip(said, learned.answers, strict=True)
        ]
        shares.append(sum(right) / len(right))
    return Worth(changed, *shares)


def judgements(outcome: Outcome, decided: Decided) -> list[Judgement]:
    """Return what a training says about each task, also about those that it left out."""
    learned, disputed = decided.training_set, dict(decided.disputed)
    found = []
    if out := outcome.out_of_fold:
        rows = np.flatnonzero(out.rows).tolist()
        for row, said, quality, is_suspect in zip(
            rows,
            out.classifications,
            out.suspicion.quality.tolist(),
            out.suspicion.is_suspect.tolist(),
            strict=True,
        ):
            task = learned.tasks[row]
            found.append(
                Judgement(
                    task,
                    given=learned.answers[row],
                    predicted=said.answers,
                    score=score_of(said),
                    quality=quality,
                    is_suspect=is_suspect,
                    is_disputed=disputed.pop(task, None) is not None,
                )
            )
    found += [
        Judgement(
            task,
            given=(),
            predicted=(decision.label,),
            score=decision.probability,
            quality=decision.probability,
            is_disputed=True,
        )
        for task, decision in disputed.items()
    ]
    return found
