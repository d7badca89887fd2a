"""Measure predictions for texts that can have any number of labels."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import f1_score

from model_store.learning.evaluation import ERRORS, interval, per_label

_LEAST_LIKELIHOOD = 1e-15


@dataclass(frozen=True)
class LabelSets:
    """Texts with any number of labels each, and their predicted probabilities."""

    targets: NDArray[np.bool_]
    """(texts, labels): whether a text has a label."""
    probabilities: NDArray[np.float64]
    """(texts, labels)."""
    labels: tuple[str, ...]
    thresholds: NDArray[np.float64]
    """(labels,): the probability from which on a text is given a label."""

    @property
    def given(self) -> NDArray[np.bool_]:
        """(texts, labels): whether a text is given a label."""
        return np.asarray(self.probabilities >= self.thresholds)

    @property
    def correct(self) -> NDArray[np.bool_]:
        """(texts,) whether a text is given all its labels and no other."""
        return np.asarray((self.given == self.targets).all(axis=1))

    @property
    def losses(self) -> NDArray[np.float64]:
        """(texts,) sums of the log losses of all labels."""
        return _binary_losses(self.targets, (1 - ERRORS) * self.probabilities + ERRORS / 2)

    @property
    def constant_losses(self) -> NDArray[np.float64]:
        """(texts,) sums of the log losses of the frequencies of the labels."""
        frequencies = self.targets.mean(axis=0).clip(_LEAST_LIKELIHOOD, 1 - _LEAST_LIKELIHOOD)
        return _binary_losses(self.targets, np.broadcast_to(frequencies, self.targets.shape))

    @property
    def constant_correct(self) -> int:
        """The number of texts that have the most frequent set of labels."""
        return int(np.unique(self.targets, axis=0, return_counts=True)[1].max())

    def metrics(self) -> dict[str, Any]:
        """Return metrics for JSON. `f1` is the F1 of all decisions (micro), or of labels' mean."""
        if not len(self.targets):
            return {}
        given, targets = self.given, self.targets
        averages = ("micro", "macro")
        return {
            "texts": len(targets),
            "accuracy": float(self.correct.mean()),
            "accuracy_interval": interval(self.correct),
            "constant_accuracy": self.constant_correct / len(targets),
            "log_loss": float(self.losses.mean()),
            "f1": {
                average: float(f1_score(targets, given, average=average, zero_division=0.0))
                for average in averages
            },
            "per_label": per_label(targets, given, self.labels),
        }


def _binary_losses(
    targets: NDArray[np.bool_], probabilities: NDArray[np.float64]
) -> NDArray[np.float64]:
    return np.asarray(-np.log(np.where(targets, probabilities, 1 - probabilities)).sum(axis=1))
