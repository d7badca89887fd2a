"""Annotations that predictions contradict."""

import numpy as np
import pytest

from model_store.budget.suspects import suspicion


def test_flipped_annotations_are_suspects_and_the_worst() -> None:
    rng = np.random.default_rng(0)
    classes = rng.integers(3, size=300)
    probabilities = 0.2 * rng.dirichlet([1, 1, 1], 300) + 0.8 * np.eye(3)[classes]
    given = classes.copy()
    given[:15] = (given[:15] + 1) % 3
    found = suspicion(np.eye(3)[given] > 0, probabilities)
    assert found.is_suspect[:15].all()
    assert set(np.argsort(found.quality)[:15]) == set(range(15))
    assert 8 <= found.estimated <= 20


def test_right_annotations_are_no_suspects() -> None:
    classes = np.arange(100) % 2
    found = suspicion(np.eye(2)[classes] > 0, 0.05 + 0.9 * np.eye(2)[classes])
    assert not found.is_suspect.any()
    assert found.estimated == 0


def test_a_missing_label_of_several_is_a_suspect() -> None:
    rng = np.random.default_rng(1)
    targets = rng.random((200, 4)) < 0.3
    probabilities = np.where(targets, 0.9, 0.1)
    given = targets.copy()
    given[:8, 0] ^= True
    found = suspicion(given, probabilities, is_multiple=True)
    assert found.is_suspect.nonzero()[0].tolist() == list(range(8))


@pytest.mark.parametrize("labels", [2, 5])
def test_a_label_that_nobody_gave_does_no_harm(labels: int) -> None:
    targets = np.zeros((40, labels), dtype=bool)
    targets[:, 0] = True
    targets[:20, [0, 1]] = [False, True]
    probabilities = np.full((40, labels), 1 / labels)
    assert len(suspicion(targets, probabilities).quality) == 40
