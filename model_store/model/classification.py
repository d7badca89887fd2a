"""The result of a classification. Standard library only."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Classification:
    """The labels of one text with their probabilities.

    >>> Classification("Positive", 0.75, {"Negative": 0.25, "Positive": 0.75}).score
    0.75
    """

    label: str
    """The most probable label."""

    score: float
    """The probability of `label`, in 0..1."""

    probabilities: Mapping[str, float]
    """The probability of every label; they sum to 1."""
