"""Turn texts into static sentence embeddings: means of the vectors of their word pieces.

Does not make the vectors; see `pretraining/embedding.py`.
"""

import hashlib
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from model_store.model.blocks.token_blocks import TokenBlock, TokenTable
from model_store.model.blocks.words import words

OPENING_PIECES = 3
"""Word pieces in the opening of a text: "how many", "please cancel my"."""
_CONTINUED = "##"
_LONGEST_WORD = 100
_SHORTEST = 1e-9
"""A sum of vectors that is shorter is zero but for rounding."""


class StaticEmbedding(TokenBlock):
    """Word pieces with a vector each.

    A word is split greedily into the longest known pieces, as by WordPiece (Schuster and Nakajima,
    2012); pieces that continue a word begin with `##`. Words that cannot be split are left out.

    >>> embedding = StaticEmbedding(["play", "##ing"], torch.tensor([[1.0, 0.0], [0.0, 1.0]]))
    >>> embedding.pieces_of("playing"), embedding.pieces_of("chess")
    ([0, 1], [])
    """

    def __init__(self, pieces: Sequence[str], vectors: Tensor, *, max_tokens: int = 1024) -> None:
        """vectors: (pieces, dimensions). Raises ValueError if a piece occurs twice or has none."""
        if len(set(pieces)) != len(vectors):
            raise ValueError(f"{len(set(pieces))} pieces do not match {len(vectors)} vectors")
        self.pieces = tuple(pieces)
        self.vectors = vectors.float()
        self.max_tokens = max_tokens
        self._ids = {piece: index for index, piece in enumerate(pieces)}
        self._table = TokenTable(self.pieces_of)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the vectors as a numpy array: Ray's processes share one copy of it."""
        return _from_array, (self.pieces, self.vectors.numpy(), self.max_tokens)

    @property
    def version(self) -> str:
        """16 hex digits that are equal for equal vectors."""
        content = self.vectors.half().numpy().tobytes()
        return hashlib.sha256(content).hexdigest()[:16]

    @property
    def width(self) -> int:
        """The number of features: the dimensions of a text and of its opening."""
        return 2 * int(self.vectors.shape[1])

    @torch.inference_mode()
    def of_tokens(self, texts: Sequence[Sequence[str]]) -> Tensor:
        """Return (texts, features): the mean vector of all pieces, and that of the opening.

        Both have length 1, or 0 if the text has no known piece.
        """
        ids, lengths = self._table(texts)
        starts = np.cumsum(lengths) - lengths
        places = np.arange(OPENING_PIECES)
        in_opening = places < lengths[:, None]
        openings = ids[(starts[:, None] + places)[in_opening]]
        of_openings = in_opening.sum(axis=1)
        means = [self._means(ids, lengths), self._means(openings, of_openings)]
        return torch.cat(means, dim=1)

    def pieces_of(self, token: str) -> list[int]:
        """Return the ids of the pieces of a token."""
        return [piece for word in words(token) for piece in self.ids_of(word)]

    def shares(self, ids: NDArray[np.int64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return what each piece adds to a weighted sum of the features.

        The mean of the vectors is divided by its length, which all pieces share.
        """
        of_means, of_openings = np.split(weights, 2)
        result = self._parts_of_mean(ids, of_means)
        result[:OPENING_PIECES] += self._parts_of_mean(ids[:OPENING_PIECES], of_openings)
        return result

    def _parts_of_mean(
        self, ids: NDArray[np.int64], weights: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        vectors = self.vectors.numpy()[ids].astype(np.float64)
        length = float(np.linalg.norm(vectors.sum(axis=0)))
        return np.asarray(vectors @ weights / max(length, _SHORTEST))

    def _means(self, ids: NDArray[np.int32], lengths: NDArray[np.int64]) -> Tensor:
        starts = torch.from_numpy((np.cumsum(lengths) - lengths).astype(np.int32))
        flat = torch.from_numpy(ids)
        means = functional.embedding_bag(flat, self.vectors, starts, mode="mean")
        return functional.normalize(means)

    def ids_of(self, word: str) -> list[int]:
        """Return the ids of the pieces of a word."""
        if len(word) > _LONGEST_WORD:
            return []
        found: list[int] = []
        start = 0
        while start < len(word):
            prefix = _CONTINUED if start else ""
            for end in range(len(word), start, -1):
                if (piece := self._ids.get(prefix + word[start:end])) is not None:
                    break
            else:
                return []
            found.append(piece)
            start = end
        return found


def _from_array(
    pieces: Sequence[str], vectors: NDArray[np.float32], max_tokens: int
) -> StaticEmbedding:
    # torch warns that the array is read-only; nothing writes to it.
    with warnings.catch_warnings(action="ignore"):
        return StaticEmbedding(pieces, torch.from_numpy(vectors), max_tokens=max_tokens)
