"""Text in, label and probabilities out: tokenizer, vocabulary and network together."""

from collections.abc import Iterator, Sequence

import torch

from model_store.network import SentimentCNN, pad
from model_store.sparse import sparse_forward
from model_store.tokenizer import tokenize
from model_store.types import Classification
from model_store.vocabulary import Vocabulary

_PADDED_TOKENS = 16_384
"""Size of one forward pass, padding included: large enough for many words to be the same."""


class Classifier:
    """A trained network with everything it needs to classify text.

    The network is put in evaluation mode, so the same text always gets the same answer. It runs
    on `device`, by default the first GPU where there is one.
    """

    def __init__(
        self,
        network: SentimentCNN,
        vocabulary: Vocabulary,
        labels: Sequence[str],
        *,
        max_tokens: int,
        temperature: float = 1.0,
        device: torch.device | str | None = None,
    ) -> None:
        self.device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        self.network = network.eval().to(self.device)
        self.vocabulary = vocabulary
        self.labels = tuple(labels)
        self.max_tokens = max_tokens
        self.temperature = temperature

    def encode(self, text: str) -> list[int]:
        """Token ids of a text, cut at `max_tokens`; empty for a text without a token."""
        return self.vocabulary.encode(tokenize(text)[: self.max_tokens])

    @torch.inference_mode()
    def classify_encoded(self, sequences: Sequence[list[int]]) -> list[Classification]:
        """Classify texts that `encode` prepared, in their order."""
        results: list[Classification | None] = [None] * len(sequences)
        for positions in self._batches(sequences):
            batch = [sequences[position] for position in positions]
            ids, lengths = pad(batch, self.network.config.min_length)
            logits = sparse_forward(self.network, ids.to(self.device), lengths.to(self.device))
            rows = torch.softmax(logits.double() / self.temperature, dim=1).tolist()
            for position, row in zip(positions, rows, strict=True):
                results[position] = self._classification(row)
        return [result for result in results if result is not None]

    def classify(self, texts: Sequence[str]) -> list[Classification]:
        """Classify texts, in their order. Any string is allowed, the empty one too."""
        return self.classify_encoded([self.encode(text) for text in texts])

    def _batches(self, sequences: Sequence[list[int]]) -> Iterator[list[int]]:
        """Positions of sequences of like length, so that little of a batch is padding."""
        batch: list[int] = []
        for position in sorted(range(len(sequences)), key=lambda index: len(sequences[index])):
            if batch and len(sequences[position]) * (len(batch) + 1) > _PADDED_TOKENS:
                yield batch
                batch = []
            batch.append(position)
        if batch:
            yield batch

    def _classification(self, row: list[float]) -> Classification:
        best = max(range(len(row)), key=row.__getitem__)
        return Classification(
            label=self.labels[best],
            score=row[best],
            probabilities=dict(zip(self.labels, row, strict=True)),
        )
