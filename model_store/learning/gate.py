"""The promotion gate: separate checks, each of which can keep a new head from being served."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from scipy.stats import binomtest
from sklearn.metrics import cohen_kappa_score

from model_store.learning.behaviour import Behaviour
from model_store.learning.evaluation import Predictions, expected_calibration_error

MIN_HELD_OUT = 10
"""Held-out examples below which nothing can be said."""
SIGNIFICANCE = 0.02
"""So often would a head that learned nothing seem to have learned something."""
CALIBRATION_SLACK = 0.02
"""What the calibration error may exceed chance by: no annotator would see it."""
MIN_BEHAVIOUR = 0.9
"""The share of the behaviour suite that must be right."""
MAX_BEHAVIOUR_LOSS = 0.05
"""And how much smaller it may be than that of the version in force."""
_PERMUTATIONS = 1999
_RESAMPLES = 300


@dataclass(frozen=True)
class Check:
    """One question to a new head, and its answer."""

    name: str
    passed: bool
    reason: str
    """One sentence with the figures, for whoever reads a log."""


def passed(checks: Iterable[Check]) -> bool:
    """Whether there are checks, and all of them are passed."""
    results = [check.passed for check in checks]
    return bool(results) and all(results)


def judge(
    candidate: Predictions,
    in_force: Predictions | None,
    *,
    behaviour: Behaviour | None = None,
    behaviour_in_force: Behaviour | None = None,
    seed: int = 0,
) -> list[Check]:
    """Every check of a candidate on held-out examples.

    `in_force` is what the version that is served says of the same examples, in the same order,
    or None where there is none with these labels; `behaviour` is None where the labels are not
    the model's own. The seed is that of the random samples the tests draw.
    """
    rng = np.random.default_rng(seed)
    first = check_held_out(candidate)
    if not len(candidate.classes):
        return [first]
    return [
        first,
        check_chance(candidate, rng),
        check_in_force(candidate, in_force),
        check_calibration(candidate, in_force, rng),
        check_labels(candidate),
        check_behaviour(behaviour, behaviour_in_force),
    ]


def check_held_out(candidate: Predictions) -> Check:
    """Enough examples to measure on, and one of each label."""
    name = "enough held-out examples"
    counts = np.bincount(candidate.classes, minlength=len(candidate.labels))
    total = int(counts.sum())
    if total < MIN_HELD_OUT:
        more = 5 * (MIN_HELD_OUT - total)
        reason = f"{total} annotated tasks are held out, and {MIN_HELD_OUT} are needed"
        return Check(name, False, f"{reason}: annotate about {more} more, of which a fifth is.")
    absent = [label for label, count in zip(candidate.labels, counts, strict=True) if not count]
    if absent:
        return Check(name, False, f"None of the {total} held-out tasks is {' or '.join(absent)}.")
    return Check(name, True, f"{total} annotated tasks are held out, with every label.")


def check_chance(candidate: Predictions, rng: np.random.Generator) -> Check:
    """Whether the predictions agree with the annotators more than chance would have it.

    The predictions are paired with the annotations at random, again and again: as often as
    kappa (Cohen, 1960) gets as large as it is, it is chance (permutation test 1 of Ojala and
    Garriga, 2010; the estimate of p is that of Phipson and Smyth, 2010). Always to give the most
    frequent label has a kappa of 0, however frequent it is; accuracy would not be fair there.
    """
    right = candidate.correct
    # With the counts of both sides fixed, kappa grows with the number that agree.
    classes = candidate.classes.copy()
    reached = 0
    for _ in range(_PERMUTATIONS):
        rng.shuffle(classes)
        reached += int((candidate.predicted == classes).sum() >= right.sum())
    p = (1 + reached) / (1 + _PERMUTATIONS)
    frequent = int(np.bincount(candidate.classes).argmax())
    reason = (
        f"{right.sum()} of {len(right)} held-out tasks are right (kappa {_kappa(candidate):.2f}), "
        f"where always to say {candidate.labels[frequent]} gets "
        f"{(candidate.classes == frequent).sum()} (kappa 0): by chance alone p = {p:.3g}, and "
        f"{SIGNIFICANCE} is allowed."
    )
    return Check("better than chance", p <= SIGNIFICANCE, reason)


def check_in_force(candidate: Predictions, in_force: Predictions | None) -> Check:
    """Whether it gets at least as many right as the version in force, of the same examples.

    p is that of the exact test of McNemar (1947), two-sided. It is for the reader: what loses
    more than it wins is refused however few they are.
    """
    name = "not worse than the version in force"
    if in_force is None:
        return Check(name, True, "Skipped: no version with these labels is in force.")
    wins = int((candidate.correct & ~in_force.correct).sum())
    losses = int((in_force.correct & ~candidate.correct).sum())
    p = float(binomtest(wins, wins + losses).pvalue) if wins + losses else 1.0
    return Check(
        name,
        wins >= losses,
        f"Of {len(candidate.classes)} held-out tasks it gets {wins} right that the version in "
        f"force gets wrong, and {losses} wrong that that one gets right (McNemar: p = {p:.3g}).",
    )


def check_calibration(
    candidate: Predictions, in_force: Predictions | None, rng: np.random.Generator
) -> Check:
    """Whether scores mean what they say, as far as so few examples can tell.

    Examples are drawn that are right exactly as often as their scores say (consistency
    resampling, Bröcker and Smith, 2007). The error may be what 95 % of such samples stay below,
    and a slack; or else what the version in force has.
    """
    error = expected_calibration_error(candidate)
    chance = float(np.quantile([_chance_error(candidate, rng) for _ in range(_RESAMPLES)], 0.95))
    allowed = chance + CALIBRATION_SLACK
    reason = (
        f"The expected calibration error is {error:.3f}; perfect scores of as many tasks "
        f"stay below {chance:.3f}, and {CALIBRATION_SLACK} more is allowed"
    )
    if in_force is not None:
        present = expected_calibration_error(in_force)
        allowed = max(allowed, present)
        reason += f", or the {present:.3f} of the version in force"
    return Check("calibration", error <= allowed, f"{reason}.")


def check_labels(candidate: Predictions) -> Check:
    """Whether every label is given to some held-out example."""
    given = np.bincount(candidate.predicted, minlength=len(candidate.labels))
    counts = ", ".join(f"{label} {n}" for label, n in zip(candidate.labels, given, strict=True))
    never = [label for label, n in zip(candidate.labels, given, strict=True) if not n]
    reason = f"The held-out tasks are predicted as: {counts}"
    if never:
        reason += f"; annotate more tasks that are {' or '.join(never)}"
    return Check("every label predicted", not never, f"{reason}.")


def check_behaviour(behaviour: Behaviour | None, in_force: Behaviour | None) -> Check:
    """Whether plain opinions are still understood."""
    name = "behaviour"
    if behaviour is None:
        return Check(name, True, "Skipped: the labels are not the model's own.")
    least = MIN_BEHAVIOUR
    reason = f"{behaviour.right} of {behaviour.cases} plain opinions are understood"
    if in_force is not None:
        least = max(least, in_force.share - MAX_BEHAVIOUR_LOSS)
        reason += f", the version in force understands {in_force.right}"
    enough = behaviour.share >= least
    wrong = "" if enough else f"; it fails on {', '.join(behaviour.failed)}"
    return Check(name, enough, f"{reason}, and {least:.0%} are needed{wrong}.")


def _kappa(candidate: Predictions) -> float:
    if len({*candidate.classes.tolist(), *candidate.predicted.tolist()}) == 1:
        return 0.0  # one label on both sides: there is nothing to agree on
    return float(cohen_kappa_score(candidate.classes, candidate.predicted))


def _chance_error(candidate: Predictions, rng: np.random.Generator) -> float:
    """The calibration error of the same scores, with what is right drawn by them."""
    right = rng.uniform(size=len(candidate.classes)) < candidate.scores
    drawn = np.where(right, candidate.predicted, (candidate.predicted + 1) % len(candidate.labels))
    return expected_calibration_error(Predictions(drawn, candidate.probabilities, candidate.labels))
