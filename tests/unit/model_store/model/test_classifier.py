"""The classifier gives a text the same answer in any batch."""

import math
import random

import pytest
import torch

from model_store.errors import NotFiniteError
from model_store.model.head import Head
from tests.conftest import ClassifierFactory

TEXTS = ["", "good", "bad film", "Good! " * 50, "not known at all", '"', "\0", "good bad " * 9]


def test_a_text_gets_the_same_probabilities_alone_and_in_any_batch(
    make_classifier: ClassifierFactory,
) -> None:
    classifier = make_classifier()
    alone = {text: classifier.classify([text])[0] for text in TEXTS}
    chooser = random.Random(0)
    for size in (2, 5, 40):
        texts = chooser.choices(TEXTS, k=size)
        for text, result in zip(texts, classifier.classify(texts), strict=True):
            assert result.label == alone[text].label
            assert math.isclose(result.score, alone[text].score, abs_tol=1e-5)


def test_the_same_call_gives_the_same_bits(make_classifier: ClassifierFactory) -> None:
    classifier = make_classifier()
    assert classifier.classify(TEXTS) == classifier.classify(TEXTS)


def test_a_classification_holds_the_probability_of_every_label(
    make_classifier: ClassifierFactory,
) -> None:
    for result in make_classifier().classify(TEXTS):
        assert set(result.probabilities) == {"Negative", "Positive"}
        assert math.isclose(sum(result.probabilities.values()), 1.0)
        assert result.score == max(result.probabilities.values())
        assert result.probabilities[result.label] == result.score


def test_text_after_max_tokens_is_ignored(
    make_classifier: ClassifierFactory,
) -> None:
    classifier = make_classifier()
    read, ignored = "good " * classifier.encoder.max_tokens, "bad " * 100
    assert classifier.classify([read]) == classifier.classify([read + ignored])


def test_no_texts_give_no_results(make_classifier: ClassifierFactory) -> None:
    assert make_classifier().classify([]) == []


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_a_probability_that_is_not_finite_is_an_error_and_no_answer(number: float) -> None:
    head = Head(("Negative", "Positive"), torch.tensor([[0.0], [1.0]]), torch.zeros(2))
    with pytest.raises(NotFiniteError):
        head.classify(torch.tensor([[1.0], [number]]))
