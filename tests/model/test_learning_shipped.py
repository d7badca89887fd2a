"""The shipped encoder learns from annotations of reviews that it was not trained on."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from model_store.learning import behaviour
from model_store.learning.behaviour import Behaviour
from model_store.learning.candidate import Outcome, learn
from model_store.learning.fitters import OnBlocks, Tuned
from model_store.learning.gate import Check, check_behaviour
from model_store.learning.split import folds
from model_store.model.classifier import Classifier
from model_store.model.head import Head
from model_store.pretraining.corpus import LABELS, Part, read

pytestmark = pytest.mark.slow

Chooser = Callable[["Reviews"], NDArray[np.int64]]
Behave = Callable[[Head], Behaviour]


@dataclass(frozen=True)
class Reviews:
    """Reviews and their features."""

    texts: list[str]
    classes: NDArray[np.int64]
    features: Tensor

    def where(self, condition: Callable[[str], bool]) -> NDArray[np.int64]:
        return np.flatnonzero([condition(text) for text in self.texts])


@pytest.fixture(scope="module")
def reviews(shipped: Classifier, corpus: Path) -> dict[Part, Reviews]:
    """Reviews by their part in the training of the shipped model."""
    everything = read(corpus / "train.parquet")
    parts = {}
    for part in Part:
        chosen = everything.part(part)
        parts[part] = Reviews(chosen.texts, np.array(chosen.labels), shipped.encoder(chosen.texts))
    return parts


@pytest.fixture(scope="module")
def behave(shipped: Classifier) -> Behave:
    features = shipped.encoder([case.text for case in behaviour.suite()])
    return lambda head: behaviour.run(lambda _: head.classify(features))


def accuracy(head: Head, reviews: Reviews) -> float:
    predicted = head.logits(reviews.features).argmax(dim=1).numpy()
    return float((predicted == reviews.classes).mean())


def annotated(
    reviews: Reviews, index: NDArray[np.int64], labels: tuple[str, ...], *, seed: int = 0
) -> dict[str, Any]:
    return {
        "labels": labels,
        "features": reviews.features[torch.from_numpy(index)],
        "answers": [(labels[reviews.classes[place]],) for place in index],
        "folds": folds(f"project {seed}", range(1, len(index) + 1), range(len(index))),
        "fitter": OnBlocks({"encoder": reviews.features.shape[1]}),
        "seed": seed,
    }


def fine_tuned(
    shipped: Classifier, behave: Behave, reviews: Reviews, index: NDArray[np.int64]
) -> Outcome:
    options = annotated(reviews, index, LABELS) | {"fitter": Tuned(shipped.head)}
    before = behave(shipped.head)

    def further(head: Head) -> list[Check]:
        return [check_behaviour(behave(head), before)]

    return learn("sentiment", active=shipped.head, further=further, **options)


def drawn(index: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    rng = np.random.default_rng(0)
    return np.asarray(rng.choice(index, min(count, len(index)), replace=False))


def mostly_negative(reviews: Reviews) -> NDArray[np.int64]:
    groups = [np.flatnonzero(reviews.classes == label) for label in (0, 1)]
    return np.concatenate([drawn(groups[0], 400), drawn(groups[1], 100)])


SHIFTS: dict[str, Chooser] = {
    "short": lambda reviews: reviews.where(lambda text: len(text.split()) < 120),
    "horror": lambda reviews: reviews.where(lambda text: "horror" in text.lower()),
    "documentary": lambda reviews: reviews.where(lambda text: "documentary" in text.lower()),
    "mostly negative": mostly_negative,
}


@pytest.mark.parametrize("shift", SHIFTS)
def test_500_corrections_of_a_shifted_subset_do_not_spoil_the_model(
    shipped: Classifier, behave: Behave, reviews: dict[Part, Reviews], shift: str
) -> None:
    train = reviews[Part.TRAIN]
    outcome = fine_tuned(shipped, behave, train, drawn(SHIFTS[shift](train), 500))
    assert outcome.head is not None
    before, after = (
        accuracy(head, reviews[Part.HELD_OUT]) for head in (shipped.head, outcome.head)
    )
    assert after >= before - 0.005


def test_500_corrections_of_its_errors_do_not_spoil_the_model(
    shipped: Classifier, behave: Behave, reviews: dict[Part, Reviews]
) -> None:
    train = reviews[Part.TRAIN]
    wrong = shipped.head.logits(train.features).argmax(dim=1).numpy() != train.classes
    outcome = fine_tuned(shipped, behave, train, drawn(np.flatnonzero(wrong), 500))
    assert outcome.head is not None
    before, after = (
        accuracy(head, reviews[Part.HELD_OUT]) for head in (shipped.head, outcome.head)
    )
    assert after >= before - 0.005


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_200_annotations_teach_the_labels_of_a_project(
    reviews: dict[Part, Reviews], seed: int
) -> None:
    unseen = reviews[Part.VALIDATION]
    index = np.random.default_rng(seed).permutation(len(unseen.texts))[:200]
    options = annotated(unseen, index, ("Complaint", "Praise"), seed=seed)
    outcome = learn("opinion", **options)
    assert outcome.passed, outcome.report()
    assert outcome.head is not None
    assert accuracy(outcome.head, reviews[Part.HELD_OUT]) > 0.88


def test_random_labels_are_refused(
    shipped: Classifier, behave: Behave, reviews: dict[Part, Reviews]
) -> None:
    unseen = reviews[Part.VALIDATION]
    swapped = np.random.default_rng(5).integers(0, 2, len(unseen.texts))
    noise = Reviews(unseen.texts, swapped, unseen.features)
    outcome = fine_tuned(shipped, behave, noise, np.arange(0, 1000, 2))
    assert "better than chance" in [c.name for c in outcome.checks if not c.passed]
    fresh = learn("opinion", **annotated(noise, np.arange(0, 1000, 2), ("A", "B")))
    assert "better than chance" in [c.name for c in fresh.checks if not c.passed]


def test_the_shipped_model_passes_the_whole_behaviour_suite(shipped: Classifier) -> None:
    assert behaviour.run(shipped.classify).share == 1.0


def test_a_head_with_swapped_labels_fails_the_behaviour_suite(
    shipped: Classifier, behave: Behave
) -> None:
    head = shipped.head
    assert behave(Head(head.labels, -head.weight, -head.bias, head.temperature)).share < 0.1
