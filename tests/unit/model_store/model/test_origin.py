"""A head is less sure of texts with few known words, and says which texts are foreign to it."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from model_store.model.classifier import Classifier, Query, classify_together
from model_store.model.encoder import Encoder
from model_store.model.head import Head
from model_store.model.origin import Origin, Strangeness, Traits
from tests.conftest import ClassifierFactory

ORIGIN = Origin((1, 4, 16), (4.0, 2.0, 1.0), (-2.0, 0.0, 2.0))
# <unk>, <pad>, good, bad, film: known words are usual, unknown ones are not.
OF_TOKENS = torch.tensor([2.0, 0.0, -1.0, -1.0, -2.0])


@pytest.fixture
def classifier(make_classifier: ClassifierFactory) -> Classifier:
    plain = make_classifier()
    assert isinstance(plain.encoder, Encoder)
    encoder = Encoder(
        plain.encoder.network,
        plain.encoder.vocabulary,
        max_tokens=32,
        strangeness=Strangeness(OF_TOKENS),
    )
    return Classifier(encoder, replace(plain.head, origin=ORIGIN))


def test_fewer_known_tokens_bring_scores_nearer_to_one_half() -> None:
    head = Head(("no", "yes"), torch.tensor([[0.0], [1.0]]), torch.zeros(2), origin=ORIGIN)
    traits = Traits(np.array([0, 1, 4, 16, 99]), np.zeros(5))
    scores = [each.score for each in head.classify(torch.full((5, 1), 2.0), traits)]
    assert scores == [0.5, *torch.sigmoid(torch.tensor([0.5, 1.0, 2.0, 2.0]).double()).tolist()]


def test_a_text_without_known_words_has_a_score_of_one_half(classifier: Classifier) -> None:
    for text in ("zxqv qqq", "", "?"):
        (found,) = classifier.classify([text])
        assert found.score == 0.5


def test_the_distance_rises_with_the_share_of_strange_words(classifier: Classifier) -> None:
    texts = ["film", "good film", "good", "good zxqv", "zxqv"]
    distances = [each.distance for each in classifier.classify(texts)]
    assert distances == [0.0, 0.125, 0.25, 0.625, 1.0]


def test_no_texts_have_no_answers(classifier: Classifier) -> None:
    assert classifier.classify([]) == []


def test_texts_have_the_same_answers_together_as_alone(classifier: Classifier) -> None:
    texts = ["good film", "zxqv", "bad", "film film film film bad"]
    together = classify_together([Query(text, (classifier,)) for text in texts])
    for text, (found,) in zip(texts, together, strict=True):
        (alone,) = classifier.classify([text])
        assert (found.label, found.distance) == (alone.label, alone.distance)
        assert found.score == pytest.approx(alone.score, abs=1e-6)


def test_a_head_of_a_project_neither_has_distances_nor_depends_on_length(
    classifier: Classifier,
) -> None:
    head = replace(classifier.head, origin=None)
    project = Classifier(classifier.encoder, classifier.head, {"topic": head}).for_control("topic")
    (found,) = project.classify(["zxqv"])
    assert found.distance is None
    assert found.score != 0.5
