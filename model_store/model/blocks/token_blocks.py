"""Feature blocks that read the tokens of texts, and what each token stands for in a block."""

from abc import ABC, abstractmethod
from array import array
from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from threading import Lock

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from model_store.model.blocks.words import tokens, word_spans
from model_store.model.evidence import Contributions
from model_store.model.stages import Work

_KEPT_TOKENS = 65_536
"""A table of more tokens is begun anew."""


class TokenBlock(ABC):
    """A feature block that reads the tokens of texts; several can read the same ones."""

    max_tokens: int
    """Maximum number of tokens that the block reads of a text."""

    def __call__(self, texts: Sequence[str], _work: Work | None = None) -> Tensor:
        """Return (texts, features)."""
        return self.of_tokens(self.split(texts))

    def split(self, texts: Sequence[str]) -> list[list[str]]:
        """Return the tokens of each text, as many as the block reads."""
        return [tokens(text, self.max_tokens) for text in texts]

    @abstractmethod
    def of_tokens(self, texts: Sequence[Sequence[str]]) -> Tensor:
        """Return (texts, features) for the tokens of each text."""

    def contributions(
        self, texts: Sequence[str], weights: NDArray[np.float64]
    ) -> list[Contributions]:
        """Return what the words of each text add to a weighted sum; weights: (texts, features)."""
        return [self._contributions(*pair) for pair in zip(texts, weights, strict=True)]

    def _contributions(self, text: str, weights: NDArray[np.float64]) -> Contributions:
        spans = list(word_spans(text, self.max_tokens))
        ids = [self.ids_of(word) for word, _, _ in spans]
        owners = np.repeat(np.arange(len(spans)), list(map(len, ids)))
        flat = np.fromiter(chain.from_iterable(ids), np.int64)
        parts = self.shares(flat, weights) if len(flat) else np.zeros(0)
        values = np.bincount(owners, parts, len(spans)).astype(np.float64)
        starts = np.array([start for _, start, _ in spans], np.int64)
        ends = np.array([end for _, _, end in spans], np.int64)
        return Contributions(starts, ends, values)

    @abstractmethod
    def ids_of(self, word: str) -> Sequence[int]:
        """Return the ids of what a word stands for."""

    @abstractmethod
    def shares(self, ids: NDArray[np.int64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return (ids,) what each id of a text adds to `weights @ features`; at least one id."""


class TokenTable:
    """The ids of each token, such as those of its word pieces; found out once for a token.

    Threads can share a table.

    >>> table = TokenTable(lambda token: [len(token)] * 2)
    >>> ids, lengths = table([["a", "cat"], [], ["a"]])
    >>> ids.tolist(), lengths.tolist()
    ([1, 1, 3, 3, 1, 1], [4, 0, 2])
    """

    def __init__(self, ids_of: Callable[[str], Iterable[int]]) -> None:
        """ids_of: return the ids of a token."""
        self._ids_of = ids_of
        self._lock = Lock()
        self._clear()

    def __call__(
        self, texts: Sequence[Sequence[str]]
    ) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """Return the ids of all tokens of all texts, and (texts,) how many ids each text has."""
        flat = list(chain.from_iterable(texts))
        with self._lock:
            ids, ends = self._gather(flat)
        bounds = np.cumsum([0, *map(len, texts)])
        return ids, np.diff(ends[bounds])

    def _gather(self, tokens: Sequence[str]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """Return the ids of all tokens, and (tokens + 1,) where those of each one begin and end.

        In a method of its own: an array cannot grow while a view of it is left.
        """
        found = list(map(self._rows.get, tokens))
        if None in found:
            self._add(tokens)
            found = list(map(self._rows.get, tokens))
        rows = np.array(found, dtype=np.int64)
        begins = np.frombuffer(self._begins, np.int64)
        starts, lengths = begins[rows], begins[rows + 1] - begins[rows]
        ends = np.cumsum(np.append(0, lengths))
        shifts = np.repeat(starts - ends[:-1], lengths)
        return np.frombuffer(self._ids, np.int32)[np.arange(ends[-1]) + shifts], ends

    def _add(self, tokens: Sequence[str]) -> None:
        if len(self._rows) > _KEPT_TOKENS:
            self._clear()
        for token in set(tokens).difference(self._rows):
            self._ids.extend(self._ids_of(token))
            self._begins.append(len(self._ids))
            self._rows[token] = len(self._begins) - 2

    def _clear(self) -> None:
        self._rows: dict[str, int] = {}
        self._ids = array("i")
        self._begins = array("q", [0])
