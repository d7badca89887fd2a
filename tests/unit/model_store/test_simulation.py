"""A project played through in two orders of annotating."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from model_store.errors import CorpusError
from model_store.pretraining.corpus import Corpus
from model_store.simulation import Reviews, simulate, unseen, write
from tests.conftest import ClassifierFactory


def reviews(count: int = 400) -> Reviews:
    rng = np.random.default_rng(0)
    classes = rng.integers(0, 2, count)
    features = np.maximum(rng.normal(size=(count, 6)) + 1.5 * classes[:, None], 0)
    return Reviews(torch.from_numpy(features).float(), classes)


def played() -> dict[str, Any]:
    return simulate(reviews(), seeds=2, sizes=(20, 60, 120, 10_000))


def test_both_orders_start_alike_learn_and_end_where_the_pool_does() -> None:
    result = played()
    assert result["annotations"] == [20, 60, 120]
    random, by_score = (result["accuracy"][order]["mean"] for order in ("random", "uncertainty"))
    assert random[0] == by_score[0]
    assert random[1:] != by_score[1:]
    assert min(random[-1], by_score[-1]) > 0.9


def test_it_is_the_same_each_time_and_so_is_the_plot(tmp_path: Path) -> None:
    for name in ("first", "second"):
        write(tmp_path / name, played())
    for file in ("active-learning.json", "active-learning.svg"):
        first, second = ((tmp_path / name / file).read_bytes() for name in ("first", "second"))
        assert first == second
    assert json.loads((tmp_path / "first" / "active-learning.json").read_text())["seeds"] == 2


def test_only_reviews_that_training_did_not_learn_from_take_part(
    make_classifier: ClassifierFactory,
) -> None:
    texts = [f"film {number}" for number in range(1000)]
    corpus = Corpus(texts, [number % 2 for number in range(1000)])
    found = unseen(make_classifier(), corpus, Path("reviews.csv"))
    assert 0.1 < len(found.classes) / 1000 < 0.2
    assert len(found.features) == len(found.classes)


def test_too_small_a_corpus_is_refused(make_classifier: ClassifierFactory) -> None:
    corpus = Corpus(["good film", "bad film"], [1, 0])
    with pytest.raises(CorpusError, match=r"reviews\.csv"):
        unseen(make_classifier(), corpus, Path("reviews.csv"))
