"""Evidence is exact: the weights of the words of a text sum to its log-odds."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from model_store.model import tokenizer
from model_store.model.blocks.concatenated import Block, Concatenated
from model_store.model.blocks.embedding import StaticEmbedding
from model_store.model.blocks.ngrams import Ngrams
from model_store.model.blocks.words import tokens, word_spans, words
from model_store.model.classification import Kind
from model_store.model.classifier import Classifier
from model_store.model.encoder import Encoder
from model_store.model.evidence import Contributions, Evidence
from model_store.model.head import Head
from model_store.model.inference import padded_features
from model_store.model.network import NetworkConfig, SentimentCNN
from model_store.model.offsets import utf16_offset
from model_store.model.origin import Origin, Strangeness
from model_store.model.tokenizer import token_spans, tokenize
from model_store.model.vocabulary import Vocabulary
from tests.evidence import check

WORDS = ("good", "bad", "film", "not", "café", "!", "'", "the")
TEXTS = st.lists(
    st.sampled_from(
        [*WORDS, "unknown", "x" * 300, '"', "<br />", "İ", "Σ", "👍", "\r\n", "e\u0301"]
    )
).map(" ".join)
ANY_TEXT = st.text(st.one_of(st.sampled_from("'\".,!;<br />aB \nİΣé"), st.characters()))
MAX_TOKENS = 40


@pytest.fixture(scope="module")
def blocks() -> Mapping[str, Block]:
    torch.manual_seed(1)
    vocabulary = Vocabulary(["<unk>", "<pad>", *WORDS])
    network = SentimentCNN(NetworkConfig(len(vocabulary), 8, 6, (2, 3, 5)))
    with torch.no_grad():
        for conv in network.convolutions():
            assert conv.bias is not None
            conv.bias.normal_()
    strangeness = Strangeness(torch.randn(len(vocabulary)))
    pieces = ["go", "##od", "bad", "film", "not", "cafe", "!", "the"]
    return {
        "network": Encoder(network, vocabulary, max_tokens=MAX_TOKENS, strangeness=strangeness),
        "embedding": StaticEmbedding(pieces, torch.randn(8, 5), max_tokens=MAX_TOKENS),
        "ngrams": Ngrams(["goo", " ba", "film", "bad", " no"], [1.0, 2.0, 1.5, 3.0, 0.5]),
    }


def head_of(width: int, kind: Kind, labels: int, **more: Any) -> Head:
    generator = torch.Generator().manual_seed(labels)
    weight = torch.randn(labels, width, generator=generator)
    bias = torch.randn(labels, generator=generator)
    thresholds = tuple([0.4] * labels) if kind == "multiple" else None
    names = tuple(f"label {index}" for index in range(labels))
    return Head(names, weight, bias, 1.7, kind, thresholds, **more)


@pytest.mark.parametrize("kind", ["single", "multiple", "rating"])
@pytest.mark.parametrize("labels", [2, 5])
@pytest.mark.parametrize(
    "names",
    [["network"], ["embedding"], ["ngrams"], ["network", "embedding", "ngrams"]],
    ids=" + ".join,
)
@settings(max_examples=25)
@given(text=TEXTS)
def test_the_weights_of_all_tokens_sum_to_the_log_odds(
    blocks: Mapping[str, Block], names: Sequence[str], labels: int, kind: Kind, text: str
) -> None:
    encoder = Concatenated({name: blocks[name] for name in names})
    head = head_of(sum(encoder.widths.values()), kind, labels)
    (found,) = Classifier(encoder, head).classify([text], with_evidence=True)
    check(found, text)


@settings(max_examples=50)
@given(text=TEXTS)
def test_evidence_is_calibrated_like_the_score(blocks: Mapping[str, Block], text: str) -> None:
    network = blocks["network"]
    assert isinstance(network, Encoder)
    origin = Origin((1, 20), (5.0, 0.5), (0.0, 1.0))
    classifier = Classifier(network, head_of(network.width, "single", 3, origin=origin))
    with_evidence, without = (
        classifier.classify([text], with_evidence=True),
        classifier.classify([text]),
    )
    check(with_evidence[0], text)
    assert with_evidence[0].probabilities == without[0].probabilities
    assert without[0].evidence is None


@settings(max_examples=25)
@given(text=TEXTS)
def test_a_network_that_is_not_compiled_gives_the_same(
    blocks: Mapping[str, Block], text: str
) -> None:
    compiled = blocks["network"]
    assert isinstance(compiled, Encoder)
    plain = Encoder(
        compiled.network,
        compiled.vocabulary,
        max_tokens=MAX_TOKENS,
        features=lambda texts: padded_features(compiled.network, texts),
    )
    weights = np.random.default_rng(0).normal(size=(2, compiled.width))
    ones, others = (each.contributions([text, "film"], weights) for each in (compiled, plain))
    one, other = ones[0], others[0]
    assert one.values == pytest.approx(other.values, abs=1e-4)
    assert one.rest == pytest.approx(other.rest, abs=1e-4)


@given(ANY_TEXT, st.integers(1, 12), st.integers(1, 8))
def test_token_spans_are_those_of_the_tokens(text: str, limit: int, characters: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tokenizer, "_CHARACTERS_PER_TOKEN", characters)
        for most in (None, limit):
            starts, ends = token_spans(text, most)
            named = [text[start:end] for start, end in zip(starts, ends, strict=True)]
            expected = tokenize(text, most)
            assert len(named) == len(expected)
            for name, token in zip(named, expected, strict=True):
                # Of a letter that becomes two in lower case, a mark can follow; and a final sigma
                # depends on its neighbours.
                assert token.replace("ς", "σ") in name.lower().replace('"', "").replace("ς", "σ")


def test_no_blank_lies_beyond_the_table() -> None:
    blanks = [code for code in range(0x110000) if chr(code).isspace()]
    assert max(blanks) == tokenizer._LAST_BLANK


@given(ANY_TEXT, st.integers(1, 12))
def test_word_spans_are_those_of_the_words(text: str, limit: int) -> None:
    found = list(word_spans(text, limit))
    assert [word for word, _, _ in found] == [
        word for token in tokens(text, limit) for word in words(token)
    ]
    assert all(0 <= start < end <= len(text) for _, start, end in found)


def evidence_of(*values: float) -> Evidence:
    starts = np.arange(len(values)) * 2
    return Evidence("a", "b", 0.0, Contributions(starts, starts + 1, np.array(values)))


def test_neighbours_of_one_sign_are_one_span() -> None:
    found = evidence_of(3.0, 2.0, 0.1, -4.0, -0.1, 2.5).spans()
    assert found == [(0, 3, 5.0), (6, 7, -4.0), (10, 11, 2.5)]


def test_the_spans_with_the_greatest_weights_are_kept_in_their_order() -> None:
    found = evidence_of(3.0, 0.0, -5.0, 0.0, 4.0).spans(2)
    assert found == [(4, 5, -5.0), (8, 9, 4.0)]


@pytest.mark.parametrize("values", [(), (0.0,), (0.0, 0.0, 0.0)])
def test_without_a_weight_there_is_no_span(values: Sequence[float]) -> None:
    evidence = evidence_of(*values)
    assert evidence.spans() == []
    assert evidence.share(0.0) == 0.0


def test_a_browser_counts_an_emoji_as_two() -> None:
    text = "👍 é good"
    assert [utf16_offset(text, index) for index in (0, 1, 4)] == [0, 2, 5]
    assert text.encode("utf-16-le")[2 * 5 :].decode("utf-16-le") == text[4:]


def test_a_model_that_cannot_tell_has_no_evidence() -> None:
    class Opaque:
        max_tokens = 1

        def __call__(self, texts: Sequence[str], _: Any = None) -> Tensor:
            return torch.zeros(len(texts), 1)

        def read(self, texts: Sequence[str], _: Any = None) -> tuple[Tensor, None]:
            return self(texts), None

        def contributions(self, _texts: Sequence[str], _weights: object) -> None:
            return None

    (found,) = Classifier(Opaque(), head_of(1, "single", 2)).classify(["a"], with_evidence=True)
    assert found.evidence is None
