"""The evidence of the model that ships, on the reviews of the corpus."""

from pathlib import Path

import numpy as np
import pytest
import torch

from model_store.model.classifier import Classifier
from model_store.model.encoder import Encoder
from model_store.model.tokenizer import token_spans, tokenize
from model_store.pretraining.corpus import read
from tests.evidence import check


@pytest.mark.slow
def test_the_weights_sum_to_the_log_odds_on_five_thousand_reviews(
    shipped: Classifier, corpus: Path
) -> None:
    texts = read(corpus / "train.parquet").texts[:5000]
    for text, found in zip(texts, shipped.classify(texts, with_evidence=True), strict=True):
        check(found, text)


@pytest.mark.slow
def test_each_span_is_its_token_in_the_corpus(corpus: Path) -> None:
    for text in read(corpus / "train.parquet").texts:
        spans = zip(*token_spans(text), strict=True)
        assert [tokenize(text[start:end]) for start, end in spans] == [
            [token] for token in tokenize(text)
        ]


@pytest.mark.parametrize("words", range(12))
def test_texts_of_every_length_sum_up(shipped: Classifier, words: int) -> None:
    text = " ".join(["A", "film", "that", "is", "not", "bad"] * 2)[: 4 * words]
    (found,) = shipped.classify([text], with_evidence=True)
    check(found, text)


def test_the_word_that_decides_weighs_most(shipped: Classifier) -> None:
    text = "👍 <br />The plot is a dreadful mess & nothing else."
    (found,) = shipped.classify([text], with_evidence=True)
    assert found.label == "Negative"
    assert found.evidence is not None
    heaviest = max(found.evidence.spans(), key=lambda span: span.weight)
    assert "dreadful" in text[heaviest.start : heaviest.end]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_a_gpu_gives_the_same_evidence(encoder: Encoder) -> None:
    text = "A dreadful mess, yet a wonderful cast."
    weights = np.random.default_rng(0).normal(size=(1, encoder.width))
    moved = Encoder(encoder.network.cuda(), encoder.vocabulary, max_tokens=encoder.max_tokens)
    (found,), (expected,) = (each.contributions([text], weights) for each in (moved, encoder))
    assert found.values == pytest.approx(expected.values, abs=1e-3)
