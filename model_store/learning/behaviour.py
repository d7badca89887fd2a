"""Plain opinions that a model with the shipped model's labels has to understand.

The kinds of test are those of CheckList (Ribeiro et al., 2020): minimum functionality, negation,
invariance. The sentences are made of templates, and the model that ships understands all of them;
what it does not understand is no part of the suite (see its model card).
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
    """One text and the label it must get."""

    kind: str
    text: str
    label: str


@dataclass(frozen=True)
class Behaviour:
    """How much of the suite is understood."""

    right: int
    cases: int
    failed: tuple[str, ...] = ()
    """The kinds of which at least one case is wrong."""

    @property
    def share(self) -> float:
        """Right of all, in 0..1."""
        return self.right / self.cases


def suite() -> list[Case]:
    """All cases, always the same and in the same order."""
    return [*_plain(), *_negated(), *_invariant()]


def run(classify: Callable[[Sequence[str]], list[Classification]]) -> Behaviour:
    """Put the suite to a model whose labels are `LABELS`, in one call."""
    cases = suite()
    results = classify([case.text for case in cases])
    pairs = list(zip(cases, results, strict=True))
    wrong = [case.kind for case, result in pairs if result.label != case.label]
    return Behaviour(len(cases) - len(wrong), len(cases), tuple(dict.fromkeys(wrong)))


def _plain() -> Iterator[Case]:
    """Minimum functionality: one opinion, said plainly."""
    for template, subject in product(_STATEMENTS, _SUBJECTS):
        for praise, blame in zip(_PRAISE, _BLAME, strict=True):
            yield Case("praise", template.format(subject, praise), "Positive")
            yield Case("blame", template.format(subject, blame), "Negative")


def _negated() -> Iterator[Case]:
    """Praise that is denied."""
    for subject in _SUBJECTS:
        for template in _DENIALS:
            yield Case("negation", template.format(subject), "Negative")
        for praise, blame in zip(_PRAISE, _BLAME, strict=True):
            yield Case("negation", _CONTRAST.format(subject, praise, blame), "Negative")


def _invariant() -> Iterator[Case]:
    """What must not change a label: case, blanks, breaks, and whose film it is."""
    for opinion, label in (("I loved every minute.", "Positive"), ("A boring mess.", "Negative")):
        for variant in _VARIANTS:
            yield Case("spelling", variant(opinion), label)
        for name in _NAMES:
            yield Case("names", f"{opinion} The director is called {name}.", label)
