"""Turn texts into features: tokenizer, vocabulary, and the network up to its last layer."""

import time
from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from model_store.model.attribution import contributions_of
from model_store.model.evidence import Contributions
from model_store.model.inference import Features, features_of
from model_store.model.network import SentimentCNN
from model_store.model.origin import Strangeness, Traits
from model_store.model.stages import Work
from model_store.model.tokenizer import token_spans, tokenize
from model_store.model.vocabulary import Vocabulary


class TextEncoder(Protocol):
    """The encoder of a Classifier."""

    @property
    def max_tokens(self) -> int:
        """Maximum number of tokens that it reads of a text."""

    def __call__(self, texts: Sequence[str], work: Work | None = None, /) -> Tensor:
        """Return (texts, features) and add tokens and seconds to `work`."""

    def read(
        self, texts: Sequence[str], work: Work | None = None, /
    ) -> tuple[Tensor, Traits | None]:
        """Return the features as a call does, and the traits of the texts if it knows them."""

    def contributions(
        self, texts: Sequence[str], weights: NDArray[np.float64], /
    ) -> Sequence[Contributions] | None:
        """Return what the tokens of each text add to a weighted sum of its features.

        weights: (texts, features). None if the encoder cannot tell.
        """


class Encoder:
    """The encoder of a SentimentCNN.

    Equal texts get equal features: the network is in evaluation mode. `features` replaces the
    way they are computed; by default it is the fastest one for the network's device.
    """

    def __init__(
        self,
        network: SentimentCNN,
        vocabulary: Vocabulary,
        *,
        max_tokens: int,
        features: Features | None = None,
        strangeness: Strangeness | None = None,
    ) -> None:
        self.network = network
        self.vocabulary = vocabulary
        self.max_tokens = max_tokens
        self.features = features or features_of(network)
        """Maps token ids of texts to (texts, features), on the CPU."""
        self.strangeness = strangeness
        """None if the network was trained by an earlier release."""

    @property
    def width(self) -> int:
        """The number of features."""
        return self.network.config.features

    def encode(self, text: str) -> NDArray[np.int32]:
        """Return (tokens,) token ids of a text, at most `max_tokens`; a text may have none."""
        return self.vocabulary.encode(tokenize(text, self.max_tokens))

    def __call__(self, texts: Sequence[str], work: Work | None = None) -> Tensor:
        """Return (texts, features). Every string is allowed, the empty one too.

        Tokens and seconds are added to `work`.
        """
        return self.features(self._sequences(texts, work))

    def read(self, texts: Sequence[str], work: Work | None = None) -> tuple[Tensor, Traits | None]:
        """Return the features as a call does, and the traits of the texts."""
        sequences = self._sequences(texts, work)
        return self.features(sequences), self._traits(sequences)

    def contributions(
        self, texts: Sequence[str], weights: NDArray[np.float64]
    ) -> list[Contributions]:
        """Return what the tokens of each text add to a weighted sum of its features.

        weights: (texts, features).
        """
        sequences = self._sequences(texts)
        found = contributions_of(self.network, self.features, sequences, weights)
        return [
            Contributions(*token_spans(text, self.max_tokens), values, rest)
            for text, (values, rest) in zip(texts, found, strict=True)
        ]

    def traits(self, texts: Sequence[str]) -> Traits | None:
        """Return the traits of the texts, without the network; None if they are not known."""
        return self._traits(self._sequences(texts))

    def _traits(self, sequences: Sequence[NDArray[np.int32]]) -> Traits | None:
        return self.strangeness.traits(sequences) if self.strangeness else None

    def _sequences(self, texts: Sequence[str], work: Work | None = None) -> list[NDArray[np.int32]]:
        start = time.perf_counter()
        sequences = [self.encode(text) for text in texts]
        if work is not None:
            work.seconds_tokenizing += time.perf_counter() - start
            work.tokens += sum(map(len, sequences))
        return sequences
