"""Behavioural tests for models with the labels of the shipped model.

The tests are of the kinds of CheckList (Ribeiro et al., 2020): minimum functionality, negation,
invariance. Templates generate the sentences. The shipped model passes all of them; its model card
lists what it does not understand.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product

from model_store.model.classification import Classification

LABELS = ("Negative", "Positive")

_SUBJECTS = ("acting", "plot", "direction", "soundtrack", "ending", "cast")
_PRAISE = ("excellent", "wonderful", "superb", "brilliant", "fantastic", "touching")
_BLAME = ("terrible", "awful", "boring", "dreadful", "stupid", "disappointing")
_STATEMENTS = ("The {} was {}.", "I found the {} {}.", "Honestly, the {} is {}.")
_DENIALS = ("The {} is not great at all.", "There is nothing beautiful about the {}.")
_CONTRAST = "The {} was not {}, it was {}."
_NAMES = ("Anna", "Ahmed", "Wei", "Olga", "Peter")
_VARIANTS = (str.upper, str.lower, "  {}\n".format, "{}<br /><br />".format)


@dataclass(frozen=True)
class Case:
    """A text and its expected label."""

    kind: str
    text: str
    label: str


@dataclass(frozen=True)
class Behaviour:
    """The result of the suite."""

    right: int
    cases: int
    failed: tuple[str, ...] = ()
    """The kinds with at least one wrong case."""

    @property
    def share(self) -> float:
        """The share of right cases, in 0..1."""
        return self.right / self.cases


def suite() -> list[Case]:
    """Return all cases, always in the same order.

    >>> suite()[0].text, suite()[0].label
    ('The acting was excellent.', 'Positive')
    """
    return [*_plain(), *_negated(), *_invariant()]


def run(classify: Callable[[Sequence[str]], list[Classification]]) -> Behaviour:
    """Classify the suite in one call, with a model whose labels are `LABELS`."""
    cases = suite()
    results = classify([case.text for case in cases])
    pairs = list(zip(cases, results, strict=True))
    wrong = [case.kind for case, result in pairs if result.label != case.label]
    return Behaviour(len(cases) - len(wrong), len(cases), tuple(dict.fromkeys(wrong)))


def _plain() -> Iterator[Case]:
    """Minimum functionality: one plain opinion."""
    for template, subject in product(_STATEMENTS, _SUBJECTS):
        for praise, blame in zip(_PRAISE, _BLAME, strict=True):
            yield Case("praise", template.format(subject, praise), "Positive")
            yield Case("blame", template.format(subject, blame), "Negative")


def _negated() -> Iterator[Case]:
    """Negated praise."""
    for subject in _SUBJECTS:
        for template in _DENIALS:
            yield Case("negation", template.format(subject), "Negative")
        for praise, blame in zip(_PRAISE, _BLAME, strict=True):
            yield Case("negation", _CONTRAST.format(subject, praise, blame), "Negative")


def _invariant() -> Iterator[Case]:
    """Invariance: case, white space, line breaks and names must not change the label."""
    for opinion, label in (("I loved every minute.", "Positive"), ("A boring mess.", "Negative")):
        for variant in _VARIANTS:
            yield Case("spelling", variant(opinion), label)
        for name in _NAMES:
            yield Case("names", f"{opinion} The director is called {name}.", label)
