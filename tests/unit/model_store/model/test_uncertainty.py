"""Scores order tasks by certainty."""

import math
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_store.model.classification import Classification
from model_store.model.uncertainty import ScoreKind, score_of

KINDS: tuple[ScoreKind, ...] = get_args(ScoreKind)


def classification(*values: float) -> Classification:
    total = sum(values)
    rows = {str(index): value / total for index, value in enumerate(values)}
    best = max(rows, key=rows.__getitem__)
    return Classification(best, rows[best], rows)


def test_each_kind_has_the_value_of_its_definition() -> None:
    one = classification(0.7, 0.2, 0.1)
    entropy = -sum(p * math.log(p) for p in (0.7, 0.2, 0.1))
    assert score_of(one) == pytest.approx(0.7)
    assert score_of(one, "margin") == pytest.approx(0.5)
    assert score_of(one, "entropy") == pytest.approx(1 - entropy / math.log(3))


@pytest.mark.parametrize("kind", KINDS)
def test_certainty_and_a_single_label_score_1(kind: ScoreKind) -> None:
    assert score_of(classification(1.0, 0.0, 0.0), kind) == pytest.approx(1.0)
    assert score_of(classification(1.0), kind) == 1.0


@pytest.mark.parametrize(("kind", "lowest"), [("confidence", 0.25), ("margin", 0), ("entropy", 0)])
def test_equal_probabilities_have_the_lowest_score(kind: ScoreKind, lowest: float) -> None:
    assert score_of(classification(1, 1, 1, 1), kind) == pytest.approx(lowest)


@given(st.lists(st.floats(0, 1), min_size=2, max_size=8).filter(any), st.sampled_from(KINDS))
def test_scores_are_finite_and_in_0_to_1(values: list[float], kind: ScoreKind) -> None:
    assert 0 <= score_of(classification(*values), kind) <= 1


@given(st.floats(0.01, 0.99), st.floats(0.01, 0.99))
def test_for_two_labels_all_kinds_give_the_same_order(first: float, second: float) -> None:
    one, other = classification(first, 1 - first), classification(second, 1 - second)
    if abs(one.score - other.score) > 1e-6:
        assert len({score_of(one, kind) < score_of(other, kind) for kind in KINDS}) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_the_least_certain_of_several_labels_decides(kind: ScoreKind) -> None:
    both = Classification("Rude", 0.6, {"Rude": 0.9, "Spam": 0.4}, given=("Rude",))
    one = Classification("Spam", 0.6, {"Spam": 0.4}, given=())
    assert score_of(both, kind) == pytest.approx(score_of(one, kind))
    assert score_of(both) == pytest.approx(0.6)
