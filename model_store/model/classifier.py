"""Text in, label and probabilities out: an encoder and its heads."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from model_store.model.classification import Classification
from model_store.model.encoder import Encoder
from model_store.model.head import Head
from model_store.model.stages import Work

_NONE: Mapping[str, Head] = MappingProxyType({})


class Classifier:
    """An encoder with the head it was trained with, and the heads of projects' controls."""

    def __init__(self, encoder: Encoder, head: Head, heads: Mapping[str, Head] = _NONE) -> None:
        self.encoder = encoder
        self.head = head
        self.heads = heads
        """By the name of the control that each was trained for."""
        self._by_control = {control: Classifier(encoder, heads[control]) for control in heads}

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels it predicts."""
        return self.head.labels

    def for_control(self, control: str) -> "Classifier":
        """The classifier of a control: with the head that was trained for it, if there is one."""
        return self._by_control.get(control, self)

    def classify(self, texts: Sequence[str]) -> list[Classification]:
        """Classify texts, in their order. Any string is allowed, the empty one too."""
        return self.head.classify(self.encoder(texts))


class Query(NamedTuple):
    """A text, and the classifiers that are asked about it."""

    text: str
    classifiers: Sequence[Classifier]


def classify_together(
    queries: Sequence[Query], work: Work | None = None
) -> list[list[Classification]]:
    """For each query one classification by each of its classifiers.

    A text goes through an encoder once, however many heads look at what it found. What the
    encoders had to do is added to `work`.
    """
    places: dict[Encoder, dict[Head, list[tuple[int, int]]]] = defaultdict(
        lambda: defaultdict(list)
    )
    for index, query in enumerate(queries):
        for place, classifier in enumerate(query.classifiers):
            places[classifier.encoder][classifier.head].append((index, place))
    found: dict[tuple[int, int], Classification] = {}
    for encoder, by_head in places.items():
        indices = sorted({index for asked in by_head.values() for index, _ in asked})
        row_of = {index: row for row, index in enumerate(indices)}
        features = encoder([queries[index].text for index in indices], work)
        for head, asked in by_head.items():
            rows = features[[row_of[index] for index, _ in asked]]
            found.update(zip(asked, head.classify(rows), strict=True))
    return [
        [found[index, place] for place in range(len(query.classifiers))]
        for index, query in enumerate(queries)
    ]
