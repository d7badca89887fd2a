"""Decide between annotators who disagree, and measure how far they agree.

CROWDLAB (Goh et al., 2022), as cleanlab implements it: annotators who agree with the others and
with the model count for more, and so does a model that is more often right.
"""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

DISPUTED = 2 / 3
"""The probability of an answer below which annotators who disagree leave a text disputed."""
_MIN_COMMON = 2
_ALL_AGREE = 1.0

Votes = Mapping[int, str]
"""The label that each annotator gave to a text, by the annotator's id."""


@dataclass(frozen=True)
class Decision:
    """The answer of a text that several annotators labelled."""

    label: str
    probability: float
    """How likely it is right, in 0..1."""

    @property
    def is_disputed(self) -> bool:
        """Whether a person should decide."""
        return self.probability < DISPUTED


@dataclass(frozen=True)
class Agreement:
    """How far annotators agree on what several of them labelled."""

    texts: int
    """Texts with several annotators."""
    agreed: int
    """Those on which all agree."""
    pairs: Mapping[tuple[int, int], tuple[int, float]]
    """The texts that two annotators share, and Cohen's kappa on them, by the pair."""

    @property
    def kappa(self) -> float | None:
        """The mean of the pairs' kappas, weighted by the texts that they share."""
        weights = [shared for shared, _ in self.pairs.values()]
        if not weights:
            return None
        return float(np.average([kappa for _, kappa in self.pairs.values()], weights=weights))


def decide(
    votes: Sequence[Votes], labels: Sequence[str], probabilities: NDArray[np.float64]
) -> list[Decision]:
    """Return a decision for each text.

    votes: at least two for each text. probabilities: (texts, labels), by a model that has not
    learned from the text.

    Raises ValueError if a vote is none of the labels.
    """
    from cleanlab.multiannotator import (  # noqa: PLC0415 (slow to import)
        get_label_quality_multiannotator,
    )

    if not votes:
        return []
    places = {label: place for place, label in enumerate(labels)}
    annotators = sorted({annotator for each in votes for annotator in each})
    table = np.full((len(votes), len(annotators)), np.nan)
    for row, each in enumerate(votes):
        for annotator, label in each.items():
            if label not in places:
                raise ValueError(f"{label!r} is none of {list(labels)}")
            table[row, annotators.index(annotator)] = places[label]
    if not any(len(set(each.values())) < len(each) for each in votes):
        # Nobody agrees with anybody: cleanlab cannot tell who is reliable.
        return [
            _likeliest(each, row, places) for each, row in zip(votes, probabilities, strict=True)
        ]
    with warnings.catch_warnings(), _seeded():
        warnings.simplefilter("ignore")  # of annotators who never agree: that is an answer, too
        found = get_label_quality_multiannotator(
            table,
            probabilities,
            return_detailed_quality=False,
            return_annotator_stats=False,
            verbose=False,
        )["label_quality"]
    return [
        Decision(labels[int(place)], float(quality))
        for place, quality in zip(
            found["consensus_label"], found["consensus_quality_score"], strict=True
        )
    ]


def _likeliest(votes: Votes, row: NDArray[np.float64], places: Mapping[str, int]) -> Decision:
    """Return the label that the model finds the likeliest of those that annotators gave."""
    best = max(set(votes.values()), key=lambda label: (row[places[label]], label))
    return Decision(best, 1 / len(votes))


@contextmanager
def _seeded() -> Iterator[None]:
    """Make equal arguments give equal results: cleanlab breaks ties by NumPy's global state."""
    state = np.random.get_state()  # noqa: NPY002 (cleanlab uses it)
    np.random.seed(0)  # noqa: NPY002
    try:
        yield
    finally:
        np.random.set_state(state)  # noqa: NPY002


def agreement(votes: Sequence[Votes]) -> Agreement:
    """Measure how far annotators agree, with Cohen's kappa for each pair (Cohen, 1960).

    votes: of each text; texts with fewer than two do not count.

    >>> found = agreement([{1: "Spam", 2: "Spam"}, {1: "Ham", 2: "Ham"}, {1: "Ham", 2: "Spam"}])
    >>> found.texts, found.agreed, round(found.kappa, 2)
    (3, 2, 0.4)
    """
    from sklearn.metrics import cohen_kappa_score  # noqa: PLC0415 (slow to import)

    several = [each for each in votes if len(each) > 1]
    shared: dict[tuple[int, int], list[tuple[str, str]]] = {}
    for each in several:
        for one, other in combinations(sorted(each), 2):
            shared.setdefault((one, other), []).append((each[one], each[other]))
    pairs = {}
    for pair, given in shared.items():
        if len(given) < _MIN_COMMON:
            continue
        first, second = zip(*given, strict=True)
        same = len({*first, *second}) == 1  # kappa is not defined
        pairs[pair] = len(given), _ALL_AGREE if same else float(cohen_kappa_score(first, second))
    agreed = sum(len(set(each.values())) == 1 for each in several)
    return Agreement(len(several), agreed, pairs)
