"""Text in, label and probabilities out: tokenizer, vocabulary and network together."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from model_store.inference import Forward, forward_of
from model_store.network import SentimentCNN
from model_store.tokenizer import tokenize
from model_store.types import Classification
from model_store.vocabulary import Vocabulary


class Classifier:
    """A trained network with everything it needs to classify text.

    The same text always gets the same answer: the network is used as it is now, in evaluation
    mode, through `forward` if one is given.
    """

    def __init__(
        self,
        network: SentimentCNN,
        vocabulary: Vocabulary,
        labels: Sequence[str],
        *,
        max_tokens: int,
        temperature: float = 1.0,
        forward: Forward | None = None,
    ) -> None:
        self.network = network
        self.vocabulary = vocabulary
        self.labels = tuple(labels)
        self.max_tokens = max_tokens
        self.temperature = temperature
        self._forward = forward or forward_of(network)

    def encode(self, text: str) -> NDArray[np.int32]:
        """(tokens,) token ids of a text, cut at `max_tokens`; none for a text without a token."""
        return self.vocabulary.encode(tokenize(text, self.max_tokens))

    def classify_encoded(self, sequences: Sequence[NDArray[np.int32]]) -> list[Classification]:
        """Classify texts that `encode` prepared, in their order."""
        logits = self._forward(sequences).double()
        rows = torch.softmax(logits / self.temperature, dim=1).tolist()
        return [self._classification(row) for row in rows]

    def classify(self, texts: Sequence[str]) -> list[Classification]:
        """Classify texts, in their order. Any string is allowed, the empty one too."""
        return self.classify_encoded([self.encode(text) for text in texts])

    def _classification(self, row: list[float]) -> Classification:
        best = max(range(len(row)), key=row.__getitem__)
        return Classification(
            label=self.labels[best],
            score=row[best],
            probabilities=dict(zip(self.labels, row, strict=True)),
        )
