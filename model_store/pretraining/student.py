"""What the shipped network learns from its teachers: whole reviews, and passages of them."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from model_store.pretraining.fitting import Encoded, FitConfig, Source
from model_store.pretraining.teacher import as_targets

_LEAST_TOKENS = 2


def _fit(epochs: int, rate: float) -> FitConfig:
    return FitConfig(
        epochs, max_tokens=768, learning_rate=rate, embedding_learning_rate=rate, decay=0.9
    )


@dataclass(frozen=True)
class StudentConfig:
    """Hyperparameters of the network that ships."""

    reviews_alone: FitConfig = field(default_factory=lambda: FitConfig(epochs=8, max_tokens=768))
    """The first stage. Learning both from the beginning costs half a point on films."""
    with_passages: tuple[FitConfig, ...] = (_fit(6, 7e-4), _fit(7, 1e-3))
    """The later stages, each from the best epoch of the one before."""
    batch_size: int = 64
    word_dropout: float = 0.4
    """Of whole reviews."""
    passage_batch_size: int = 768
    passage_word_dropout: float = 0.1
    """Lower than that of reviews: one word decides many a passage."""
    passage_sharpening: float = 0.7
    """Temperature that sharpens what the teachers say of passages."""

    def reviews(self, texts: Encoded, targets: NDArray[np.float32]) -> Source:
        """Return whole reviews and their targets as a source."""
        return Source(texts, targets, self.batch_size, self.word_dropout)

    def passages(self, texts: Encoded, logits: NDArray[np.float64]) -> Source:
        """Return passages as a source; logits: (texts,) of the second class."""
        rows = [row for row, text in enumerate(texts) if len(text) >= _LEAST_TOKENS]
        return Source(
            [texts[row] for row in rows],
            as_targets(expit(logits[rows] / self.passage_sharpening)),
            self.passage_batch_size,
            self.passage_word_dropout,
        )
