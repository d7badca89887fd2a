"""From the annotations of one control to a head and the gate's verdict on it.

Knows no project's database and publishes nothing: features and choices in, an outcome out.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import confusion_matrix
from torch import Tensor

from model_store.learning import gate
from model_store.learning.behaviour import Behaviour
from model_store.learning.evaluation import Predictions, expected_calibration_error
from model_store.learning.fitting import calibrate, fit_head
from model_store.learning.gate import Check
from model_store.learning.split import is_held_out, missing
from model_store.model.head import Head

Progress = Callable[[float, str], None]
"""Is told which share of the work is done, in 0..1, and what comes next."""


@dataclass(frozen=True)
class Outcome:
    """What became of the annotations of one control."""

    control: str
    head: Head | None
    """None where there were too few annotations to fit one."""
    checks: list[Check]
    """All of the gate's; or the one that says what is missing."""
    learned_from: int
    """Annotated tasks."""
    held_out: int
    """Annotated tasks."""
    metrics: dict[str, Any] = field(default_factory=dict)
    """Of the held-out tasks: `candidate`, and `in_force` where there is one; for JSON."""

    @property
    def passed(self) -> bool:
        """Whether the head may be served."""
        return self.head is not None and gate.passed(self.checks)

    def report(self) -> dict[str, Any]:
        """All but the head, ready for JSON."""
        return {
            "control": self.control,
            "passed": self.passed,
            "learned_from": self.learned_from,
            "held_out": self.held_out,
            "checks": [asdict(check) for check in self.checks],
            "metrics": self.metrics,
        }


def _silent(_: float, __: str) -> None:
    """Tell nobody."""


def learn(
    control: str,
    labels: Sequence[str],
    features: Tensor,
    choices: Sequence[str],
    tasks: Sequence[int],
    *,
    project: str,
    start: Head | None = None,
    in_force: Head | None = None,
    behave: Callable[[Head], Behaviour] | None = None,
    seed: int = 0,
    progress: Progress = _silent,
) -> Outcome:
    """Fit a head to the annotations of a control, and put it to the gate.

    features: (texts, features) by the encoder that the head will be used with; choices: the
    label of each text; tasks: the id of each text's task. Tasks that `split.is_held_out` are
    not learned from: they set the temperature, and the gate judges by them.

    With a `start` the head stays close to it (it must have these labels, in this order);
    without one it is fresh. `in_force` is the head that is served for the control, to be
    compared with. `behave` puts the behaviour suite to a head: only for labels that are the
    model's own.

    The same arguments give the same outcome. Raises ValueError if lengths or labels do not fit.
    """
    classes = _indices(labels, choices)
    if not len(features) == len(classes) == len(tasks):
        raise ValueError(f"{len(features)} features, {len(classes)} choices, {len(tasks)} tasks")
    held_out = np.array([is_held_out(project, task) for task in tasks], dtype=bool)
    counts = int((~held_out).sum()), int(held_out.sum())
    if lack := missing(Counter(choices), labels):
        return Outcome(control, None, [Check("enough examples", False, f"{lack}.")], *counts)

    inputs = features.detach().cpu().numpy()
    progress(0.0, "fitting")
    head = fit_head(inputs[~held_out], classes[~held_out], labels, start=start, seed=seed)
    progress(0.5, "calibrating")
    head = calibrate(head, inputs[held_out], classes[held_out])
    progress(0.6, "evaluating")
    candidate = predictions_of(head, features[held_out], classes[held_out], labels)
    served = None
    if in_force and set(in_force.labels) == set(labels):
        served = predictions_of(in_force, features[held_out], classes[held_out], labels)
    progress(0.7, "judging")
    checks = gate.judge(
        candidate,
        served,
        behaviour=behave(head) if behave else None,
        behaviour_in_force=behave(in_force) if behave and in_force else None,
        seed=seed,
    )
    metrics = {"candidate": measure(candidate)} | ({"in_force": measure(served)} if served else {})
    progress(1.0, "done")
    return Outcome(control, head, checks, *counts, metrics)


def predictions_of(
    head: Head, features: Tensor, classes: NDArray[np.int64], labels: Sequence[str]
) -> Predictions:
    """What a head says of (texts, features), its columns in the order of `labels`."""
    rows = [[result.probabilities[label] for label in labels] for result in head.classify(features)]
    return Predictions(classes, np.array(rows).reshape(len(classes), len(labels)), tuple(labels))


def measure(predictions: Predictions) -> dict[str, Any]:
    """The metrics of few examples, ready for JSON: some labels may be missing among them.

    `confusion` counts, for each true label, what was predicted. Empty without examples.
    """
    if not len(predictions.classes):
        return {}
    labels = predictions.labels
    rows = np.arange(len(predictions.classes))
    likelihoods = predictions.probabilities[rows, predictions.classes]
    counts = confusion_matrix(
        predictions.classes, predictions.predicted, labels=range(len(labels))
    ).tolist()
    return {
        "texts": len(predictions.classes),
        "accuracy": float(predictions.correct.mean()),
        "log_loss": float(-np.log(np.maximum(likelihoods, 1e-15)).mean()),
        "expected_calibration_error": expected_calibration_error(predictions),
        "confusion": {
            label: dict(zip(labels, row, strict=True))
            for label, row in zip(labels, counts, strict=True)
        },
    }


def _indices(labels: Sequence[str], choices: Sequence[str]) -> NDArray[np.int64]:
    places: Mapping[str, int] = {label: index for index, label in enumerate(labels)}
    if unknown := sorted(set(choices) - set(labels)):
        raise ValueError(f"{unknown} are no labels of the control: it has {list(labels)}")
    return np.array([places[choice] for choice in choices], dtype=np.int64)
