"""Text in, features out: tokenizer, vocabulary and the network up to its last layer."""

import time
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from model_store.model.inference import Features, features_of
from model_store.model.network import SentimentCNN
from model_store.model.stages import Work
from model_store.model.tokenizer import tokenize
from model_store.model.vocabulary import Vocabulary


class Encoder:
    """Everything that a text goes through before a head says what it is.

    The same text always gets the same features: the network is used as it is now, in evaluation
    mode, through `features` if that is given.
    """

    def __init__(
        self,
        network: SentimentCNN,
        vocabulary: Vocabulary,
        *,
        max_tokens: int,
        features: Features | None = None,
    ) -> None:
        self.network = network
        self.vocabulary = vocabulary
        self.max_tokens = max_tokens
        self.features = features or features_of(network)
        """Texts as token ids to (texts, features), on the CPU."""

    def encode(self, text: str) -> NDArray[np.int32]:
        """(tokens,) token ids of a text, cut at `max_tokens`; none for a text without a token."""
        return self.vocabulary.encode(tokenize(text, self.max_tokens))

    def __call__(self, texts: Sequence[str], work: Work | None = None) -> Tensor:
        """(texts, features) of texts, in their order. Any string is allowed, the empty one too.

        What there was to do is added to `work`.
        """
        start = time.perf_counter()
        sequences = [self.encode(text) for text in texts]
        if work is not None:
            work.seconds_tokenizing += time.perf_counter() - start
            work.tokens += sum(map(len, sequences))
        return self.features(sequences)
