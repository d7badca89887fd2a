"""Turn features into labels and probabilities: the last layer of a classifier."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, compress, repeat
from typing import Self

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from model_store.errors import NotFiniteError
from model_store.model.classification import Classification, Kind
from model_store.model.evidence import Contributions, Evidence, Floats
from model_store.model.origin import Origin, Traits

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
    origin: Origin | None = None
    """The texts that the head was fitted to; None if nothing is known of them."""

    @classmethod
    def of(
        cls,
        layer: nn.Linear,
        labels: Sequence[str],
        temperature: float = 1.0,
        origin: Origin | None = None,
    ) -> Self:
        """Return the last layer of a network as a head; on a CPU they share memory."""
        state = {name: tensor.cpu() for name, tensor in layer.state_dict().items()}
        weight, bias = state["weight"], state["bias"]
        return cls(tuple(labels), weight, bias, temperature, origin=origin)

    def logits(self, features: Tensor) -> Tensor:
        """Map (texts, features) to (texts, classes) logits, not divided by the temperature."""
        return functional.linear(features, self.weight, self.bias)

    @torch.inference_mode()
    def classify(self, features: Tensor, traits: Traits | None = None) -> list[Classification]:
        """Return one classification for each row of (texts, features).

        traits: of the same texts; with them, the temperature depends on the length of a text, and
        classifications have a distance, if the origin of the head is known. Raises NotFiniteError.
        """
        logits = self.logits(features)
        if self.origin is None or traits is None:
            return self._classifications(self.of_logits(logits), repeat(None))
        # A text without a known token has an infinite factor: its scores are equal.
        factors = torch.from_numpy(self.origin.factors(traits.known))
        distances = self.origin.distances(traits.strangeness)
        scaled = logits.double() / factors[:, None]
        return self._classifications(self.of_logits(scaled), distances.tolist())

    def explained(
        self,
        classifications: Sequence[Classification],
        texts: Sequence[str],
        contributions: Callable[[Sequence[str], Floats], Sequence[Contributions] | None],
        traits: Traits | None = None,
    ) -> Sequence[Classification]:
        """Return classifications by this head with the evidence for their labels.

        contributions: those of the encoder. traits: of the texts. Classifications stay as they are
        if the encoder cannot tell.
        """
        against = [self._against(each) for each in classifications]
        scales = np.full(len(texts), 1 / self.temperature)
        if self.origin is not None and traits is not None:
            scales /= self.origin.factors(traits.known)
        weights, biases = self._of([each.label for each in classifications])
        if self.kind != "multiple":
            of_others = self._of(against)
            weights, biases = weights - of_others[0], biases - of_others[1]
        found = contributions(texts, weights * scales[:, None])
        if found is None:
            return classifications
        return [
            replace(each, evidence=Evidence(each.label, other, bias + parts.rest, parts))
            for each, other, bias, parts in zip(
                classifications, against, (biases * scales).tolist(), found, strict=True
            )
        ]

    def _against(self, classification: Classification) -> str | None:
        """Return the label that the label of a classification is compared with."""
        if self.kind == "multiple":
            return None
        others = (label for label in self.labels if label != classification.label)
        return max(others, key=classification.probabilities.__getitem__)

    def _of(self, labels: Sequence[str | None]) -> tuple[Floats, Floats]:
        """Return the weights, (labels, features), and the biases of labels."""
        rows = [self.labels.index(label) for label in labels if label is not None]
        weight = self.weight.numpy()[rows].astype(np.float64)
        return weight, self.bias.numpy()[rows].astype(np.float64)

    @torch.inference_mode()
    def probabilities(self, features: Tensor) -> Tensor:
        """Map (texts, features) to (texts, labels) probabilities, in double precision."""
        return self.of_logits(self.logits(features))

    def of_logits(self, logits: Tensor) -> Tensor:
        """Map (texts, labels) logits to probabilities, in double precision."""
        scaled = logits.double() / self.temperature
        return torch.sigmoid(scaled) if self.kind == "multiple" else torch.softmax(scaled, dim=1)

    def _classifications(
        self, probabilities: Tensor, distances: Iterable[float | None]
    ) -> list[Classification]:
        rows = probabilities.tolist()
        if not all(max(row) > 0 for row in rows):  # NaN compares with nothing.
            raise NotFiniteError
        return [
            classification(self.labels, row, self.kind, self.thresholds, distance)
            for row, distance in zip(rows, distances, strict=False)
        ]


def classification(
    labels: Sequence[str],
    row: Sequence[float],
    kind: Kind = "single",
    thresholds: Sequence[float] | None = None,
    distance: float | None = None,
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
        return Classification(labels[best], min(right), probabilities, given, distance)
    if kind == "rating":
        sums = list(accumulate(row))
        best = next(index for index, below in enumerate(sums) if below >= sums[-1] / 2)
    return Classification(labels[best], row[best], probabilities, None, distance)
