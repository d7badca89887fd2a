"""Score how certain a classification is; the lowest score is the most uncertain."""

import math
from typing import Literal

from model_store.model.classification import Classification

ScoreKind = Literal["confidence", "margin", "entropy"]


def score_of(classification: Classification, kind: ScoreKind = "confidence") -> float:
    """Return a finite score in 0..1.

    confidence: the probability of the label. margin: that probability minus the second highest.
    entropy: 1 minus the entropy, divided by its maximum. With two labels all kinds give the same
    order (Settles, 2009, 2.1). With any number of labels, the least certain one decides.

    >>> score_of(Classification("Positive", 0.75, {"Negative": 0.25, "Positive": 0.75}), "margin")
    0.5
    """
    if classification.given is not None:
        if kind == "confidence":
            return classification.score
        pairs = [{"yes": value, "no": 1 - value} for value in classification.probabilities.values()]
        return min(score_of(Classification("yes", pair["yes"], pair), kind) for pair in pairs)
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
