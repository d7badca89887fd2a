"""Turn texts into TF-IDF weights of the character n-grams of their words."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from model_store.model.blocks.token_blocks import TokenBlock, TokenTable
from model_store.model.blocks.words import tokens, words

SIZES = (3, 4, 5)
"""Characters of an n-gram. A space marks the ends of a word, so short words are n-grams, too."""
MAX_NGRAMS = 5000
MIN_TEXTS = 2
"""Texts that an n-gram occurs in; those of a single text cannot tell anything of others."""
_COUNTED = 1024


class Ngrams(TokenBlock):
    """A vocabulary of character n-grams with their inverse document frequencies.

    >>> ngrams = Ngrams.fit(["a cat", "the cat", "the dog"])
    >>> ngrams.vocabulary
    (' ca', ' cat', ' cat ', ' th', ' the', ' the ', 'at ', 'cat', 'cat ', 'he ', 'the', 'the ')
    """

    def __init__(
        self, vocabulary: Sequence[str], idf: Sequence[float], *, max_tokens: int = 1024
    ) -> None:
        """Raise ValueError if an n-gram occurs twice, or has no weight that is a finite number."""
        if len(set(vocabulary)) != len(idf):
            raise ValueError(f"{len(set(vocabulary))} n-grams do not match {len(idf)} weights")
        if not np.isfinite(idf).all():
            raise ValueError("a weight is not a finite number")
        self.vocabulary = tuple(vocabulary)
        self.idf = np.array(idf, dtype=np.float64)
        self.max_tokens = max_tokens
        self._weights = self.idf.astype(np.float32)
        self._ids = {ngram: index for index, ngram in enumerate(self.vocabulary)}
        self._table = TokenTable(self._lookup)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle without the table of tokens."""
        return _restored, (self.vocabulary, self.idf.tolist(), self.max_tokens)

    @classmethod
    def fit(cls, texts: Sequence[str], *, max_tokens: int = 1024) -> Self:
        """Return the n-grams of at least two texts, at most 5,000: the most frequent ones."""
        counts: Counter[str] = Counter()
        for text in texts:
            distinct = {word for token in set(tokens(text, max_tokens)) for word in words(token)}
            counts.update({ngram for word in distinct for ngram in _ngrams(word)})
        frequent = sorted(
            (item for item in counts.items() if item[1] >= MIN_TEXTS),
            key=lambda item: (-item[1], item[0]),
        )
        chosen = sorted(frequent[:MAX_NGRAMS])
        idf = [float(np.log((1 + len(texts)) / (1 + count)) + 1) for _, count in chosen]
        return cls([ngram for ngram, _ in chosen], idf, max_tokens=max_tokens)

    @property
    def width(self) -> int:
        """The number of features: that of n-grams."""
        return len(self.vocabulary)

    def of_tokens(self, texts: Sequence[Sequence[str]]) -> Tensor:
        """Return (texts, features): (1 + log of the count) * idf, scaled to length 1."""
        ids, lengths = self._table(texts)
        cells = np.repeat(np.arange(len(texts)) * self.width, lengths) + ids
        counts = np.bincount(cells, minlength=len(texts) * self.width)
        # Most n-grams do not occur in a text.
        found = np.flatnonzero(counts > 0)
        values = np.zeros(counts.shape, dtype=np.float32)
        weights = _WEIGHTS[np.minimum(counts[found], _COUNTED)] * self._weights[found % self.width]
        rows = found // self.width
        squares = np.bincount(rows, weights.astype(np.float64) ** 2, minlength=len(texts))
        values[found] = weights / np.sqrt(squares)[rows]
        return torch.from_numpy(values.reshape(len(texts), self.width))

    def ids_of(self, word: str) -> list[int]:
        """Return the ids of the n-grams of a word."""
        ids = self._ids
        return [ids[ngram] for ngram in _ngrams(word) if ngram in ids]

    def shares(self, ids: NDArray[np.int64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return what each n-gram adds to a weighted sum of the features.

        Equal n-grams share the weight of their count.
        """
        distinct, places, counts = np.unique(ids, return_inverse=True, return_counts=True)
        values = _WEIGHTS[np.minimum(counts, _COUNTED)] * self.idf[distinct]
        values /= np.sqrt((values**2).sum())
        return np.asarray((values * weights[distinct] / counts)[places])

    def _lookup(self, token: str) -> list[int]:
        return [ngram for word in words(token) for ngram in self.ids_of(word)]


_WEIGHTS = np.append(0.0, 1 + np.log(np.arange(1, _COUNTED + 1))).astype(np.float32)
"""1 + log of each count; counts beyond the last one weigh as much as it."""


def _restored(vocabulary: Sequence[str], idf: Sequence[float], max_tokens: int) -> Ngrams:
    return Ngrams(vocabulary, idf, max_tokens=max_tokens)


def _ngrams(word: str) -> Iterable[str]:
    """Yield the n-grams of a word between spaces.

    >>> list(_ngrams("an"))
    [' an', 'an ', ' an ']
    """
    padded = f" {word} "
    for size in SIZES:
        for start in range(len(padded) - size + 1):
            yield padded[start : start + size]
