"""Heads learn from few examples, and their change is bounded."""

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import optimize

from model_store.learning import blocks, fitting
from model_store.learning.blocks import fit_blocks
from model_store.learning.calibration import fit_temperature
from model_store.learning.fitting import RADIUS, tune_head
from model_store.model.head import Head

LABELS = ("Ham", "Spam")
FEATURES = 20
TRUTH = np.random.default_rng(3).normal(size=(2, FEATURES))


def sample(
    count: int, *, seed: int = 0, sharpness: float = 2.0
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return features like an encoder's, which are never negative, and classes drawn by TRUTH."""
    rng = np.random.default_rng(seed)
    features = np.maximum(rng.normal(size=(count, FEATURES)), 0)
    logits = sharpness * (features - features.mean(axis=0)) @ (TRUTH[1] - TRUTH[0])
    return features, (rng.logistic(size=count) < logits).astype(np.int64)


def predicted(head: Head, features: NDArray[np.float64]) -> NDArray[np.int64]:
    return np.asarray(head.logits(torch.from_numpy(features).float()).argmax(dim=1))


def accuracy(head: Head, *, seed: int = 99) -> float:
    features, classes = sample(4000, seed=seed)
    return float((predicted(head, features) == classes).mean())


def fresh(features: NDArray[np.float64], classes: NDArray[np.int64]) -> Head:
    """Return a head that is fitted to examples alone."""
    targets = np.eye(len(LABELS))[classes]
    return fit_blocks(features, {"encoder": FEATURES}, targets, LABELS).head


def temperature(head: Head, features: NDArray[np.float64], classes: NDArray[np.int64]) -> float:
    logits = head.logits(torch.from_numpy(features).float()).double().numpy()
    return fit_temperature(logits, np.eye(len(LABELS))[classes])


@pytest.fixture
def start() -> Head:
    return fresh(*sample(2000, seed=5))


def test_a_fresh_head_learns_more_from_more_examples() -> None:
    few, many = (accuracy(fresh(*sample(count))) for count in (16, 500))
    assert few > 0.65
    assert many > few
    assert many > 0.88


def test_the_same_examples_and_seed_give_the_same_head(start: Head) -> None:
    first, second = (tune_head(*sample(100), start, seed=4) for _ in range(2))
    assert torch.equal(first.weight, second.weight)
    assert torch.equal(first.bias, second.bias)


def test_examples_that_agree_with_the_start_leave_it_alone(start: Head) -> None:
    tuned = tune_head(*sample(200, seed=6), start)
    assert accuracy(tuned) == pytest.approx(accuracy(start), abs=0.01)


def test_examples_that_all_contradict_the_start_cannot_move_it_far(start: Head) -> None:
    features, classes = sample(500, seed=7)
    tuned = tune_head(features, 1 - classes, start)
    scale = features.std(axis=0)
    difference, length = (
        torch.linalg.norm((weight - weight.mean(dim=0)) * torch.from_numpy(scale))
        for weight in (tuned.weight - start.weight, start.weight)
    )
    assert 0 < difference <= RADIUS * length
    assert accuracy(tuned) > accuracy(start) - 0.02


def test_many_examples_of_another_task_do_move_it() -> None:
    features, classes = sample(20_000, seed=8)
    other = fresh(*sample(2000, seed=5))
    turned = Head(LABELS, other.weight * torch.linspace(-0.5, 1.5, FEATURES), other.bias)
    before, after = accuracy(turned), accuracy(tune_head(features, classes, turned))
    assert after > before + 0.02


def test_other_shares_of_labels_do_not_move_the_head(start: Head) -> None:
    features, classes = sample(3000, seed=9)
    spam, ham = np.flatnonzero(classes == 1)[:40], np.flatnonzero(classes == 0)[:360]
    index = np.concatenate([spam, ham])
    tuned = tune_head(features[index], classes[index], start)
    features, _ = sample(4000, seed=10)
    shares = [predicted(head, features).mean() for head in (start, tuned)]
    assert shares[1] == pytest.approx(shares[0], abs=0.02)


def test_a_fresh_head_gives_rare_labels_the_share_they_have() -> None:
    features, classes = sample(4000, seed=11)
    index = np.concatenate([np.flatnonzero(classes == 1)[:100], np.flatnonzero(classes == 0)[:900]])
    head = fresh(features[index], classes[index])
    results = head.classify(torch.from_numpy(features[index]).float())
    mean = np.mean([result.probabilities["Spam"] for result in results])
    assert mean == pytest.approx(0.1, abs=0.01)


def test_a_tuned_head_keeps_the_temperature_of_its_start(start: Head) -> None:
    cold = Head(LABELS, start.weight * 0.5, start.bias * 0.5, temperature=0.5)
    examples = sample(400, seed=12)
    warm, tuned = (tune_head(*examples, head) for head in (start, cold))
    assert tuned.temperature == 0.5
    assert torch.allclose(tuned.weight / 0.5, warm.weight, atol=1e-4)


def test_shapes_that_do_not_match_are_refused(start: Head) -> None:
    features, classes = sample(20)
    with pytest.raises(ValueError, match="do not match"):
        tune_head(features, classes[:-1], start)
    with pytest.raises(ValueError, match="classes must be"):
        tune_head(features, classes + 1, start)


def test_many_examples_correct_overconfidence(start: Head) -> None:
    examples = sample(5000, seed=13)
    sharp = Head(LABELS, start.weight * 2, start.bias * 2)
    factor = temperature(sharp, *examples)
    assert factor == pytest.approx(2 * temperature(start, *examples), rel=0.02)
    assert factor > 1.5


def test_a_few_examples_hardly_move_the_temperature(start: Head) -> None:
    sharp = Head(LABELS, start.weight * 2, start.bias * 2)
    assert 0.75 < temperature(sharp, *sample(4, seed=14)) < 1.5
    assert temperature(sharp, np.zeros((0, FEATURES)), np.zeros(0, dtype=np.int64)) == 1


def test_the_temperature_moves_at_most_by_a_factor_of_four(start: Head) -> None:
    features, classes = sample(2000, seed=15)
    assert temperature(start, features, 1 - classes) == pytest.approx(4.0, rel=0.01)


@pytest.mark.slow
@settings(max_examples=25)
@given(
    st.integers(2, 6),
    st.integers(16, 40),
    st.integers(0, 2**16),
    st.sampled_from([0.0, 1e-6, 1.0, 1e3]),
)
def test_any_examples_make_a_head_of_finite_numbers(
    classes: int, count: int, seed: int, scale: float
) -> None:
    rng = np.random.default_rng(seed)
    labels = [str(index) for index in range(classes)]
    features, indices = rng.exponential(size=(count, 5)) * scale, rng.integers(0, classes, count)
    head = fit_blocks(features, {"encoder": 5}, np.eye(classes)[indices], labels).head
    tuned = tune_head(features, indices, head)
    for one in (head, tuned):
        assert one.weight.shape == (classes, 5)
        assert torch.isfinite(one.weight).all()
        assert torch.isfinite(one.bias).all()


@pytest.fixture
def searched(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The maximum number of iterations of each fit."""
    limits: list[int] = []

    def minimize(*arguments: Any, **more: Any) -> Any:
        if "options" in more:
            limits.append(more["options"]["maxiter"])
        return optimize.minimize(*arguments, **more)

    for module in (fitting, blocks):
        monkeypatch.setattr(module, "minimize", minimize)
    return limits


def test_the_operations_of_a_fit_are_bounded_for_hundreds_of_labels(
    searched: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    labels = tuple(f"label {number}" for number in range(10))
    classes = np.repeat(np.arange(10), 8)
    targets = np.eye(10)[classes]
    features = targets + 0.01 * np.random.default_rng(1).normal(size=(80, 10))
    # As many operations as these labels allow for each of some hundred.
    monkeypatch.setattr(blocks, "_shares", lambda *_: {"encoder": 1.0})
    monkeypatch.setattr(blocks, "_SEARCH_FLOPS", 1e5)
    monkeypatch.setattr(blocks, "_FLOPS", 1e6)
    head = fit_blocks(features, {"encoder": 10}, targets, labels).head
    assert max(searched[:-1]) == 15
    assert 15 < searched[-1] < 200
    results = head.classify(torch.from_numpy(features).float())
    assert [result.label for result in results] == [labels[each] for each in classes]


def test_strengths_after_the_best_are_left_out_and_the_choice_is_the_same(
    searched: list[int], monkeypatch: pytest.MonkeyPatch, start: Head
) -> None:
    searched.clear()
    examples = sample(200, seed=20)
    quick = tune_head(*examples, start)
    fits = len(searched)
    monkeypatch.setattr(fitting, "_MANY_WORSE", 100)
    thorough = tune_head(*examples, start)
    assert fits <= len(searched) - fits
    assert torch.equal(quick.weight, thorough.weight)
