"""Decide between the annotations of a task by majority."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol, TypeVar


class Vote(Protocol):
    """An annotation, with the answers for each control."""

    @property
    def annotation(self) -> int:
        """Its id."""

    @property
    def annotator(self) -> int | None:
        """The id of its annotator, if that is known."""

    @property
    def ground_truth(self) -> bool:
        """Whether it was marked as the ground truth of its task."""

    @property
    def answers(self) -> Mapping[str, Sequence[str]]:
        """Its answers for each control."""


V = TypeVar("V", bound=Vote)


def last_of_each_annotator(annotations: Iterable[V]) -> list[V]:
    """Return the last annotation of each annotator; annotations without one count separately.

    annotations: those of a task, newest last.
    """
    by_annotator: dict[object, V] = {
        each.annotation if each.annotator is None else (each.annotator,): each
        for each in annotations
    }
    return list(by_annotator.values())


def majority(annotations: Iterable[Vote]) -> dict[str, str]:
    """Return the most frequent answer of a task for each control; none for a tie.

    Annotations with several answers for a control do not count for it. If some are the ground
    truth, only they count.
    """
    votes: dict[str, Counter[str]] = defaultdict(Counter)
    true_votes: dict[str, Counter[str]] = defaultdict(Counter)
    for annotation in annotations:
        for control, answers in annotation.answers.items():
            if len(answers) == 1:
                (true_votes if annotation.ground_truth else votes)[control][answers[0]] += 1
    winners = {}
    for control, counts in {**votes, **true_votes}.items():
        first, *others = counts.most_common(2)
        if not others or first[1] > others[0][1]:
            winners[control] = first[0]
    return winners
