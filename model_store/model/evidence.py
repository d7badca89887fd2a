"""Which words of a text speak for a label, and how much: exact, not an estimate.

Each feature of the network is the maximum over windows of a sum over tokens, and a head is linear.
So the logit of a text is a sum over its tokens: those in the window that a feature comes from share
it by what each of them adds. The other feature blocks are sums over words, divided by the length of
the whole, which is taken as given.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from model_store.model.offsets import Integers

Floats = NDArray[np.float64]

MOST_SPANS = 10


class Span(NamedTuple):
    """A part of a text, from `start` to before `end`, and its weight."""

    start: int
    end: int
    weight: float


@dataclass(frozen=True, eq=False, slots=True)
class Contributions:
    """What the tokens of a text add to a weighted sum of its features; each array is (tokens,)."""

    starts: Integers
    """Where each token begins in the text, rising."""
    ends: Integers
    values: Floats
    rest: float = 0.0
    """What no token adds: biases, and padding."""

    @classmethod
    def together(cls, parts: Sequence["Contributions"]) -> "Contributions":
        """Return the sum of several; tokens that overlap become one.

        >>> two = Contributions(np.array([0, 5]), np.array([4, 9]), np.array([1.0, 2.0]))
        >>> one = Contributions(np.array([5]), np.array([7]), np.array([0.5]), rest=1.0)
        >>> both = Contributions.together([two, one])
        >>> both.starts.tolist(), both.ends.tolist(), both.values.tolist(), both.rest
        ([0, 5], [4, 9], [1.0, 2.5], 1.0)
        """
        rest = sum(part.rest for part in parts)
        starts = np.concatenate([part.starts for part in parts])
        if not len(starts):
            return cls(starts, starts, np.zeros(0), rest)
        order = np.argsort(starts, kind="stable")
        starts = starts[order]
        ends = np.concatenate([part.ends for part in parts])[order]
        values = np.concatenate([part.values for part in parts])[order]
        furthest = np.maximum.accumulate(ends)
        firsts = np.flatnonzero(np.append(True, starts[1:] >= furthest[:-1]))
        lasts = np.append(firsts[1:], len(starts)) - 1
        return cls(starts[firsts], furthest[lasts], np.add.reduceat(values, firsts), rest)


@dataclass(frozen=True, eq=False, slots=True)
class Evidence:
    """What each token of a text adds to the log-odds of a label, calibrated like its score.

    `bias` and the weights of all tokens sum to the logarithm of the ratio of the probabilities of
    `label` and `against`; without `against`, of those that the label applies and that it does not.
    """

    label: str
    against: str | None
    """The label that it is compared with: the most probable other one."""
    bias: float
    contributions: Contributions

    @property
    def tokens(self) -> Iterator[Span]:
        """Yield all tokens, in their order."""
        found = self.contributions
        yield from map(Span, found.starts.tolist(), found.ends.tolist(), found.values.tolist())

    @property
    def log_odds(self) -> float:
        """The sum of all weights and the bias."""
        return self.bias + float(self.contributions.values.sum())

    def rest(self, spans: Iterable[Span]) -> float:
        """Return what all words add but those of some spans."""
        return self.log_odds - self.bias - sum(span.weight for span in spans)

    def share(self, weight: float) -> float:
        """Return the part that a weight has in the sum of all weights without their signs."""
        total = float(np.abs(self.contributions.values).sum())
        return min(abs(weight) / total, 1.0) if total else 0.0

    def spans(self, most: int = MOST_SPANS) -> list[Span]:
        """Return the passages with the greatest weights, at most `most`, in their order.

        A passage is a run of tokens of the same sign, each of which weighs more than the mean of
        the text, whatever its sign. Its weight is the sum of theirs.
        """
        found = self.contributions
        if not len(found.values):
            return []
        sizes = np.abs(found.values)
        signs = np.sign(found.values) * (sizes >= max(float(sizes.mean()), np.finfo(float).tiny))
        firsts = np.flatnonzero(np.append(True, signs[1:] != signs[:-1]))
        lasts = np.append(firsts[1:], len(signs)) - 1
        weights = np.add.reduceat(found.values, firsts)
        runs = np.flatnonzero(signs[firsts])
        chosen = np.sort(runs[np.argsort(-np.abs(weights[runs]), kind="stable")[:most]])
        return [
            Span(int(found.starts[firsts[run]]), int(found.ends[lasts[run]]), float(weights[run]))
            for run in chosen
        ]


def cut(text: str, spans: Iterable[Span]) -> Iterator[tuple[str, float]]:
    """Cut a text at spans, which come in their order: yield each part and its weight.

    The parts between the spans have none.

    >>> list(cut("A good film", [Span(2, 6, 1.5)]))
    [('A ', 0.0), ('good', 1.5), (' film', 0.0)]
    """
    end = 0
    for span in spans:
        yield text[end : span.start], 0.0
        yield text[span.start : span.end], span.weight
        end = span.end
    yield text[end:], 0.0
