"""Decide between the annotations of a task by majority."""

from collections import Counter
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


class Answered(Protocol):
    """A control that annotations answer."""

    @property
    def name(self) -> str:
        """Its name."""

    def given(self, answers: Mapping[str, Sequence[str]]) -> tuple[str, ...] | None:
        """Return what an annotation answers; None if it has no answer."""


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


def given_by(
    annotations: Iterable[Vote], controls: Iterable[Answered]
) -> dict[str, dict[int, tuple[str, ...]]]:
    """Return what each annotator answers for the controls that several of them answer.

    Annotations without an annotator count separately. None answers a control for which there is
    a ground truth.
    """
    voters = list(annotations)
    found = {}
    for control in controls:
        votes = {}
        for each in voters:
            if (answer := control.given(each.answers)) is not None:
                votes[-each.annotation if each.annotator is None else each.annotator] = answer
                if each.ground_truth:
                    votes.clear()
                    break
        if len(votes) > 1:
            found[control.name] = votes
    return found


def majority(
    annotations: Iterable[Vote], controls: Iterable[Answered]
) -> dict[str, tuple[str, ...]]:
    """Return the most frequent answer of a task for each control; none for a tie.

    Annotations without an answer for a control do not count for it. If some are the ground truth,
    only they count.
    """
    voters = list(annotations)
    winners = {}
    for control in controls:
        votes: Counter[tuple[str, ...]] = Counter()
        true_votes: Counter[tuple[str, ...]] = Counter()
        for annotation in voters:
            if (given := control.given(annotation.answers)) is not None:
                (true_votes if annotation.ground_truth else votes)[given] += 1
        first, *others = (true_votes or votes).most_common(2) or [((), 0)]
        if first[1] and (not others or first[1] > others[0][1]):
            winners[control.name] = first[0]
    return winners
