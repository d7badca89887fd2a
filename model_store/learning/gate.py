"""The promotion gate: separate checks, each of which can refuse a new head."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest, ttest_1samp

from model_store.learning.behaviour import Behaviour
from model_store.learning.evaluation import Judged, Predictions, expected_calibration_error

SIGNIFICANCE = 0.05
"""Significance level of the test that a head is useful."""
WORSE = 0.25
"""Significance level of the test that a head is worse than the active one."""
CALIBRATION_SLACK = 0.02
"""How far the calibration error may exceed chance; no annotator notices less."""
MIN_BEHAVIOUR = 0.9
"""Minimum share of the behaviour suite that must be right."""
MAX_BEHAVIOUR_LOSS = 0.05
"""Maximum difference between that share and the active version's."""
MAX_ANCHOR_LOSS = 0.01
"""Maximum loss of accuracy on texts of another source."""
USEFUL = "better than chance"
"""The name of the check that a head has learned something."""
ANCHOR = "other texts"
"""The name of the check that texts of other sources are still understood."""
_RESAMPLES = 300
_RESAMPLED = 0.99


@dataclass(frozen=True)
class Check:
    """The result of one check."""

    name: str
    passed: bool
    reason: str
    """A sentence with the figures."""


@dataclass(frozen=True)
class Comparison:
    """Predictions of two heads for the same tasks, which neither has learned from."""

    candidate: Judged
    active: Judged


def passed(checks: Iterable[Check]) -> bool:
    """Whether there is a check and all are passed."""
    results = [check.passed for check in checks]
    return bool(results) and all(results)


def judge(
    candidate: Judged,
    comparison: Comparison | None = None,
    *,
    is_new: bool = True,
    seed: int = 0,
) -> list[Check]:
    """Run the checks of a candidate with any labels.

    candidate: predictions for tasks that the head for each has not learned from.
    comparison: None if no version with the same labels is active.
    is_new: whether the labels are not those of the shipped model; heads for its labels do not learn
    how often each label occurs.
    seed: of the random samples that the tests draw.
    """
    checks = [check_useful(candidate, is_new=is_new), check_active(comparison)]
    if isinstance(candidate, Predictions):
        active = comparison.active if comparison else None
        known = active if isinstance(active, Predictions) else None
        checks.append(check_calibration(candidate, known, np.random.default_rng(seed)))
    return checks


def check_useful(candidate: Judged, *, is_new: bool = True) -> Check:
    """Check that the predictions tell more than the frequencies of the labels do, or than guessing.

    A one-sided t-test of the differences between the log losses of both: the log loss is a proper
    score (Gneiting and Raftery, 2007), so a head that only repeats the frequencies gains nothing,
    however often it is right.
    """
    guessing = np.full(len(candidate.losses), np.log(len(candidate.labels)))
    constant = candidate.constant_losses if is_new else guessing
    gains = constant - candidate.losses
    varies = len(gains) > 1 and float(np.ptp(gains)) > 0
    p = float(ttest_1samp(gains, 0.0, alternative="greater").pvalue) if varies else 1.0
    right, texts = int(candidate.correct.sum()), len(gains)
    other = "the frequencies of the answers alone" if is_new else "guessing"
    reason = (
        f"{right} of {texts} tasks are right that it had not learned from, and always giving the "
        f"most frequent answer gets {candidate.constant_correct} right. The log loss is "
        f"{candidate.losses.mean():.3f}, and {constant.mean():.3f} by {other} (p = {p:.2g}, at "
        f"most {SIGNIFICANCE} is allowed)."
    )
    return Check(USEFUL, p <= SIGNIFICANCE, reason)


def check_active(comparison: Comparison | None) -> Check:
    """Check that not clearly fewer tasks are right than with the active version.

    McNemar's exact test (1947), one-sided: a few more losses than wins are chance.
    """
    name = "not worse than the active version"
    if comparison is None:
        return Check(name, True, "Skipped: no version with these labels is active.")
    candidate, active = comparison.candidate.correct, comparison.active.correct
    wins, losses = int((candidate & ~active).sum()), int((active & ~candidate).sum())
    p = float(binomtest(wins, wins + losses, alternative="less").pvalue) if wins + losses else 1.0
    return Check(
        name,
        p > WORSE,
        f"Of {len(candidate)} held-out tasks, {wins} are right that the active version "
        f"gets wrong, and {losses} are wrong that it gets right (p = {p:.2g}, more than {WORSE} "
        "is needed).",
    )


def check_calibration(
    candidate: Predictions, active: Predictions | None, rng: np.random.Generator
) -> Check:
    """Check the expected calibration error, with a tolerance for few examples.

    Consistency resampling (Bröcker and Smith, 2007) draws samples that are right exactly as often
    as their scores say. The error may be as large as in 99 % of these samples, plus a slack, or as
    large as that of the active version.
    """
    error = expected_calibration_error(candidate)
    errors = [_chance_error(candidate, rng) for _ in range(_RESAMPLES)]
    chance = float(np.quantile(errors, _RESAMPLED))
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


def check_behaviour(behaviour: Behaviour, active: Behaviour) -> Check:
    """Check that plain opinions are still understood; only with labels of the shipped model."""
    least = max(MIN_BEHAVIOUR, active.share - MAX_BEHAVIOUR_LOSS)
    enough = behaviour.share >= least
    wrong = "" if enough else f"; it fails on {', '.join(behaviour.failed)}"
    reason = (
        f"{behaviour.right} of {behaviour.cases} plain opinions are understood, the active version "
        f"understands {active.right}, and {least:.0%} are needed{wrong}."
    )
    return Check("behaviour", enough, reason)


def check_anchor(right: Mapping[str, tuple[NDArray[np.bool_], NDArray[np.bool_]]]) -> Check:
    """Check that texts of other sources are still understood; only for labels of the shipped model.

    right: for each source, (texts,) whether the head and whether the shipped head are right. A head
    is refused if its loss is more than the bound by one standard error of the difference.
    """
    figures, worse = [], []
    for source, (found, shipped) in right.items():
        losses = shipped.astype(float) - found
        error = losses.std() / np.sqrt(len(losses))
        figures.append(
            f"{found.mean():.1%} of {len(found)} {source} (before: {shipped.mean():.1%})"
        )
        if losses.mean() - error > MAX_ANCHOR_LOSS:
            worse.append(source)
    too_few = f", and there are too few {' and '.join(worse)}" if worse else ""
    reason = (
        f"Of other texts, {', '.join(figures)} are right; {MAX_ANCHOR_LOSS:.0%} less is allowed, "
        f"and what chance explains{too_few}."
    )
    return Check(ANCHOR, not worse, reason)


def _chance_error(candidate: Predictions, rng: np.random.Generator) -> float:
    """Return the calibration error of the same scores, with correctness drawn from them."""
    right = rng.uniform(size=len(candidate.classes)) < candidate.scores
    others = (candidate.predicted + 1) % len(candidate.labels)
    drawn = np.where(right, candidate.predicted, others)
    same = Predictions(drawn, candidate.probabilities, candidate.labels, candidate.kind)
    return expected_calibration_error(same)
