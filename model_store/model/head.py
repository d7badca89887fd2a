"""The last layer of a classifier: features of texts in, labels and probabilities out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor, nn
from torch.nn import functional

from model_store.model.classification import Classification


@dataclass(frozen=True, eq=False)
class Head:
    """A linear layer on the features of an encoder, with a name for each of its outputs.

    Any number of heads can share an encoder; each is a few kilobytes.
    """

    labels: tuple[str, ...]
    weight: Tensor
    """(classes, features), on the CPU."""
    bias: Tensor
    """(classes,)."""
    temperature: float = 1.0
    """The logits are divided by this before the softmax (Guo et al., 2017)."""

    @classmethod
    def of(cls, layer: nn.Linear, labels: Sequence[str], temperature: float = 1.0) -> Self:
        """The head that a network was trained with; it shares the layer's memory on a CPU."""
        state = {name: tensor.cpu() for name, tensor in layer.state_dict().items()}
        return cls(tuple(labels), state["weight"], state["bias"], temperature)

    def logits(self, features: Tensor) -> Tensor:
        """(texts, features) to (texts, classes), before the temperature."""
        return functional.linear(features, self.weight, self.bias)

    @torch.inference_mode()
    def classify(self, features: Tensor) -> list[Classification]:
        """One classification for each row of (texts, features)."""
        logits = self.logits(features).double()
        rows = torch.softmax(logits / self.temperature, dim=1).tolist()
        return [self._classification(row) for row in rows]

    def _classification(self, row: list[float]) -> Classification:
        best = max(range(len(row)), key=row.__getitem__)
        return Classification(
            label=self.labels[best],
            score=row[best],
            probabilities=dict(zip(self.labels, row, strict=True)),
        )
