"""How sure a classification is, as one number to sort tasks by: lowest is most uncertain."""

import math
from typing import Literal

from model_store.model.classification import Classification

ScoreKind = Literal["confidence", "margin", "entropy"]


def score_of(classification: Classification, kind: ScoreKind = "confidence") -> float:
    """In 0..1, and finite. For two labels all kinds give the same order (Settles, 2009, 2.1).

    confidence: the probability of the label; margin: what it is ahead of the second; entropy: 1
    less the entropy of all labels, as a share of the most it can be.
    """
    values = sorted(classification.probabilities.values(), reverse=True)
    if len(values) == 1:
        return 1.0
    match kind:
        case "confidence":
            value = values[0]
        case "margin":
            value = values[0] - values[1]
        case "entropy":
            entropy = -sum(value * math.log(value) for value in values if value > 0)
            value = 1 - entropy / math.log(len(values))
    return min(1.0, max(0.0, value))
