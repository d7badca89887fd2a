"""Value types that the model store hands to its callers. Standard library only."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Classification:
    """What the model says about one text."""

    label: str
    """The most probable label."""

    score: float
    """The probability of `label`, in 0..1."""

    probabilities: Mapping[str, float]
    """The probability of every label; they sum to 1."""
