"""Decisions between annotators who disagree."""

import numpy as np
import pytest

from model_store.budget.consensus import agreement, decide

LABELS = ("Ham", "Spam", "Other")
RELIABLE = {1: 0.95, 2: 0.5, 3: 0.9}


def test_reliable_annotators_and_the_model_decide() -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(3, size=120)
    votes = [
        {
            int(who): LABELS[label if rng.random() < RELIABLE[int(who)] else rng.integers(3)]
            for who in rng.choice([1, 2, 3], 2, replace=False)
        }
        for label in truth
    ]
    probabilities = 0.4 * rng.dirichlet([1, 1, 1], 120) + 0.6 * np.eye(3)[truth]
    decisions = decide(votes, LABELS, probabilities)
    right = [each.label == LABELS[label] for each, label in zip(decisions, truth, strict=True)]
    assert sum(len(set(each.values())) > 1 for each in votes) > 15
    assert np.mean(right) > 0.95


def test_a_text_that_nothing_decides_is_disputed() -> None:
    (decision,) = decide([{1: "Ham", 2: "Spam"}], LABELS, np.array([[0.4, 0.4, 0.2]]))
    assert decision.is_disputed


def test_an_unknown_label_is_refused() -> None:
    with pytest.raises(ValueError, match="'Egg' is none of"):
        decide([{1: "Egg", 2: "Ham"}], LABELS, np.full((1, 3), 1 / 3))
    assert decide([], LABELS, np.empty((0, 3))) == []


def test_agreement_counts_only_texts_with_several_annotators() -> None:
    votes = [{1: "Ham"}, {1: "Ham", 2: "Ham"}, {1: "Ham", 2: "Ham"}, {2: "Spam", 3: "Ham"}]
    found = agreement(votes)
    assert (found.texts, found.agreed) == (3, 2)
    assert found.pairs == {(1, 2): (2, 1.0)}, "a single common text says nothing"
    assert found.kappa == 1
    assert agreement([]).kappa is None
