"""Text in, features out: tokenizer, vocabulary and the network up to its last layer."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from model_store.inference import Features, features_of
from model_store.network import SentimentCNN
from model_store.tokenizer import tokenize
from model_store.vocabulary import Vocabulary


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

    def __call__(self, texts: Sequence[str]) -> Tensor:
        """(texts, features) of texts, in their order. Any string is allowed, the empty one too."""
        return self.features([self.encode(text) for text in texts])
