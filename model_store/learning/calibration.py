"""Choose the temperature and the thresholds of a head, by examples that it did not learn from."""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

from model_store.model.classification import Kind

_DOUBT = 0.5
"""Prior standard deviation of the logarithm of the temperature."""
_FARTHEST = np.log(4.0)
_BOUNDS = (0.02, 0.98)

Matrix = NDArray[np.float64]


def fit_temperature(logits: Matrix, targets: Matrix, kind: Kind = "single") -> float:
    """Return the temperature for a head: its logits are divided by it.

    logits, targets: (texts, labels). The temperature minimises the log loss (Guo et al., 2017) plus
    a log-normal prior around 1, within a factor of 4: a few examples hardly move it.

    >>> sure = np.array([[9.0, 0.0], [9.0, 0.0], [0.0, 9.0]])
    >>> right, wrong = np.array([[1, 0], [1, 0], [0, 1]]), np.array([[1, 0], [0, 1], [1, 0]])
    >>> fit_temperature(sure, right) < 1 < fit_temperature(sure, wrong)
    True
    """

    def loss(log_factor: float) -> float:
        scaled = logits / np.exp(log_factor)
        if kind == "multiple":
            total = (np.logaddexp(0.0, scaled) - targets * scaled).sum()
        else:
            total = -(log_softmax(scaled, axis=1) * targets).sum()
        return float((log_factor / _DOUBT) ** 2 / 2 + total)

    if not len(logits):
        return 1.0
    best = minimize_scalar(loss, bounds=(-_FARTHEST, _FARTHEST), method="bounded")
    return float(np.exp(best.x))


def fit_thresholds(probabilities: Matrix, targets: Matrix) -> tuple[float, ...]:
    """Return the threshold with the highest F1 for each label.

    probabilities, targets: (texts, labels). Half of the counts are those of the examples and half
    those that the probabilities expect (as in Lipton et al., 2014): a rare label has too few
    examples for a threshold of its own.

    >>> fit_thresholds(np.array([[0.9], [0.6], [0.1], [0.1]]), np.array([[1], [1], [0], [0]]))
    (0.35,)
    """
    return tuple(
        _threshold(probabilities[:, label], targets[:, label]) for label in range(targets.shape[1])
    )


def _threshold(probabilities: Matrix, targets: Matrix) -> float:
    order = np.argsort(-probabilities, kind="stable")
    falling = probabilities[order]
    likely = (targets[order] + falling) / 2
    found = likely.cumsum()
    f1 = 2 * found / (np.arange(1, len(order) + 1) + likely.sum())
    # Texts with equal probabilities are on the same side.
    is_end = np.append(np.diff(falling) < 0, True)
    best = int(np.where(is_end, f1, -1.0).argmax())
    after = falling[best + 1] if best + 1 < len(falling) else 0.0
    return float(np.clip((falling[best] + after) / 2, *_BOUNDS).round(6))
