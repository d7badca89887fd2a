"""Each check of the gate passes good heads and refuses bad ones with the reason."""

import numpy as np
import pytest
from numpy.typing import NDArray

from model_store.learning.behaviour import Behaviour
from model_store.learning.evaluation import Predictions
from model_store.learning.gate import (
    USEFUL,
    Check,
    Comparison,
    check_anchor,
    check_behaviour,
    check_calibration,
    check_useful,
    passed,
)
from model_store.learning.gate import judge as judged
from model_store.learning.label_sets import LabelSets

LABELS = ("Ham", "Spam")
NOT_WORSE = "not worse than the active version"


def predictions(
    classes: NDArray[np.int64], predicted: NDArray[np.int64], score: float = 0.9
) -> Predictions:
    rows = np.full((len(classes), 2), 1 - score)
    rows[np.arange(len(classes)), predicted] = score
    return Predictions(classes, rows, LABELS)


def with_errors(count: int, errors: int, score: float = 0.9, first: int = 0) -> Predictions:
    """Return equally many of each label, of which `errors` are wrong, starting at `first`."""
    classes = np.arange(count) % 2
    predicted = classes.copy()
    predicted[first : first + errors] = 1 - predicted[first : first + errors]
    return predictions(classes, predicted, score)


def of(checks: list[Check], name: str) -> Check:
    (found,) = [check for check in checks if check.name == name]
    return found


def failed(checks: list[Check]) -> list[str]:
    return [check.name for check in checks if not check.passed]


def judge(candidate: Predictions, active: Predictions | None = None) -> list[Check]:
    return judged(candidate, Comparison(candidate, active) if active else None)


def test_a_good_head_passes_every_check() -> None:
    checks = judge(with_errors(100, 8), with_errors(100, 12))
    assert failed(checks) == []
    assert passed(checks)
    assert len(checks) == 3


def test_a_head_without_checks_does_not_pass() -> None:
    assert not passed([])


def test_predicting_the_most_frequent_label_is_not_useful() -> None:
    classes = (np.arange(200) % 10 == 0).astype(np.int64)
    assert failed(judge(predictions(classes, np.zeros(200, int)))) == [USEFUL]


def test_scores_that_tell_a_rare_label_are_useful_though_it_is_never_predicted() -> None:
    classes = (np.arange(200) % 10 == 0).astype(np.int64)
    rare = np.where(classes == 1, 0.4, 0.06)
    check = check_useful(Predictions(classes, np.column_stack([1 - rare, rare]), LABELS))
    assert check.passed
    assert "180 of 200 tasks are right" in check.reason
    assert "always giving the most frequent answer gets 180 right" in check.reason


def test_seven_of_ten_of_four_labels_are_useful_with_forty_tasks() -> None:
    rng = np.random.default_rng(0)
    useful = 0
    for _ in range(100):
        classes = np.arange(40) % 4
        guessed = np.where(rng.uniform(size=40) < 0.7, classes, rng.integers(0, 4, 40))
        rows = np.full((40, 4), 0.1)
        rows[np.arange(40), guessed] = 0.7
        useful += check_useful(Predictions(classes, rows, ("a", "b", "c", "d"))).passed
    assert useful >= 95


@pytest.mark.parametrize("share", [0.5, 0.1])
def test_guesses_are_refused_nearly_always(share: float) -> None:
    rng = np.random.default_rng(0)
    accepted = 0
    for _ in range(200):
        classes, predicted = (rng.uniform(size=(2, 60)) < share).astype(np.int64)
        accepted += check_useful(predictions(classes, predicted, max(0.55, 1 - share))).passed
    assert accepted <= 6


def test_labels_of_the_shipped_model_are_compared_with_guessing() -> None:
    classes = (np.arange(60) % 10 == 0).astype(np.int64)
    candidate = predictions(classes, np.zeros(60, int), 0.8)
    assert not check_useful(candidate).passed
    check = check_useful(candidate, is_new=False)
    assert check.passed
    assert "0.693 by guessing" in check.reason


def test_one_wrong_annotation_does_not_make_a_head_useless() -> None:
    candidate = with_errors(60, 1, 1 - 1e-12)
    assert np.isfinite(candidate.losses).all()
    assert check_useful(candidate).passed


def test_sets_of_labels_are_judged_by_the_sum_of_their_losses() -> None:
    rng = np.random.default_rng(0)
    targets = rng.uniform(size=(80, 3)) < (0.5, 0.2, 0.05)
    limits = np.full(3, 0.5)
    informed = LabelSets(targets, np.where(targets, 0.7, 0.2), ("a", "b", "c"), limits)
    ignorant = LabelSets(
        targets, np.broadcast_to(targets.mean(axis=0), (80, 3)), ("a", "b", "c"), limits
    )
    assert passed(judged(informed))
    assert not check_useful(ignorant).passed
    metrics = informed.metrics()
    assert metrics["f1"] == {"micro": 1.0, "macro": 1.0}
    assert metrics["accuracy"] == 1.0
    assert metrics["constant_accuracy"] < 0.6
    assert metrics["per_label"]["a"]["support"] == targets[:, 0].sum()


def test_clearly_more_losses_than_wins_are_refused_with_their_numbers() -> None:
    check = of(judge(with_errors(100, 6), with_errors(100, 2, first=50)), NOT_WORSE)
    assert not check.passed
    assert check.reason == (
        "Of 100 held-out tasks, 2 are right that the active version gets wrong, "
        "and 6 are wrong that it gets right (p = 0.14, more than 0.25 is needed)."
    )
    for candidate in (with_errors(100, 3), with_errors(100, 4)):
        assert of(judge(candidate, with_errors(100, 3, first=50)), NOT_WORSE).passed
    assert "Skipped" in of(judge(with_errors(100, 3)), NOT_WORSE).reason


@pytest.mark.parametrize(("score", "errors"), [(0.99, 40), (0.55, 2)])
def test_scores_that_say_too_much_or_too_little_are_refused(score: float, errors: int) -> None:
    assert not of(judge(with_errors(200, errors, score)), "calibration").passed


def test_few_examples_cannot_prove_bad_scores() -> None:
    assert of(judge(with_errors(10, 3, 0.9)), "calibration").passed


@pytest.mark.slow
def test_calibrated_scores_pass_nearly_always() -> None:
    rng = np.random.default_rng(1)
    refused = 0
    for _ in range(20):
        spam = rng.uniform(size=100)
        drawn = Predictions(
            (rng.uniform(size=100) < spam).astype(np.int64),
            np.column_stack([1 - spam, spam]),
            LABELS,
        )
        refused += not check_calibration(drawn, None, rng).passed
    assert refused <= 2


def test_scores_no_worse_than_those_of_the_active_version_pass() -> None:
    check = of(judge(with_errors(200, 40, 0.99), with_errors(200, 41, 0.99)), "calibration")
    assert check.passed
    assert "of the active version" in check.reason


@pytest.mark.parametrize(
    ("right", "active", "expected"),
    [(90, 90, True), (89, 89, False), (95, 99, True), (93, 99, False)],
)
def test_behaviour_must_reach_a_floor_and_nearly_the_active_version(
    right: int, active: int, *, expected: bool
) -> None:
    check = check_behaviour(Behaviour(right, 100, ("negation",)), Behaviour(active, 100))
    assert check.passed is expected
    assert ("it fails on negation" in check.reason) is not expected


@pytest.mark.parametrize(("lost", "expected"), [(0, True), (12, True), (40, False)])
def test_other_texts_may_lose_little(lost: int, *, expected: bool) -> None:
    before = np.arange(1000) % 10 > 0
    after = before.copy()
    after[np.flatnonzero(before)[:lost]] = False
    check = check_anchor({"films": (after, before), "tweets": (before, before)})
    assert check.passed is expected
    assert f"{after.mean():.1%} of 1000 films (before: 90.0%)" in check.reason
    assert ("there are too few films" in check.reason) is not expected


def test_the_same_seed_gives_the_same_reasons() -> None:
    first, second = (judged(with_errors(50, 20), seed=3) for _ in range(2))
    assert first == second
