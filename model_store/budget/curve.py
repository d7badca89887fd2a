"""Extrapolate the learning curve of a control: what further annotations are worth, when to stop.

The error of a model falls with the number of annotations as an inverse power law (Hestness et al.,
2017; Figueroa et al., 2012).
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls
from scipy.stats import beta

_EXPONENTS = np.arange(0.2, 1.05, 0.1)
_SAMPLES = 200
_LEVEL = 0.95
_SPREAD = 0.35
"""Standard error of a gain, as a share of it: other annotations give other gains. By trials."""
STEPS = (100, 200, 500, 1000)
"""Numbers of further annotations that are estimated."""
SETTLED_CHANGES = 0.01
"""Share of answers that may change for a model to have settled (Bloodgood and Vijay-Shanker,
2009, take an agreement of 0.99)."""
_WORTH = 0.005
"""The gain in accuracy of 100 annotations from which on they are worth it."""


@dataclass(frozen=True)
class Estimate:
    """The accuracy with some number of annotations, with an interval at 95 %; shares in 0..1."""

    annotations: int
    accuracy: float
    low: float
    high: float

    def __str__(self) -> str:
        half = max(self.accuracy - self.low, self.high - self.accuracy)
        return f"{100 * self.accuracy:.0f} ± {max(1, round(100 * half))} %"


@dataclass(frozen=True)
class Curve:
    """The accuracy by the number of annotations."""

    sizes: tuple[int, ...]
    """Annotations that were learned from."""
    accuracies: tuple[float, ...]
    """The measured accuracy for each size."""
    now: Estimate
    """With all annotations."""
    more: tuple[Estimate, ...]
    """With further ones."""
    dropped: int
    """Annotations fewer in the last but one size than in the last."""
    changed: float
    """The share of answers that these changed."""

    @property
    def is_settled(self) -> bool:
        """Whether the last annotations changed next to nothing, and the next will not either."""
        gain = self.more[0].accuracy - self.now.accuracy
        return self.changed <= SETTLED_CHANGES and gain < _WORTH

    def next(self) -> Estimate:
        """Return the first further estimate with a gain of a point, or the second one."""
        gains = (each for each in self.more if each.accuracy - self.now.accuracy >= 2 * _WORTH)
        return next(gains, self.more[1])

    def to_json(self) -> dict[str, Any]:
        """Return the curve for JSON: `of_json` reads it."""
        return asdict(self)

    @classmethod
    def of_json(cls, found: dict[str, Any]) -> "Curve":
        """Read what `to_json` wrote."""
        return cls(
            tuple(found["sizes"]),
            tuple(found["accuracies"]),
            Estimate(**found["now"]),
            tuple(Estimate(**each) for each in found["more"]),
            found["dropped"],
            found["changed"],
        )


def curve(
    sizes: Sequence[int],
    correct: NDArray[np.bool_],
    changed: float,
    annotations: int,
    *,
    seed: int = 0,
) -> Curve:
    """Fit a curve to how often models were right that had learned from ever more annotations.

    sizes: (models,) annotations that each had learned from, ascending. correct: (models, texts),
    of texts from which none had learned. changed: the share of answers that differ between the
    last two models. annotations: the number there is now.

    error = a + b · size^-c, with a, b >= 0 by least squares and c from a grid. An interval holds
    the bootstrap's over the texts, Clopper and Pearson's of the last accuracy, and the spread of
    gains.
    """
    rng = np.random.default_rng(seed)
    errors = 1.0 - correct.mean(axis=1)
    targets = np.array([annotations, *(annotations + step for step in STEPS)], dtype=np.float64)
    means = _extrapolated(sizes, errors, targets)
    texts = correct.shape[1]
    samples = []
    for _ in range(_SAMPLES):
        drawn = rng.integers(texts, size=texts)
        found = _extrapolated(sizes, 1.0 - correct[:, drawn].mean(axis=1), targets)
        gain = (found - errors[-1]) * rng.normal(0.0, _SPREAD)
        samples.append(found + gain)
    tail = (1 - _LEVEL) / 2
    low, high = np.quantile(np.array(samples), [tail, 1 - tail], axis=0)
    exact = _interval(round(errors[-1] * texts), texts)
    below, above = errors[-1] - exact[0], exact[1] - errors[-1]
    estimates = [
        Estimate(
            int(target),
            1 - mean,
            float(max(0.0, 1 - max(top, mean + above))),
            float(min(1.0, 1 - min(bottom, mean - below))),
        )
        for target, mean, bottom, top in zip(targets, means.tolist(), low, high, strict=True)
    ]
    return Curve(
        tuple(sizes),
        tuple((1.0 - errors).tolist()),
        estimates[0],
        tuple(estimates[1:]),
        sizes[-1] - sizes[-2],
        changed,
    )


def _extrapolated(
    sizes: Sequence[int], errors: NDArray[np.float64], targets: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the error at each target size."""
    at = np.asarray(sizes, dtype=np.float64)
    fits = []
    for exponent in _EXPONENTS:
        columns = np.stack([np.ones(len(at)), at**-exponent], axis=1)
        weights = np.sqrt(at / at[-1])  # the last sizes say most about what comes
        solution, rest = nnls(columns * weights[:, None], errors * weights)
        fits.append((rest, exponent, solution))
    _, exponent, (floor, factor) = min(fits, key=lambda fit: fit[0])
    return np.asarray(floor + factor * targets**-exponent)


def _interval(wrong: int, texts: int) -> tuple[float, float]:
    """Return Clopper and Pearson's interval of an error."""
    tail = (1 - _LEVEL) / 2
    low = beta.ppf(tail, wrong, texts - wrong + 1) if wrong else 0.0
    high = beta.ppf(1 - tail, wrong + 1, texts - wrong) if wrong < texts else 1.0
    return float(low), float(high)
