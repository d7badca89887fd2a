"""Each check of the gate passes good heads and refuses bad ones with the reason."""

import numpy as np
import pytest
from numpy.typing import NDArray

from model_store.learning.behaviour import Behaviour
from model_store.learning.evaluation import Predictions
from model_store.learning.gate import Check, check_calibration, check_chance, judge, passed

LABELS = ("Ham", "Spam")
FIRST = "enough held-out examples"
LABELS_CHECK = "every label predicted"


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


def test_a_good_head_passes_every_check() -> None:
    checks = judge(
        with_errors(100, 8),
        with_errors(100, 12),
        behaviour=Behaviour(97, 100),
        active_behaviour=Behaviour(98, 100),
    )
    assert failed(checks) == []
    assert passed(checks)
    assert len(checks) == 6


def test_a_head_without_checks_does_not_pass() -> None:
    assert not passed([])


def test_nothing_held_out_is_not_enough() -> None:
    checks = judge(with_errors(0, 0), None)
    assert failed(checks) == ["enough held-out examples"]


def test_nine_held_out_examples_are_not_enough_and_ten_are() -> None:
    check = of(judge(with_errors(9, 0), None), "enough held-out examples")
    assert not check.passed
    assert check.reason == (
        "9 annotated tasks are held out, and 10 are needed: "
        "annotate about 5 more, a fifth of which (1) is held out."
    )
    assert of(judge(with_errors(10, 0), None), "enough held-out examples").passed


def test_a_label_without_a_held_out_example_is_named() -> None:
    check = of(judge(predictions(np.zeros(30, int), np.arange(30) % 2), None), FIRST)
    assert not check.passed
    assert check.reason == "None of the 30 held-out tasks is Spam."


def test_predicting_the_most_frequent_label_is_not_better_than_chance() -> None:
    classes = (np.arange(200) % 10 == 0).astype(np.int64)
    checks = judge(predictions(classes, np.zeros(200, int)), None)
    assert failed(checks) == ["better than chance", "every label predicted"]


def test_a_rare_label_that_is_found_is_better_than_chance() -> None:
    classes = (np.arange(200) % 10 == 0).astype(np.int64)
    predicted = classes.copy()
    predicted[[0, 10, 20, 30, 40, 50, 60, 70, 80, 90]] = 0  # half of them are missed
    predicted[1:15:2] = 1  # and some of the other label are predicted as them
    check = of(judge(predictions(classes, predicted), None), "better than chance")
    assert check.passed
    assert "183 of 200 held-out tasks are right" in check.reason
    assert "always predicting Ham gets 180 right" in check.reason


@pytest.mark.slow
def test_guesses_are_refused_nearly_always() -> None:
    rng = np.random.default_rng(0)
    refused = 0
    for _ in range(60):
        classes, predicted = rng.integers(0, 2, size=(2, 60))
        refused += not check_chance(predictions(classes, predicted), rng).passed
    assert refused >= 57


def test_all_swapped_is_worse_than_chance() -> None:
    check = of(judge(with_errors(100, 90), None), "better than chance")
    assert not check.passed
    assert "kappa -0.8" in check.reason


def test_more_losses_than_wins_are_refused_with_their_numbers() -> None:
    name = "not worse than the active version"
    check = of(judge(with_errors(100, 4), with_errors(100, 3, first=50)), name)
    assert not check.passed
    assert check.reason == (
        "Of 100 held-out tasks, 3 are right that the active version gets wrong, "
        "and 4 are wrong that it gets right (McNemar: p = 1)."
    )
    assert of(judge(with_errors(100, 3), with_errors(100, 3, first=50)), name).passed
    assert of(judge(with_errors(100, 3), with_errors(100, 3)), name).passed
    assert "Skipped" in of(judge(with_errors(100, 3), None), name).reason


def test_mcnemars_p_is_that_of_the_binomial_test() -> None:
    name = "not worse than the active version"
    check = of(judge(with_errors(100, 0), with_errors(100, 6)), name)
    assert f"p = {2 * 0.5**6:.3g}" in check.reason


@pytest.mark.parametrize(("score", "errors"), [(0.99, 40), (0.55, 2)])
def test_scores_that_say_too_much_or_too_little_are_refused(score: float, errors: int) -> None:
    check = of(judge(with_errors(200, errors, score), None), "calibration")
    assert not check.passed


def test_few_examples_cannot_prove_bad_scores() -> None:
    assert of(judge(with_errors(10, 3, 0.9), None), "calibration").passed


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


def test_a_label_that_is_never_predicted_is_named() -> None:
    check = of(judge(predictions(np.arange(40) % 2, np.zeros(40, int)), None), LABELS_CHECK)
    assert not check.passed
    assert check.reason == (
        "The held-out tasks are predicted as: Ham 40, Spam 0; annotate more tasks that are Spam."
    )


@pytest.mark.parametrize(
    ("right", "active", "expected"),
    [(90, 90, True), (89, 89, False), (95, 99, True), (93, 99, False)],
)
def test_behaviour_must_reach_a_floor_and_nearly_the_active_version(
    right: int, active: int, *, expected: bool
) -> None:
    checks = judge(
        with_errors(100, 8),
        None,
        behaviour=Behaviour(right, 100, ("negation",)),
        active_behaviour=Behaviour(active, 100),
    )
    check = of(checks, "behaviour")
    assert check.passed is expected
    assert ("it fails on negation" in check.reason) is not expected


def test_the_same_seed_gives_the_same_reasons() -> None:
    first, second = (judge(with_errors(50, 20), None, seed=3) for _ in range(2))
    assert first == second
