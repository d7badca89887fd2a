"""What a head knows of the texts it was fitted to: how sure to be of short ones, what is foreign.

The network itself cannot know: the maximum over a text of five words and over one of five hundred
are numbers of the same kind, and so are those over words that it has never learned anything about.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from model_store.model.vocabulary import UNKNOWN_ID

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Traits:
    """Facts about texts that are not features; each array is (texts,)."""

    known: NDArray[np.int64]
    """The number of tokens that are in the vocabulary."""
    strangeness: Floats
    """See `Strangeness`."""

    def __getitem__(self, rows: Sequence[int]) -> "Traits":
        """Return those of some of the texts."""
        return Traits(self.known[rows], self.strangeness[rows])


@dataclass(frozen=True)
class Origin:
    """How temperature depends on length, and how strange the texts of the origin are.

    >>> origin = Origin((1, 100), (4.0, 1.0), (0.0, 1.0, 2.0))
    >>> origin.factors(np.array([0, 1, 10, 100, 500])).tolist()
    [inf, 4.0, 2.0, 1.0, 1.0]
    >>> origin.distances(np.array([-1.0, 0.5, 1.0, 9.0])).tolist()
    [0.0, 0.25, 0.5, 1.0]
    """

    known_tokens: tuple[int, ...]
    """Lengths in known tokens, rising, from 1 on."""
    temperature_factors: tuple[float, ...]
    """What the temperature is multiplied by at these lengths. Between them the logarithm of the
    factor is linear in that of the length."""
    strangeness: tuple[float, ...]
    """Quantiles of the strangeness of passages of the texts of the origin, at equal steps."""

    def factors(self, known: NDArray[np.int64]) -> Floats:
        """Return the factor of the temperature for each text; infinite without a known token."""
        lengths, factors = np.log(self.known_tokens), np.log(self.temperature_factors)
        found = np.exp(np.interp(np.log(np.maximum(known, 1)), lengths, factors))
        return np.asarray(np.where(known > 0, found, np.inf))

    def distances(self, strangeness: Floats) -> Floats:
        """Return how far each text is from the origin: the share of passages there less strange."""
        shares = np.linspace(0.0, 1.0, len(self.strangeness))
        return np.asarray(np.interp(strangeness, self.strangeness, shares))


class Strangeness:
    """How much more a text reads like English of any kind than like what a model learned from.

    It is the mean over tokens of the log-likelihood ratio of a unigram model of general English and
    one of the training texts, as in domain selection by cross-entropy difference (Moore and Lewis,
    2010). Of a text without tokens it is that of an unknown token.

    of_tokens: (vocabulary,), finite.
    """

    def __init__(self, of_tokens: Tensor) -> None:
        self.of_tokens = of_tokens
        self._table = of_tokens.double().numpy()

    def traits(self, sequences: Sequence[NDArray[np.int32]]) -> Traits:
        """Return the traits of texts by their token ids."""
        lengths = np.array([len(ids) for ids in sequences], dtype=np.int64)
        ids = np.concatenate(sequences) if len(sequences) else np.empty(0, np.int32)
        texts = np.repeat(np.arange(len(lengths)), lengths)
        unknown = np.bincount(texts[ids == UNKNOWN_ID], minlength=len(lengths))
        sums = np.bincount(texts, self._table[ids], minlength=len(lengths))
        means = np.where(lengths > 0, sums / np.maximum(lengths, 1), self._table[UNKNOWN_ID])
        return Traits(lengths - unknown, means)
