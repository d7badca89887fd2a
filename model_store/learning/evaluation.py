"""Measure predictions. Draws nothing; see `pretraining/report.py` for the plots."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax
from scipy.stats import binomtest
from sklearn import metrics as sk
from sklearn.calibration import calibration_curve

_BINS = 15
_LOWEST = (0.1, 0.2, 0.3)
_LEAST_LIKELIHOOD = 1e-15
"""Keeps the log loss finite."""


@dataclass(frozen=True)
class Predictions:
    """Labelled texts and their predicted probabilities."""

    classes: NDArray[np.int64]
    """(texts,) true classes."""
    probabilities: NDArray[np.float64]
    """(texts, classes)."""
    labels: tuple[str, ...]
    """The label of each class."""

    @property
    def predicted(self) -> NDArray[np.int64]:
        """(texts,) most probable classes."""
        return np.asarray(self.probabilities.argmax(axis=1))

    @property
    def scores(self) -> NDArray[np.float64]:
        """(texts,) probabilities of the predicted classes; Label Studio sorts by them."""
        return np.asarray(self.probabilities.max(axis=1))

    @property
    def correct(self) -> NDArray[np.bool_]:
        """(texts,) whether the predicted class is the true one."""
        return np.asarray(self.predicted == self.classes)


def measure(predictions: Predictions) -> dict[str, Any]:
    """Return metrics that any number of examples has, for JSON; empty without examples.

    `confusion` counts the predicted labels for each true label. The expected calibration error
    (Naeini et al., 2015) is that of the scores, in 15 bins of equal mass.

    >>> rows = np.array([[0.9, 0.1], [0.2, 0.8], [0.4, 0.6]])
    >>> measured = measure(Predictions(np.array([0, 1, 0]), rows, ("Ham", "Spam")))
    >>> measured["confusion"]
    {'Ham': {'Ham': 1, 'Spam': 1}, 'Spam': {'Ham': 0, 'Spam': 1}}
    """
    classes, labels = predictions.classes, predictions.labels
    if not len(classes):
        return {}
    likelihoods = predictions.probabilities[np.arange(len(classes)), classes]
    counts = sk.confusion_matrix(classes, predictions.predicted, labels=range(len(labels)))
    return {
        "texts": len(classes),
        "accuracy": float(predictions.correct.mean()),
        "log_loss": float(-np.log(np.maximum(likelihoods, _LEAST_LIKELIHOOD)).mean()),
        "expected_calibration_error": expected_calibration_error(predictions),
        "confusion": {
            label: dict(zip(labels, row, strict=True))
            for label, row in zip(labels, counts.tolist(), strict=True)
        },
    }


def measure_corpus(predictions: Predictions) -> dict[str, Any]:
    """Return the metrics of `measure` and those that need examples of all labels, for JSON.

    `auroc` is None unless each label has an example. The interval of the accuracy is Wilson's, at
    95 %. `errors_among_lowest` is the share of all errors among the given share of texts with the
    lowest scores.
    """
    classes, names = predictions.classes, list(predictions.labels)
    correct = predictions.correct
    interval = binomtest(int(correct.sum()), len(correct)).proportion_ci(method="wilson")
    report = sk.classification_report(
        classes,
        predictions.predicted,
        labels=range(len(names)),
        target_names=names,
        output_dict=True,
        zero_division=0.0,
    )
    rows = predictions.probabilities
    one_hot = np.eye(len(names))[classes]
    return {
        **measure(predictions),
        "accuracy_interval": [float(interval.low), float(interval.high)],
        "per_label": {
            name: {key: float(report[name][key]) for key in ("precision", "recall", "f1-score")}
            for name in names
        },
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
