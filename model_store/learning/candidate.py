"""Fit a head to the annotations of one control and judge it by the gate.

Reads no database and publishes nothing: features and choices in, an outcome out.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from model_store.learning import gate
from model_store.learning.behaviour import Behaviour
from model_store.learning.blocks import fit_blocks, without_unused
from model_store.learning.evaluation import Predictions, measure
from model_store.learning.fitting import calibrate, fit_head
from model_store.learning.gate import Check
from model_store.learning.left_out import extended, restricted
from model_store.learning.split import is_held_out, learnable, missing
from model_store.model.head import Head

Progress = Callable[[str, float], None]
"""Called with the next stage of the work and the finished share, in 0..1."""


@dataclass(frozen=True)
class Outcome:
    """The result of training one control."""

    control: str
    head: Head | None
    """The fitted head; None if there are too few annotations."""
    checks: list[Check]
    """The checks of the gate, or a single check that names the missing annotations."""
    learned_from: int
    """Number of annotated tasks in the training set."""
    held_out: int
    """Number of annotated tasks that are held out."""
    metrics: dict[str, Any] = field(default_factory=dict)
    """Metrics on the held-out tasks, for JSON: `candidate`, and `in_force` (the active version)."""
    shares: Mapping[str, float] = field(default_factory=dict)
    """The shares of the feature blocks of a new head, which has no weights for others."""

    left_out: Mapping[str, int] = field(default_factory=dict)
    """Labels that have too few annotations to be learned, with their number."""

    @property
    def passed(self) -> bool:
        """Whether every check of the gate is passed."""
        return self.head is not None and gate.passed(self.checks)

    @property
    def beats_chance(self) -> bool:
        """Whether no check says that the head may have learned nothing."""
        return all(check.passed or check.name != gate.BETTER_THAN_CHANCE for check in self.checks)

    def report(self) -> dict[str, Any]:
        """Return everything but the head, for JSON."""
        return {
            "control": self.control,
            "passed": self.passed,
            "learned_from": self.learned_from,
            "held_out": self.held_out,
            "checks": [asdict(check) for check in self.checks],
            "metrics": self.metrics,
            "left_out": dict(self.left_out),
            "blocks": {name: round(share, 3) for name, share in self.shares.items()},
        }


def _silent(_: str, __: float) -> None:
    """Report nothing."""


def learn(
    control: str,
    labels: Sequence[str],
    features: Tensor,
    choices: Sequence[str],
    tasks: Sequence[int],
    *,
    project: str,
    start: Head | None = None,
    widths: Mapping[str, int] | None = None,
    active: Head | None = None,
    active_features: Tensor | None = None,
    behave: Callable[[Head], Behaviour] | None = None,
    seed: int = 0,
    progress: Progress = _silent,
) -> Outcome:
    """Fit a head to the annotations of a control and judge it by the gate.

    features: (texts, features) of the encoder that the head will be used with.
    choices: the label of each text.
    tasks: the task id of each text. Held-out tasks (`split.is_held_out`) set the temperature and
    are what the gate evaluates on; the head is fitted to the others.
    start: fine-tune this head, which must have these labels in this order; None fits a new one.
    widths: fit a new head on these feature blocks (`blocks.fit_blocks`).
    active: the head that serves the control now, for comparison.
    active_features: (texts, features) of its encoder, if that is another one.
    behave: runs the behaviour suite with a head; only for labels of the shipped model.

    A new head never predicts a label with too few annotations: the others are learned without it.
    Equal arguments give equal outcomes. Raises ValueError if lengths or labels do not match.
    """
    kept = learnable(Counter(choices), labels)
    if start is None and len(kept) < len(labels) and not missing(Counter(choices), labels):
        rows = [row for row, choice in enumerate(choices) if choice in set(kept)]
        outcome = learn(
            control,
            kept,
            features[rows],
            [choices[row] for row in rows],
            [tasks[row] for row in rows],
            project=project,
            widths=widths,
            active=restricted(active, kept) if active and set(kept) < set(active.labels) else None,
            active_features=None if active_features is None else active_features[rows],
            seed=seed,
            progress=progress,
        )
        head = extended(outcome.head, labels) if outcome.head else None
        left_out = {label: choices.count(label) for label in labels if label not in kept}
        return replace(outcome, head=head, left_out=left_out)
    classes = _indices(labels, choices)
    if not len(features) == len(classes) == len(tasks):
        raise ValueError(f"{len(features)} features, {len(classes)} choices, {len(tasks)} tasks")
    held_out = np.array([is_held_out(project, task) for task in tasks], dtype=bool)
    counts = int((~held_out).sum()), int(held_out.sum())
    if lack := missing(Counter(choices), labels):
        return Outcome(control, None, [Check("enough examples", False, f"{lack}.")], *counts)

    inputs = features.detach().cpu().numpy()
    progress("fitting", 0.0)
    shares: Mapping[str, float] = {}
    if widths is None:
        head = fit_head(inputs[~held_out], classes[~held_out], labels, start=start, seed=seed)
    else:
        fit = fit_blocks(inputs[~held_out], widths, classes[~held_out], labels, seed=seed)
        head, shares = fit.head, fit.shares
    progress("calibrating", 0.5)
    head = calibrate(head, inputs[held_out], classes[held_out])
    progress("evaluating", 0.6)
    candidate = predictions_of(head, features[held_out], classes[held_out], labels)
    served = None
    if active and set(active.labels) == set(labels):
        read = features if active_features is None else active_features
        served = predictions_of(active, read[held_out], classes[held_out], labels)
    progress("judging", 0.7)
    checks = gate.judge(
        candidate,
        served,
        behaviour=behave(head) if behave else None,
        active_behaviour=behave(active) if behave and active else None,
        seed=seed,
    )
    metrics = {"candidate": measure(candidate)} | ({"in_force": measure(served)} if served else {})
    if widths is not None:
        head = without_unused(head, widths, shares)
    progress("done", 1.0)
    return Outcome(control, head, checks, *counts, metrics, shares)


def predictions_of(
    head: Head, features: Tensor, classes: NDArray[np.int64], labels: Sequence[str]
) -> Predictions:
    """Classify (texts, features) with a head; the columns are in the order of `labels`."""
    rows = [[result.probabilities[label] for label in labels] for result in head.classify(features)]
    return Predictions(classes, np.array(rows).reshape(len(classes), len(labels)), tuple(labels))


def _indices(labels: Sequence[str], choices: Sequence[str]) -> NDArray[np.int64]:
    places = {label: index for index, label in enumerate(labels)}
    if unknown := sorted(set(choices) - set(labels)):
        raise ValueError(f"{unknown} are not labels of the control, which has {list(labels)}")
    return np.array([places[choice] for choice in choices], dtype=np.int64)
