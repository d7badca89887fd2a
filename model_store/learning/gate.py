"""The promotion gate: separate checks, each of which can refuse a new head."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from scipy.stats import binomtest
from sklearn.metrics import cohen_kappa_score

from model_store.learning.behaviour import Behaviour
from model_store.learning.evaluation import Predictions, expected_calibration_error

MIN_HELD_OUT = 10
"""Minimum number of held-out examples."""
SIGNIFICANCE = 0.02
"""Significance level of the better-than-chance test."""
CALIBRATION_SLACK = 0.02
"""How far the calibration error may exceed chance; no annotator notices less."""
MIN_BEHAVIOUR = 0.9
"""Minimum share of the behaviour suite that must be right."""
MAX_BEHAVIOUR_LOSS = 0.05
"""Maximum difference between that share and the active version's."""
BETTER_THAN_CHANCE = "better than chance"
"""The name of the check that a head has learned something."""
_PERMUTATIONS = 1999
_RESAMPLES = 300


@dataclass(frozen=True)
class Check:
    """The result of one check."""

    name: str
    passed: bool
    reason: str
    """A sentence with the figures."""


def passed(checks: Iterable[Check]) -> bool:
    """Whether there is a check and all are passed."""
    results = [check.passed for check in checks]
    return bool(results) and all(results)


def judge(
    candidate: Predictions,
    active: Predictions | None,
    *,
    behaviour: Behaviour | None = None,
    active_behaviour: Behaviour | None = None,
    seed: int = 0,
) -> list[Check]:
    """Run every check of a candidate on held-out examples.

    active: predictions of the active version for the same examples, in the same order; None if it
    has other labels.
    behaviour, active_behaviour: results of the behaviour suite; None for other labels than those
    of the shipped model.
    seed: of the random samples that the tests draw.
    """
    rng = np.random.default_rng(seed)
    first = check_held_out(candidate)
    if not len(candidate.classes):
        return [first]
    return [
        first,
        check_chance(candidate, rng),
        check_active(candidate, active),
        check_calibration(candidate, active, rng),
        check_labels(candidate),
        check_behaviour(behaviour, active_behaviour),
    ]


def check_held_out(candidate: Predictions) -> Check:
    """Check that there are enough examples, and one of each label."""
    name = "enough held-out examples"
    counts = np.bincount(candidate.classes, minlength=len(candidate.labels))
    total = int(counts.sum())
    if total < MIN_HELD_OUT:
        lacking = MIN_HELD_OUT - total
        reason = f"{total} annotated tasks are held out, and {MIN_HELD_OUT} are needed"
        advice = f"annotate about {5 * lacking} more, a fifth of which ({lacking}) is held out"
        return Check(name, False, f"{reason}: {advice}.")
    absent = [label for label, count in zip(candidate.labels, counts, strict=True) if not count]
    if absent:
        return Check(name, False, f"None of the {total} held-out tasks is {' or '.join(absent)}.")
    return Check(name, True, f"{total} annotated tasks are held out, with every label.")


def check_chance(candidate: Predictions, rng: np.random.Generator) -> Check:
    """Check that the predictions agree with the annotators better than chance.

    A permutation test (test 1 of Ojala and Garriga, 2010) of Cohen's kappa (1960): the predictions
    are paired with the annotations at random, and p is the share of pairings whose kappa is at
    least as large, estimated as by Phipson and Smyth (2010). A head that always gives the most
    frequent label has a kappa of 0, however high its accuracy.
    """
    right = candidate.correct
    # The counts of both sides are fixed: kappa grows with the number of agreements.
    classes = candidate.classes.copy()
    reached = 0
    for _ in range(_PERMUTATIONS):
        rng.shuffle(classes)
        reached += int((candidate.predicted == classes).sum() >= right.sum())
    p = (1 + reached) / (1 + _PERMUTATIONS)
    frequent = int(np.bincount(candidate.classes).argmax())
    reason = (
        f"{right.sum()} of {len(right)} held-out tasks are right (kappa {_kappa(candidate):.2f}), "
        f"always predicting {candidate.labels[frequent]} gets "
        f"{(candidate.classes == frequent).sum()} right (kappa 0). By chance alone p = {p:.3g}, "
        f"and at most {SIGNIFICANCE} is allowed."
    )
    return Check(BETTER_THAN_CHANCE, p <= SIGNIFICANCE, reason)


def check_active(candidate: Predictions, active: Predictions | None) -> Check:
    """Check that at least as many examples are right as with the active version.

    The reason has p of McNemar's exact test (1947), two-sided, as information: more losses than
    wins are refused at any p.
    """
    name = "not worse than the active version"
    if active is None:
        return Check(name, True, "Skipped: no version with these labels is active.")
    wins = int((candidate.correct & ~active.correct).sum())
    losses = int((active.correct & ~candidate.correct).sum())
    p = float(binomtest(wins, wins + losses).pvalue) if wins + losses else 1.0
    return Check(
        name,
        wins >= losses,
        f"Of {len(candidate.classes)} held-out tasks, {wins} are right that the active version "
        f"gets wrong, and {losses} are wrong that it gets right (McNemar: p = {p:.3g}).",
    )


def check_calibration(
    candidate: Predictions, active: Predictions | None, rng: np.random.Generator
) -> Check:
    """Check the expected calibration error, with a tolerance for few examples.

    Consistency resampling (Bröcker and Smith, 2007) draws samples that are right exactly as often
    as their scores say. The error may be as large as in 95 % of these samples, plus a slack, or as
    large as that of the active version.
    """
    error = expected_calibration_error(candidate)
    chance = float(np.quantile([_chance_error(candidate, rng) for _ in range(_RESAMPLES)], 0.95))
    allowed = chance + CALIBRATION_SLACK
    reason = (
        f"The expected calibration error is {error:.3f}; perfect scores of as many tasks "
        f"stay below {chance:.3f}, and {CALIBRATION_SLACK} more is allowed"
    )
    if active is not None:
        present = expected_calibration_error(active)
        allowed = max(allowed, present)
        reason += f", or the {present:.3f} of the active version"
    return Check("calibration", error <= allowed, f"{reason}.")


def check_labels(candidate: Predictions) -> Check:
    """Check that every label is predicted for some held-out example."""
    given = np.bincount(candidate.predicted, minlength=len(candidate.labels))
    counts = ", ".join(f"{label} {n}" for label, n in zip(candidate.labels, given, strict=True))
    never = [label for label, n in zip(candidate.labels, given, strict=True) if not n]
    reason = f"The held-out tasks are predicted as: {counts}"
    if never:
        reason += f"; annotate more tasks that are {' or '.join(never)}"
    return Check("every label predicted", not never, f"{reason}.")


def check_behaviour(behaviour: Behaviour | None, active: Behaviour | None) -> Check:
    """Check that plain opinions are still understood."""
    name = "behaviour"
    if behaviour is None:
        return Check(name, True, "Skipped: the labels are not those of the shipped model.")
    least = MIN_BEHAVIOUR
    reason = f"{behaviour.right} of {behaviour.cases} plain opinions are understood"
    if active is not None:
        least = max(least, active.share - MAX_BEHAVIOUR_LOSS)
        reason += f", the active version understands {active.right}"
    enough = behaviour.share >= least
    wrong = "" if enough else f"; it fails on {', '.join(behaviour.failed)}"
    return Check(name, enough, f"{reason}, and {least:.0%} are needed{wrong}.")


def _kappa(candidate: Predictions) -> float:
    if len({*candidate.classes.tolist(), *candidate.predicted.tolist()}) == 1:
        return 0.0  # one label on both sides: kappa is undefined
    return float(cohen_kappa_score(candidate.classes, candidate.predicted))


def _chance_error(candidate: Predictions, rng: np.random.Generator) -> float:
    """Return the calibration error of the same scores, with correctness drawn from them."""
    right = rng.uniform(size=len(candidate.classes)) < candidate.scores
    drawn = np.where(right, candidate.predicted, (candidate.predicted + 1) % len(candidate.labels))
    return expected_calibration_error(Predictions(drawn, candidate.probabilities, candidate.labels))
