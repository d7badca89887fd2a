"""Turn features into labels and probabilities: the last layer of a classifier."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, compress
from typing import Self

import torch
from torch import Tensor, nn
from torch.nn import functional

from model_store.errors import NotFiniteError
from model_store.model.classification import Classification, Kind

_EVEN = 0.5


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
    """The logits are divided by this before the softmax or sigmoid (Guo et al., 2017)."""
    kind: Kind = "single"
    thresholds: tuple[float, ...] | None = None
    """For any number of labels: a text is given a label whose probability reaches its threshold."""
    judged: "Head | None" = None
    """The head without what it learned from held-out tasks, to compare later heads with; None if
    this one has not learned from any."""

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
        return [self._classification(row) for row in self.probabilities(features).tolist()]

    @torch.inference_mode()
    def probabilities(self, features: Tensor) -> Tensor:
        """Map (texts, features) to (texts, labels) probabilities, in double precision."""
        return self.of_logits(self.logits(features))

    def of_logits(self, logits: Tensor) -> Tensor:
        """Map (texts, labels) logits to probabilities, in double precision."""
        scaled = logits.double() / self.temperature
        return torch.sigmoid(scaled) if self.kind == "multiple" else torch.softmax(scaled, dim=1)

    def _classification(self, row: list[float]) -> Classification:
        best = max(range(len(row)), key=row.__getitem__)
        if not row[best] > 0:  # NaN compares with nothing.
            raise NotFiniteError
        return classification(self.labels, row, self.kind, self.thresholds)


def classification(
    labels: Sequence[str],
    row: Sequence[float],
    kind: Kind = "single",
    thresholds: Sequence[float] | None = None,
) -> Classification:
    """Decide for labels by their probabilities.

    >>> classification(("1", "2", "3"), [0.4, 0.25, 0.35], "rating").label
    '2'
    >>> classification(("Rude", "Spam"), [0.4, 0.1], "multiple", [0.3, 0.5]).answers
    ('Rude',)
    """
    probabilities = dict(zip(labels, row, strict=True))
    best = max(range(len(row)), key=row.__getitem__)
    if kind == "multiple":
        limits = thresholds or [_EVEN] * len(row)
        is_given = [value >= limit for value, limit in zip(row, limits, strict=True)]
        right = [value if given else 1 - value for value, given in zip(row, is_given, strict=True)]
        given = tuple(compress(labels, is_given))
        return Classification(labels[best], min(right), probabilities, given)
    if kind == "rating":
        sums = list(accumulate(row))
        best = next(index for index, below in enumerate(sums) if below >= sums[-1] / 2)
    return Classification(labels[best], row[best], probabilities)
