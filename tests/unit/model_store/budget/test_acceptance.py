"""The promise about predictions that are accepted unseen."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model_store.budget.acceptance import Promise, audit_size, choose, contradicts, missing

TWO_PERCENT = Promise(0.02, 0.95)


def world(seed: int, annotated: int, pool: int, error: float) -> tuple[np.ndarray, ...]:  # type: ignore[type-arg]
    """Scores that say how likely a prediction is right, of annotated tasks and of a pool."""
    rng = np.random.default_rng(seed)
    scores = 1 - 4 * error * rng.random(annotated + pool) ** 3
    right = rng.random(annotated + pool) < scores
    return scores[:annotated], right[:annotated], scores[annotated:], right[annotated:]


def test_the_promise_is_broken_in_at_most_five_percent_of_200_worlds() -> None:
    broken = accepted = 0
    for seed in range(200):
        scores, right, pool, truth = world(seed, 600, 1000, 0.06)
        if found := choose(scores, right, pool, TWO_PERCENT):
            taken = pool >= found.score
            assert taken.sum() == found.accepted
            accepted += 1
            broken += (~truth[taken]).mean() > TWO_PERCENT.max_error
    assert accepted > 20, "the test would show nothing"
    assert broken <= 10


def test_predictions_that_are_all_right_are_all_accepted() -> None:
    scores = np.linspace(0.5, 1, 300)
    found = choose(scores, np.ones(300, dtype=bool), scores, TWO_PERCENT)
    assert found
    assert (found.score, found.judged, found.wrong, found.accepted) == (0.5, 300, 0, 300)


def test_too_few_annotations_promise_nothing_and_the_number_of_missing_ones_does() -> None:
    scores, right = np.linspace(0.5, 1, 100), np.ones(100, dtype=bool)
    pool = np.linspace(0.5, 1, 1000)
    assert choose(scores, right, pool, TWO_PERCENT) is None
    more = missing(scores, right, pool, TWO_PERCENT)
    assert more
    enough = (100 + more) // 100
    assert choose(np.repeat(scores, enough), np.repeat(right, enough), pool, TWO_PERCENT)


def test_a_model_that_is_often_wrong_needs_more_than_annotations() -> None:
    scores, right = np.full(200, 0.9), np.arange(200) % 4 > 0
    assert missing(scores, right, np.full(500, 0.9), TWO_PERCENT) is None


def test_tasks_of_equal_score_are_accepted_together_or_not_at_all() -> None:
    scores = np.repeat([0.9, 0.8], 300)
    right = np.concatenate([np.ones(300), np.zeros(300)]).astype(bool)
    found = choose(scores, right, np.repeat([0.9, 0.8], 400), TWO_PERCENT)
    assert found
    assert (found.score, found.accepted) == (0.9, 400)


@pytest.mark.parametrize("pool", [0, 5])
def test_without_annotations_nothing_is_accepted(pool: int) -> None:
    none = np.empty(0)
    assert choose(none, none.astype(bool), np.ones(pool), TWO_PERCENT) is None


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 60), st.integers(0, 60), st.integers(0, 10**6))
def test_any_scores_give_a_threshold_that_their_tasks_reach(
    annotated: int, pool: int, seed: int
) -> None:
    scores, right, others, _ = world(seed, annotated, pool, 0.2)
    found = choose(scores.round(1), right, others.round(1), Promise(0.3, 0.6))
    if found:
        assert found.accepted == (others.round(1) >= found.score).sum() > 0
        assert found.judged == (scores.round(1) >= found.score).sum()


def test_an_audit_that_finds_too_many_errors_contradicts_the_promise() -> None:
    assert not contradicts(0, 0, TWO_PERCENT)
    assert not contradicts(1, 50, TWO_PERCENT)
    assert contradicts(8, 50, TWO_PERCENT)


@pytest.mark.parametrize("accepted", [0, 1, 40, 300, 30_000])
def test_an_audit_leaves_at_least_half_of_the_tasks(accepted: int) -> None:
    assert 0 <= audit_size(accepted) <= accepted / 2


@pytest.mark.parametrize(("error", "confidence"), [(0, 0.95), (1, 0.95), (0.02, 0), (0.02, 1)])
def test_a_promise_without_meaning_is_refused(error: float, confidence: float) -> None:
    with pytest.raises(ValueError, match="between 0 % and 100 %"):
        Promise(error, confidence)
