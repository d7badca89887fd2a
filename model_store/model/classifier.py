"""Turn texts into labels and probabilities: an encoder and its heads."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from model_store.model.classification import Classification
from model_store.model.encoder import TextEncoder
from model_store.model.head import Head
from model_store.model.stages import Work

_NONE: Mapping[str, Any] = MappingProxyType({})


class Classifier:
    """An encoder, the head it was trained with, and the heads of controls.

    >>> from model_store import load
    >>> classifier = load()
    >>> classifier.labels
    ('Negative', 'Positive')
    >>> [result.label for result in classifier.classify(["Superb!", "A boring mess."])]
    ['Positive', 'Negative']
    """

    def __init__(
        self,
        encoder: TextEncoder,
        head: Head,
        heads: Mapping[str, Head] = _NONE,
        encoders: Mapping[str, TextEncoder] = _NONE,
    ) -> None:
        self.encoder = encoder
        self.head = head
        self.heads = heads
        """Heads by the name of the control that they were trained for."""
        self.encoders = encoders
        """Encoders of heads with feature blocks, by control; other heads use `encoder`."""
        self._by_control = {
            control: Classifier(encoders.get(control, encoder), heads[control]) for control in heads
        }

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels of the head, in the order of its outputs."""
        return self.head.labels

    def for_control(self, control: str) -> "Classifier":
        """Return the classifier with the head of a control, or this one if it has none."""
        return self._by_control.get(control, self)

    def classify(
        self, texts: Sequence[str], *, with_evidence: bool = False
    ) -> list[Classification]:
        """Return one classification for each text. Every string is allowed, the empty one too.

        with_evidence: whether they say which words speak for them.
        """
        queries = [Query(text, (self,), with_evidence) for text in texts]
        return [answer for (answer,) in classify_together(queries)]


class Query(NamedTuple):
    """A text, and the classifiers that classify it."""

    text: str
    classifiers: Sequence[Classifier]
    with_evidence: bool = False
    """Whether the classifications say which words speak for them."""


def classify_together(
    queries: Sequence[Query], work: Work | None = None
) -> list[list[Classification]]:
    """Return, for each query, one classification by each of its classifiers.

    An encoder reads a text once, however many heads use its features. Tokens and seconds are added
    to `work`.
    """
    places: dict[TextEncoder, dict[tuple[Head, bool], list[tuple[int, int]]]] = defaultdict(
        lambda: defaultdict(list)
    )
    for index, query in enumerate(queries):
        for place, classifier in enumerate(query.classifiers):
            way = classifier.head, query.with_evidence
            places[classifier.encoder][way].append((index, place))
    found: dict[tuple[int, int], Classification] = {}
    for encoder, by_head in places.items():
        indices = sorted({index for asked in by_head.values() for index, _ in asked})
        row_of = {index: row for row, index in enumerate(indices)}
        features, traits = encoder.read([queries[index].text for index in indices], work)
        for (head, with_evidence), asked in by_head.items():
            rows = [row_of[index] for index, _ in asked]
            own = traits and traits[rows]
            answers: Sequence[Classification] = head.classify(features[rows], own)
            if with_evidence:
                texts = [queries[index].text for index, _ in asked]
                answers = head.explained(answers, texts, encoder.contributions, own)
            found.update(zip(asked, answers, strict=True))
    return [
        [found[index, place] for place in range(len(query.classifiers))]
        for index, query in enumerate(queries)
    ]
