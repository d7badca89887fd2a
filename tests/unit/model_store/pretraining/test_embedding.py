"""The static embedding is distilled from what a transformer says of sentences."""

from collections.abc import Iterator, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from model_store.pretraining.embedding import Contexts, distil, embedding_of, isolated_vectors

PIECES = ("[PAD]", "[CLS]", "[SEP]", "cat", "dog", "tax", "rate", "the")


class SmallTransformer:
    """Stands for a sentence transformer: a vector for each piece, plus some of its neighbours."""

    def __init__(self) -> None:
        generator = torch.Generator().manual_seed(0)
        self.table = torch.randn(len(PIECES), 6, generator=generator)
        self.table[4] = self.table[3] + 0.1
        ids = {piece: place for place, piece in enumerate(PIECES)}
        self.tokenizer = SimpleNamespace(get_vocab=lambda: ids, get_vocab_size=lambda: len(ids))
        self._ids = ids

    def ids_of(self, texts: Sequence[str]) -> list[list[int]]:
        return [[1, *(self._ids.get(word, 3) for word in text.split()), 2] for text in texts]

    def hidden(self, sequences: Sequence[Sequence[int]]) -> Iterator[tuple[int, Tensor]]:
        for index, sequence in enumerate(sequences):
            layer = self.table[list(sequence)]
            yield index, layer + 0.2 * layer.mean(dim=0)


@pytest.fixture
def transformer() -> Any:
    return SmallTransformer()


def test_pieces_that_the_transformer_finds_alike_get_vectors_that_are_alike(
    transformer: Any,
) -> None:
    texts = ["the cat", "the dog", "the tax rate", "cat dog", "tax the rate", "", "rate"] * 5
    contexts = Contexts.read(transformer, texts)
    vectors = distil(contexts, isolated_vectors(transformer), dimensions=3)
    embedding = embedding_of(transformer, vectors)
    assert embedding.pieces == PIECES[3:]
    assert embedding.vectors.shape == (5, 3)
    cat, dog, tax = embedding(["cat", "dog", "tax"])[:, :3]
    assert cat @ dog > 0.9
    assert cat @ dog > cat @ tax


def test_occurrences_of_all_texts_are_counted(transformer: Any) -> None:
    contexts = Contexts.read(transformer, ["the cat"] * 1500)
    assert contexts.counts.tolist() == [0, 1500, 1500, 1500, 0, 0, 0, 1500]
    assert len(np.concatenate(contexts.sentences)) == 1500


def test_no_texts_are_refused(transformer: Any) -> None:
    with pytest.raises(ValueError, match="no texts"):
        Contexts.read(transformer, [])
