"""A head decides for labels by their probabilities, in the way of its kind."""

from dataclasses import replace

import pytest
import torch

from model_store.model.head import Head, classification

LABELS = ("1", "2", "3")


def test_any_number_of_labels_can_be_given() -> None:
    head = Head(LABELS, torch.eye(3), torch.zeros(3), kind="multiple", thresholds=(0.5, 0.2, 0.9))
    none, two = head.classify(torch.tensor([[-9.0, -9.0, 1.0], [9.0, -1.0, 1.0]]))
    assert none.answers == ()
    assert two.answers == ("1", "2")
    assert two.score == pytest.approx(min(two.probabilities["2"], 1 - two.probabilities["3"]))
    assert two.label == "1"


def test_a_rating_is_the_median_and_its_score_the_probability_of_it() -> None:
    rated = classification(LABELS, [0.45, 0.1, 0.45], "rating")
    assert (rated.label, rated.score, rated.answers) == ("2", 0.1, ("2",))


def test_the_temperature_makes_scores_less_certain_for_each_kind() -> None:
    features = torch.tensor([[2.0, 0.0, -2.0]])
    for kind in ("single", "multiple", "rating"):
        head = Head(LABELS, torch.eye(3), torch.zeros(3), kind=kind)
        (sharp,) = head.probabilities(features).tolist()
        (flat,) = replace(head, temperature=5.0).probabilities(features).tolist()
        assert max(flat) < max(sharp)
