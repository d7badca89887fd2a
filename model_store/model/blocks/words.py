"""Split texts into words and punctuation marks, for the static embedding and the n-grams.

In two steps: what a token between blanks consists of need not be found out again for each text.
"""

import re
import unicodedata
from abc import ABC, abstractmethod
from array import array
from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from threading import Lock
from typing import cast

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from model_store.model.stages import Work

_CHARACTERS_PER_TOKEN = 16
_LONGEST_TOKEN = 200
"""Characters of a token: tables of tokens stay small."""
_KEPT_TOKENS = 65_536
# Signs of Chinese and Japanese are words of their own, as for BERT's tokenizer.
_WORD = re.compile(
    r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]|[^\W_\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]+|[^\w\s]|_"
)


def tokens(text: str, limit: int) -> list[str]:
    """Return the first `limit` runs of characters between blanks, in lower case.

    >>> tokens("It's a café_bar!", 100)
    ["it's", 'a', 'café_bar!']
    """
    found = text[: limit * _CHARACTERS_PER_TOKEN].lower().split()[:limit]
    if max(map(len, found), default=0) > _LONGEST_TOKEN:
        return [token[:_LONGEST_TOKEN] for token in found]
    return found


def words(token: str) -> list[str]:
    """Return the words and punctuation marks of a token, without accents.

    >>> words("it's"), words("café_bar!")
    (['it', "'", 's'], ['cafe', '_', 'bar', '!'])
    """
    if not token.isascii():
        decomposed = unicodedata.normalize("NFD", token)
        token = "".join(sign for sign in decomposed if unicodedata.category(sign) != "Mn")
    return _WORD.findall(token)


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


class TokenTable:
    """The ids of each token, such as those of its word pieces; found out once for a token.

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
            rows = np.fromiter(self._rows_of(flat), np.int64, len(flat))
            begins = np.frombuffer(self._begins, np.int64)
            starts, lengths = begins[rows], begins[rows + 1] - begins[rows]
            ends = np.cumsum(np.append(0, lengths))
            shifts = np.repeat(starts - ends[:-1], lengths)
            ids = np.frombuffer(self._ids, np.int32)[np.arange(ends[-1]) + shifts]
        bounds = np.cumsum([0, *map(len, texts)])
        return ids, np.diff(ends[bounds])

    def _rows_of(self, tokens: Sequence[str]) -> Iterable[int]:
        found = list(map(self._rows.get, tokens))
        if None not in found:
            return cast(list[int], found)
        if len(self._rows) > _KEPT_TOKENS:
            self._clear()
        for token in set(tokens).difference(self._rows):
            self._rows[token] = len(self._rows)
            self._ids.extend(self._ids_of(token))
            self._begins.append(len(self._ids))
        return map(self._rows.__getitem__, tokens)

    def _clear(self) -> None:
        self._rows: dict[str, int] = {}
        self._ids = array("i")
        self._begins = array("q", [0])
