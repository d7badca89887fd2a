"""Turn features into labels and probabilities: the last layer of a classifier."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor, nn
from torch.nn import functional

from model_store.errors import NotFiniteError
from model_store.model.classification import Classification


@dataclass(frozen=True, eq=False)
class Head:
    """A linear layer on the features of an encoder, with a label for each output.

    Any number of heads can share an encoder; each takes a few kilobytes.

    >>> head = Head(("Negative", "Positive"), torch.tensor([[0.0], [1.0]]), torch.zeros(2))
    >>> [result.label for result in head.classify(torch.tensor([[3.0], [-3.0]]))]
    ['Positive', 'Negative']
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
        """Return the last layer of a network as a head; on a CPU they share memory."""
        state = {name: tensor.cpu() for name, tensor in layer.state_dict().items()}
        return cls(tuple(labels), state["weight"], state["bias"], temperature)

    def logits(self, features: Tensor) -> Tensor:
        """Map (texts, features) to (texts, classes) logits, not divided by the temperature."""
        return functional.linear(features, self.weight, self.bias)

    @torch.inference_mode()
    def classify(self, features: Tensor) -> list[Classification]:
        """Return one classification for each row of (texts, features).

        Raises NotFiniteError.
        """
        logits = self.logits(features).double()
        rows = torch.softmax(logits / self.temperature, dim=1).tolist()
        return [self._classification(row) for row in rows]

    def _classification(self, row: list[float]) -> Classification:
        best = max(range(len(row)), key=row.__getitem__)
        if not row[best] > 0:  # NaN compares with nothing.
            raise NotFiniteError
        return Classification(
            label=self.labels[best],
            score=row[best],
            probabilities=dict(zip(self.labels, row, strict=True)),
        )
