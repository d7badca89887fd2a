"""The extrapolated learning curve."""

import json

import numpy as np

from model_store.budget.curve import STEPS, Curve, curve

SIZES = (50, 100, 150, 200)


def correct(errors: tuple[float, ...], texts: int = 400) -> np.ndarray:  # type: ignore[type-arg]
    """Which texts each model gets right: ever more of the same."""
    return np.stack([np.arange(texts) >= round(error * texts) for error in errors])


def test_a_falling_error_falls_further_within_an_interval() -> None:
    errors = tuple(0.1 + 2 * size**-0.5 for size in SIZES)
    found = curve(SIZES, correct(errors), 0.05, 200)
    assert [each.annotations - 200 for each in found.more] == list(STEPS)
    accuracies = [found.now.accuracy, *(each.accuracy for each in found.more)]
    assert accuracies == sorted(accuracies)
    assert all(each.low <= each.accuracy <= each.high for each in (found.now, *found.more))
    truth = 0.9 - 2 * 700**-0.5
    later = found.more[2]
    assert later.low < truth < later.high
    assert not found.is_settled
    assert found.next().accuracy > found.now.accuracy


def test_a_flat_curve_with_settled_answers_says_stop() -> None:
    found = curve(SIZES, correct((0.1, 0.1, 0.1, 0.1)), 0.0, 200)
    assert found.is_settled
    assert found.dropped == 50
    assert not curve(SIZES, correct((0.1, 0.1, 0.1, 0.1)), 0.1, 200).is_settled


def test_fewer_texts_give_wider_intervals() -> None:
    errors = (0.3, 0.25, 0.22, 0.2)
    narrow, wide = (curve(SIZES, correct(errors, texts), 0.1, 200).now for texts in (1000, 50))
    assert wide.high - wide.low > 2 * (narrow.high - narrow.low)


def test_it_is_stored_as_json() -> None:
    found = curve(SIZES, correct((0.3, 0.25, 0.22, 0.2)), 0.1, 200)
    assert Curve.of_json(json.loads(json.dumps(found.to_json()))) == found


def test_models_without_errors_stay_within_bounds() -> None:
    found = curve(SIZES, correct((0.0, 0.0, 0.0, 0.0), 30), 0.0, 200)
    assert found.now.accuracy == found.now.high == 1
    assert 0.8 < found.now.low < 1
