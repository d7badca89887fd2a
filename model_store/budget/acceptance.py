"""Choose the predictions that can be accepted unseen, with a promise about how many are wrong.

Learn then Test (Angelopoulos et al., 2021): each threshold of the score is a hypothesis, "too many
of the predictions from here on are wrong", and the tests are made so that all rejections together
are right with the promised confidence.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom, hypergeom

_SEQUENCES = 2
_MOST_TIMES = 20
"""How many times as many annotations `missing` looks for."""
MIN_AUDIT = 50
"""Accepted tasks that are left in the queue, at least, if half of them are so many."""
_AUDIT_SHARE = 0.05


@dataclass(frozen=True)
class Promise:
    """At most `max_error` of the accepted answers are wrong, with this confidence; both in 0..1."""

    max_error: float
    confidence: float

    def __post_init__(self) -> None:
        """Raise ValueError for shares that promise nothing."""
        if not (0 < self.max_error < 1 and 0 < self.confidence < 1):
            raise ValueError("the largest error and the confidence must be between 0 % and 100 %")


@dataclass(frozen=True)
class Threshold:
    """A score from which on predictions can be accepted."""

    score: float
    judged: int
    """Annotated tasks whose score is at least as high."""
    wrong: int
    """The number of these whose prediction is wrong."""
    accepted: int
    """Tasks without annotation whose score is at least as high."""


def choose(
    scores: NDArray[np.floating[Any]],
    correct: NDArray[np.bool_],
    pool: NDArray[np.floating[Any]],
    promise: Promise,
) -> Threshold | None:
    """Return the lowest threshold that keeps a promise about the tasks of the pool, if any does.

    scores, correct: (annotated,) of predictions by heads that had not learned from the task.
    pool: (tasks,) scores of the predictions that could be accepted.

    The annotated tasks must be a random sample of all, or harder ones. A threshold is tested by
    the hypergeometric distribution, which is exact for the tasks of this pool; with more and more
    of them the test becomes the binomial one. One sequence of tests begins with the fewest tasks
    that can pass and goes to lower thresholds until a test fails. The other one tests all tasks,
    since one wrong annotation of a sure prediction fails the first. Neither start depends on the
    answers (fixed sequences, with the confidence divided between them by Bonferroni).
    """
    order = np.argsort(-scores, kind="stable")
    levels, wrong = scores[order], np.cumsum(~correct[order])
    # A threshold takes all tasks of equal score.
    is_end = np.append(levels[1:] < levels[:-1], np.ones(min(1, len(levels)), dtype=bool))
    judged = np.flatnonzero(is_end) + 1
    accepted = np.searchsorted(np.sort(-pool), -levels[judged - 1], side="right")
    risk = (1 - promise.confidence) / _SEQUENCES
    passes = _p_values(judged, wrong[judged - 1], accepted, promise.max_error) <= risk
    can_pass = _p_values(judged, 0 * judged, accepted, promise.max_error) <= risk
    possible = np.flatnonzero(can_pass)
    if not len(possible):
        return None
    start, last = int(possible[0]), len(passes) - 1
    if passes[last]:
        best = last
    elif passes[start]:
        best = start + int(np.flatnonzero(~passes[start:])[0]) - 1
    else:
        return None
    at = judged[best] - 1
    return Threshold(float(levels[at]), int(judged[best]), int(wrong[at]), int(accepted[best]))


def _p_values(
    judged: NDArray[np.int64],
    wrong: NDArray[Any],
    accepted: NDArray[np.int64],
    max_error: float,
) -> NDArray[np.float64]:
    """Return how likely so few annotated predictions are wrong if too many of the pool's are."""
    too_many = np.floor(max_error * accepted).astype(np.int64) + 1
    possible = too_many <= accepted
    chance = hypergeom.cdf(wrong, judged + accepted, wrong + too_many, judged)
    return np.asarray(np.where(possible, chance, 1.0), dtype=np.float64)


def missing(
    scores: NDArray[np.floating[Any]],
    correct: NDArray[np.bool_],
    pool: NDArray[np.floating[Any]],
    promise: Promise,
) -> int | None:
    """Estimate how many more annotations are needed until something can be accepted.

    Supposes further annotations like those there are. None: even twenty times as many would not
    do, so the model must get better first.
    """
    for times in range(2, _MOST_TIMES + 1):
        many, right = np.repeat(scores, times), np.repeat(correct, times)
        if choose(many, right, pool, promise):
            return (times - 1) * len(scores)
    return None


def audit_size(accepted: int) -> int:
    """Return how many accepted tasks stay in the queue, to be annotated by people.

    >>> audit_size(29_000), audit_size(300), audit_size(40)
    (1450, 50, 20)
    """
    return min(accepted // 2, max(MIN_AUDIT, math.ceil(_AUDIT_SHARE * accepted)))


def contradicts(wrong: int, audited: int, promise: Promise) -> bool:
    """Return whether so many wrong answers of an audit contradict a promise (binomial test).

    >>> contradicts(3, 50, Promise(0.02, 0.95)), contradicts(4, 50, Promise(0.02, 0.95))
    (False, True)
    """
    chance = binom.sf(wrong - 1, audited, promise.max_error)
    return audited > 0 and bool(chance <= 1 - promise.confidence)


def percent(share: float) -> str:
    """Return a share in percent, with the digits it needs.

    >>> percent(0.02), percent(0.995)
    ('2 %', '99.5 %')
    """
    return f"{100 * share:.4g} %"
