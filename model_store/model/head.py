"""Turn features into labels and probabilities: the last layer of a classifier."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, compress, repeat
from typing import Self

import torch
from torch import Tensor, nn
from torch.nn import functional

from model_store.errors import NotFiniteError
from model_store.model.classification import Classification, Kind
from model_store.model.evidence import Contributions, Evidence
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
        classification: Classification,
        text: str,
        contributions: Callable[[str, Tensor], Contributions | None],
        traits: Traits | None = None,
    ) -> Classification:
        """Return a classification by this head with the evidence for its label.

        contributions: those of the encoder. traits: of the text alone.
        """
        label, against = classification.label, None
        weight, bias = self._of(label)
        if self.kind != "multiple":
            others = (other for other in self.labels if other != label)
            against = max(others, key=classification.probabilities.__getitem__)
            weight, bias = weight - self._of(against)[0], bias - self._of(against)[1]
        scale = 1 / self.temperature
        if self.origin is not None and traits is not None:
            scale /= float(self.origin.factors(traits.known)[0])
        found = contributions(text, weight * scale)
        if found is None:
            return classification
        evidence = Evidence(label, against, bias * scale + found.rest, found)
        return replace(classification, evidence=evidence)

    def _of(self, label: str) -> tuple[Tensor, float]:
        """Return the weights and the bias of a label."""
        row = self.labels.index(label)
        return self.weight[row].double(), float(self.bias[row])

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
