"""Feature blocks describe a text on its own, whatever the text is and whoever reads it with it."""

import pickle

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from model_store.model.blocks.concatenated import Concatenated
from model_store.model.blocks.embedding import OPENING_PIECES, StaticEmbedding
from model_store.model.blocks.ngrams import MAX_NGRAMS, Ngrams
from model_store.model.blocks.token_blocks import TokenTable
from model_store.model.blocks.words import tokens, words
from model_store.model.stages import Work
from tests.conftest import ClassifierFactory

PIECES = ("how", "many", "film", "##s", "are", "good", "!", "中")
TEXTS = ["How many films are good!", "films", "", "unknown 中文", "good good good good how many"]


@pytest.fixture
def embedding() -> StaticEmbedding:
    vectors = torch.randn(len(PIECES), 4, generator=torch.Generator().manual_seed(0))
    return StaticEmbedding(PIECES, vectors)


@pytest.fixture
def ngrams() -> Ngrams:
    return Ngrams.fit([*TEXTS, *TEXTS])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Don't STOP", ["don", "'", "t", "stop"]),
        ("Crème brûlée", ["creme", "brulee"]),
        ("snake_case", ["snake", "_", "case"]),
        ("好电影", ["好", "电", "影"]),
        ("sad😔", ["sad", "😔"]),
        (" \n\t", []),
    ],
)
def test_a_text_is_split_into_words_and_marks(text: str, expected: list[str]) -> None:
    assert [word for token in tokens(text, 100) for word in words(token)] == expected


def test_tokens_beyond_the_limit_are_not_read() -> None:
    assert tokens("one two three", 2) == ["one", "two"]
    assert len(tokens("a " * 1_000_000, 10)) == 10
    assert max(map(len, tokens(f"a {'b' * 10_000} c", 1000))) == 200


def test_a_word_is_split_into_the_longest_pieces(embedding: StaticEmbedding) -> None:
    assert [PIECES[piece] for piece in embedding.pieces_of("films")] == ["film", "##s"]
    assert not len(embedding.pieces_of("filmy"))
    assert not len(embedding.pieces_of("film" * 1000))


def test_the_embedding_is_the_mean_of_all_pieces_and_that_of_the_first_three(
    embedding: StaticEmbedding,
) -> None:
    (row,) = embedding(["How many good films"])
    ids = [PIECES.index(piece) for piece in ("how", "many", "good", "film", "##s")]
    for half, chosen in ((row[:4], ids), (row[4:], ids[:OPENING_PIECES])):
        mean = embedding.vectors[chosen].mean(dim=0)
        torch.testing.assert_close(half, mean / mean.norm())


def test_a_text_without_known_pieces_has_no_embedding(embedding: StaticEmbedding) -> None:
    assert not embedding(["", "zzz"]).any()
    assert embedding([]).shape == (0, embedding.width)


def test_an_ngram_of_a_single_text_is_left_out() -> None:
    ngrams = Ngrams.fit(["cat dog", "cat bird"])
    assert " cat " in ngrams.vocabulary
    assert not any("dog" in ngram for ngram in ngrams.vocabulary)


def test_the_most_frequent_ngrams_are_kept() -> None:
    rng = np.random.default_rng(0)
    rare = ["".join(rng.choice(list("abcdefghij"), 9)) for _ in range(900)]
    ngrams = Ngrams.fit([f"xyz {word}" for word in rare for _ in range(2)])
    assert ngrams.width == MAX_NGRAMS
    assert "xyz" in ngrams.vocabulary


def test_ngrams_weigh_repeated_ones_by_the_logarithm_and_have_length_one() -> None:
    ngrams = Ngrams(["cat", "dog"], [1.0, 2.0])
    (row,) = ngrams(["cat cat dog"])
    expected = torch.tensor([1 + np.log(2), 2.0])
    torch.testing.assert_close(row, (expected / expected.norm()).float())
    assert not ngrams(["bird", ""]).any()
    assert ngrams([]).shape == (0, 2)


@settings(max_examples=30, deadline=None)
@given(texts=st.lists(st.text(max_size=40), max_size=4), text=st.text(max_size=60))
def test_the_features_of_a_text_do_not_depend_on_the_texts_beside_it(
    texts: list[str], text: str
) -> None:
    vectors = torch.randn(len(PIECES), 4, generator=torch.Generator().manual_seed(0))
    embedding, ngrams = StaticEmbedding(PIECES, vectors), Ngrams.fit([*TEXTS, *TEXTS])
    for block in (embedding, ngrams):
        alone, together = block([text])[0], block([*texts, text])[-1]
        assert alone.isfinite().all()
        assert torch.allclose(alone, together)


def test_blocks_are_the_same_after_pickling(embedding: StaticEmbedding, ngrams: Ngrams) -> None:
    for block in (embedding, ngrams):
        again = pickle.loads(pickle.dumps(block))
        assert torch.equal(again(TEXTS), block(TEXTS))


def test_blocks_stand_side_by_side_and_the_first_counts_the_work(
    make_classifier: ClassifierFactory, embedding: StaticEmbedding, ngrams: Ngrams
) -> None:
    encoder = make_classifier().encoder
    joined = Concatenated({"encoder": encoder, "embedding": embedding, "ngrams": ngrams})  # type: ignore[dict-item]
    alone, together = Work(), Work()
    expected = [encoder(TEXTS, alone), embedding(TEXTS), ngrams(TEXTS)]
    assert torch.equal(joined(TEXTS, together), torch.cat(expected, dim=1))
    assert together.tokens == alone.tokens
    assert joined.widths == {"encoder": len(expected[0][0]), "embedding": 8, "ngrams": ngrams.width}


@pytest.mark.parametrize(
    ("vocabulary", "idf"), [(["cat", "cat"], [1.0, 1.0]), (["cat"], []), (["cat"], [np.nan])]
)
def test_ngrams_that_contradict_themselves_are_refused(
    vocabulary: list[str], idf: list[float]
) -> None:
    with pytest.raises(ValueError, match=r"n-grams|finite"):
        Ngrams(vocabulary, idf)


def test_pieces_without_vectors_are_refused() -> None:
    with pytest.raises(ValueError, match="2 pieces do not match 3 vectors"):
        StaticEmbedding(["a", "b"], torch.zeros(3, 4))


def test_a_thread_can_add_tokens_as_soon_as_another_one_releases_the_table() -> None:
    """A view of the table's arrays that was left would keep them from growing."""
    table = TokenTable(lambda token: [len(token)])
    found: list[list[int] | None] = []

    class Handover:
        """A lock, at whose first release another caller is already waiting."""

        def __enter__(self) -> None:
            pass

        def __exit__(self, *_: object) -> None:
            if not found:
                found.append(None)
                found[0] = table([["another", "one"]])[0].tolist()

    table._lock = Handover()  # type: ignore[assignment]
    assert table([["a", "cat"]])[0].tolist() == [1, 3]
    assert found == [[7, 3]]
