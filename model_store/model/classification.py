"""The result of a classification. Standard library only."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from model_store.model.evidence import Evidence

Kind = Literal["single", "multiple", "rating"]
"""How many labels a text has: exactly one; any number, none too; or one of an ordered series."""


@dataclass(frozen=True, slots=True)
class Classification:
    """The labels of one text with their probabilities.

    >>> Classification("Positive", 0.75, {"Negative": 0.25, "Positive": 0.75}).score
    0.75
    """

    label: str
    """The most probable label; for a rating the median, which errs by the least on average."""

    score: float
    """The probability of `label`, in 0..1. With any number of labels, the lowest probability that a
    label is rightly given or not given."""

    probabilities: Mapping[str, float]
    """The probability of every label; they sum to 1, unless a text has any number of labels."""

    given: tuple[str, ...] | None = None
    """The labels that a text is given if it has any number of them, which can be none."""

    distance: float | None = None
    """How far the text is from those that the model learned from, in 0..1: the share of passages
    of these that are less strange. None if the model does not know."""

    evidence: "Evidence | None" = None
    """What the words of the text add to the probability of `label`, if that was asked for. None if
    the model does not know."""

    @property
    def answers(self) -> tuple[str, ...]:
        """All labels that the text is given.

        >>> Classification("Spam", 0.9, {"Spam": 0.1, "Rude": 0.05}, given=()).answers
        ()
        """
        return (self.label,) if self.given is None else self.given
