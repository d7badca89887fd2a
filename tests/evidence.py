"""Check evidence against the probabilities that it explains."""

import math

import pytest

from model_store.model.classification import Classification


def log_odds(found: Classification) -> float:
    """Return the log-odds by the probabilities."""
    assert found.evidence is not None
    odds = found.probabilities[found.evidence.label]
    against = found.evidence.against
    other = found.probabilities[against] if against else 1 - odds
    return math.log(odds) - math.log(other)


def check(found: Classification, text: str) -> None:
    """Fail unless all weights sum to the log-odds, and tokens lie in the text, in order."""
    evidence = found.evidence
    assert evidence is not None
    assert evidence.label == found.label
    weights = [token.weight for token in evidence.tokens]
    assert evidence.bias + sum(weights) == pytest.approx(log_odds(found), abs=1e-4)
    end = 0
    for token in evidence.tokens:
        assert end <= token.start < token.end <= len(text)
        end = token.end
