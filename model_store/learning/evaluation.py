"""Measure predictions. Draws nothing; see `pretraining/report.py` for the plots."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax
from scipy.stats import binomtest
from sklearn import metrics as sk
from sklearn.calibration import calibration_curve

from model_store.model.classification import Kind

_BINS = 15
_LOWEST = (0.1, 0.2, 0.3)
_LEAST_LIKELIHOOD = 1e-15
"""Keeps the log loss finite."""
ERRORS = 0.01
"""The share of annotations that may be wrong: it bounds the loss of a single one."""


class Judged(Protocol):
    """Predictions for annotated texts, whatever number of labels a text has."""

    @property
    def labels(self) -> tuple[str, ...]:
        """All labels."""

    @property
    def losses(self) -> NDArray[np.float64]:
        """(texts,) log losses."""

    @property
    def constant_losses(self) -> NDArray[np.float64]:
        """(texts,) log losses of the frequencies of the labels, the best answer for all texts."""

    @property
    def correct(self) -> NDArray[np.bool_]:
        """(texts,) whether the answer is the annotated one."""

    @property
    def constant_correct(self) -> int:
        """The number of texts for which the most frequent answer is right."""

    def metrics(self) -> dict[str, Any]:
        """Return what is measured, for JSON."""


@dataclass(frozen=True)
class Predictions:
    """Texts with one label each, and their predicted probabilities."""

    classes: NDArray[np.int64]
    """(texts,) true classes."""
    probabilities: NDArray[np.float64]
    """(texts, classes)."""
    labels: tuple[str, ...]
    """The label of each class."""
    kind: Kind = "single"

    @property
    def predicted(self) -> NDArray[np.int64]:
        """(texts,) most probable classes; the medians of ratings."""
        if self.kind == "rating":
            return np.asarray((self.probabilities.cumsum(axis=1) >= 0.5).argmax(axis=1))  # noqa: PLR2004
        return np.asarray(self.probabilities.argmax(axis=1))

    @property
    def scores(self) -> NDArray[np.float64]:
        """(texts,) probabilities of the predicted classes; Label Studio sorts by them."""
        return np.asarray(self.probabilities[np.arange(len(self.classes)), self.predicted])

    @property
    def correct(self) -> NDArray[np.bool_]:
        """(texts,) whether the predicted class is the true one."""
        return np.asarray(self.predicted == self.classes)

    @property
    def losses(self) -> NDArray[np.float64]:
        """(texts,) log losses, which one wrong annotation cannot make infinite."""
        bounded = (1 - ERRORS) * self.probabilities + ERRORS / len(self.labels)
        return np.asarray(-np.log(bounded[np.arange(len(self.classes)), self.classes]))

    @property
    def constant_losses(self) -> NDArray[np.float64]:
        """(texts,) log losses of the frequencies of the labels."""
        frequencies = np.bincount(self.classes, minlength=len(self.labels)) / len(self.classes)
        return np.asarray(-np.log(frequencies[self.classes]))

    @property
    def constant_correct(self) -> int:
        """The number of texts that have the most frequent label."""
        return int(np.bincount(self.classes).max())

    def metrics(self) -> dict[str, Any]:
        """Return the metrics of `measure`."""
        return measure(self)


def interval(correct: NDArray[np.bool_]) -> list[float]:
    """Return Wilson's interval of a share, at 95 %."""
    interval = binomtest(int(correct.sum()), len(correct)).proportion_ci(method="wilson")
    return [float(interval.low), float(interval.high)]


def per_label(
    targets: NDArray[Any], predicted: NDArray[Any], names: Sequence[str]
) -> dict[str, dict[str, float]]:
    """Return precision, recall, F1 and number of texts of each label.

    targets, predicted: (texts,) classes, or (texts, labels) of whether a text has a label.
    """
    measured = sk.precision_recall_fscore_support(
        targets, predicted, labels=range(len(names)), zero_division=0.0
    )
    keys = ("precision", "recall", "f1-score", "support")
    columns = zip(*(column.tolist() for column in measured), strict=True)
    rows = [dict(zip(keys, values, strict=True)) for values in columns]
    return dict(zip(names, rows, strict=True))


def measure(predictions: Predictions) -> dict[str, Any]:
    """Return metrics that any number of examples has, for JSON; empty without examples.

    The interval of the accuracy is Wilson's, at 95 %; `constant_accuracy` is that of always giving
    the most frequent label. `confusion` counts the predicted labels for each true label. The
    expected calibration error (Naeini et al., 2015) is that of the scores, in 15 bins of equal
    mass. Ratings have a mean absolute error, too: the mean number of steps between labels.

    >>> rows = np.array([[0.9, 0.1], [0.2, 0.8], [0.4, 0.6]])
    >>> measured = measure(Predictions(np.array([0, 1, 0]), rows, ("Ham", "Spam")))
    >>> measured["confusion"]
    {'Ham': {'Ham': 1, 'Spam': 1}, 'Spam': {'Ham': 0, 'Spam': 1}}
    """
    classes, labels = predictions.classes, predictions.labels
    if not len(classes):
        return {}
    likelihoods = predictions.probabilities[np.arange(len(classes)), classes]
    predicted = predictions.predicted
    counts = sk.confusion_matrix(classes, predicted, labels=range(len(labels)))
    steps = {"mean_absolute_error": float(np.abs(predicted - classes).mean())}
    return {
        "texts": len(classes),
        "accuracy": float(predictions.correct.mean()),
        "accuracy_interval": interval(predictions.correct),
        "constant_accuracy": predictions.constant_correct / len(classes),
        **(steps if predictions.kind == "rating" else {}),
        "log_loss": float(-np.log(np.maximum(likelihoods, _LEAST_LIKELIHOOD)).mean()),
        "expected_calibration_error": expected_calibration_error(predictions),
        "confusion": {
            label: dict(zip(labels, row, strict=True))
            for label, row in zip(labels, counts.tolist(), strict=True)
        },
        "per_label": per_label(classes, predicted, labels),
    }


def measure_corpus(predictions: Predictions) -> dict[str, Any]:
    """Return the metrics of `measure` and those that need examples of all labels, for JSON.

    `auroc` is None unless each label has an example. `errors_among_lowest` is the share of all
    errors among the given share of texts with the lowest scores.
    """
    classes, names = predictions.classes, list(predictions.labels)
    rows = predictions.probabilities
    one_hot = np.eye(len(names))[classes]
    return {
        **measure(predictions),
        "auroc": float(sk.roc_auc_score(one_hot, rows)) if one_hot.any(axis=0).all() else None,
        "brier": float(np.mean(np.sum((rows - one_hot) ** 2, axis=1))),
        "errors_among_lowest": {
            f"{share:.0%}": errors_among_lowest(predictions, share) for share in _LOWEST
        },
    }


def expected_calibration_error(predictions: Predictions) -> float:
    """Return the mean distance of score and accuracy over 15 bins of equal mass."""
    accuracy, confidence = reliability(predictions)
    return float(np.abs(accuracy - confidence).mean())


def reliability(
    predictions: Predictions,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return (bins,) accuracy and (bins,) mean score in 15 bins of equal mass, by rising score."""
    accuracy, score = calibration_curve(
        predictions.correct, predictions.scores, n_bins=_BINS, strategy="quantile"
    )
    return accuracy, score


def errors_among_lowest(predictions: Predictions, share: float) -> float:
    """Return the share of all errors among the `share` of texts with the lowest scores."""
    errors = ~predictions.correct
    if not errors.any():
        return 1.0
    lowest = np.argsort(predictions.scores, kind="stable")[: round(share * len(errors))]
    return float(errors[lowest].sum() / errors.sum())


def fit_temperature(logits: NDArray[np.float32], classes: NDArray[np.int64]) -> float:
    """Return the temperature with the lowest log loss (Guo et al., 2017).

    logits: (texts, classes). classes: (texts,).
    """

    def log_loss(log_temperature: float) -> float:
        scaled = log_softmax(logits.astype(np.float64) / np.exp(log_temperature), axis=1)
        return float(-scaled[np.arange(len(classes)), classes].mean())

    return float(np.exp(minimize_scalar(log_loss, bounds=(-3.0, 3.0), method="bounded").x))


def probabilities(logits: NDArray[np.float32], temperature: float) -> NDArray[np.float64]:
    """Return (texts, classes) softmax probabilities of logits divided by a temperature."""
    return np.asarray(softmax(logits.astype(np.float64) / temperature, axis=1))
