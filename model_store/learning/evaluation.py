"""What predictions are worth, in numbers. Draws nothing; see `report.py` for the page."""

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


@dataclass(frozen=True)
class Predictions:
    """Labelled texts and what was predicted for them."""

    classes: NDArray[np.int64]
    """(texts,) the true class of each."""
    probabilities: NDArray[np.float64]
    """(texts, classes)."""
    labels: tuple[str, ...]
    """The name of each class."""

    @property
    def predicted(self) -> NDArray[np.int64]:
        """(texts,) the most probable class of each."""
        return np.asarray(self.probabilities.argmax(axis=1))

    @property
    def scores(self) -> NDArray[np.float64]:
        """(texts,) its probability: what Label Studio sorts by."""
        return np.asarray(self.probabilities.max(axis=1))

    @property
    def correct(self) -> NDArray[np.bool_]:
        """(texts,) whether it is the true class."""
        return np.asarray(self.predicted == self.classes)


def measure(predictions: Predictions) -> dict[str, Any]:
    """The metrics of labelled predictions, ready for JSON.

    The interval of the accuracy is Wilson's, at 95 %. The expected calibration error (Naeini et
    al., 2015) is that of the scores, in 15 bins of equal mass. `errors_among_lowest` is the share
    of all errors that lies among the given share of texts with the lowest scores.
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
        "texts": len(classes),
        "accuracy": float(correct.mean()),
        "accuracy_interval": [float(interval.low), float(interval.high)],
        "per_label": {
            name: {key: float(report[name][key]) for key in ("precision", "recall", "f1-score")}
            for name in names
        },
        "auroc": float(sk.roc_auc_score(one_hot, rows)),
        "log_loss": float(sk.log_loss(classes, rows, labels=range(len(names)))),
        "brier": float(np.mean(np.sum((rows - one_hot) ** 2, axis=1))),
        "expected_calibration_error": expected_calibration_error(predictions),
        "errors_among_lowest": {
            f"{share:.0%}": errors_among_lowest(predictions, share) for share in _LOWEST
        },
    }


def expected_calibration_error(predictions: Predictions) -> float:
    """Mean distance of confidence and accuracy, over bins of equal mass."""
    accuracy, confidence = reliability(predictions)
    return float(np.abs(accuracy - confidence).mean())


def reliability(
    predictions: Predictions,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Accuracy and mean score in each of 15 bins of equal mass, by rising score."""
    accuracy, score = calibration_curve(
        predictions.correct, predictions.scores, n_bins=_BINS, strategy="quantile"
    )
    return accuracy, score


def errors_among_lowest(predictions: Predictions, share: float) -> float:
    """The share of all errors among the `share` of texts with the lowest scores."""
    errors = ~predictions.correct
    if not errors.any():
        return 1.0
    lowest = np.argsort(predictions.scores, kind="stable")[: round(share * len(errors))]
    return float(errors[lowest].sum() / errors.sum())


def fit_temperature(logits: NDArray[np.float32], classes: NDArray[np.int64]) -> float:
    """The temperature with the lowest log loss on these texts (Guo et al., 2017).

    logits: (texts, classes); classes: (texts,).
    """

    def log_loss(log_temperature: float) -> float:
        scaled = log_softmax(logits.astype(np.float64) / np.exp(log_temperature), axis=1)
        return float(-scaled[np.arange(len(classes)), classes].mean())

    return float(np.exp(minimize_scalar(log_loss, bounds=(-3.0, 3.0), method="bounded").x))


def probabilities(logits: NDArray[np.float32], temperature: float) -> NDArray[np.float64]:
    """Calibrated probabilities, (texts, classes)."""
    return np.asarray(softmax(logits.astype(np.float64) / temperature, axis=1))
