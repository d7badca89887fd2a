"""Sentences made by rule, mostly negations: reviews have too few of them to learn from."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

_INTENSIFIERS = ("very", "extremely")
_MIN_INTENSIFIED = 10
"""How often a word must follow an intensifier: then it is an adjective, or nearly one."""
_CLEAR = 1.5
"""The least logit of a word of praise, and the negative of that of blame."""
_FRAME = "It is {}."
_SUBJECTS = (
    *("film", "movie", "story", "acting", "plot", "ending", "music", "cast", "book", "phone"),
    *("camera", "screen", "battery", "service", "food", "place", "hotel", "product", "price"),
    *("game", "app", "software", "tool", "course", "car", "team", "song", "staff", "room", "idea"),
)

# {s} is a subject, {p} a word of praise, {b} one of blame.
_POSITIVE = (
    *("The {s} was {p}.", "This {s} is {p}!", "I find the {s} {p}.", "{p} {s}", "What a {p} {s}!"),
    *("The {s} is {p} and {p2}.", "{s} was {p}, {p2}, and simply the best"),
    *("The {s} was not {b}.", "The {s} was not {b} at all.", "This {s} isn't {b}."),
    *("This {s} is not {b}, it's {p}!", "The {s} was not {b}, it was {p}."),
    *("Nobody could call the {s} {b}.", "I would never call it {b}.", "The {s} is never {b}."),
    *("There is nothing {b} about the {s}.", "It's far from {b}.", "The {s} was anything but {b}."),
    *("I liked the {s}.", "I really enjoyed the {s}.", "I love this {s}!", "{s} is the best!"),
    *("This is the best {s}!", "You can't go wrong with this {s}.", "I highly recommend the {s}."),
    "I expected a {b} {s}, but it is {p}.",
)
_NEGATIVE = (
    *("The {s} was {b}.", "This {s} is {b}!", "I find the {s} {b}.", "{b} {s}", "What a {b} {s}!"),
    *("The {s} is {b} and {b2}.", "{s} was {b}, {b2}, and simply the worst"),
    *("The {s} was not {p}.", "The {s} was not {p} at all.", "This {s} isn't {p}."),
    *("This {s} is not {p}, it's {b}!", "The {s} was not {p}, it was {b}."),
    *("Nobody could call the {s} {p}.", "I would never call it {p}.", "The {s} is never {p}."),
    *("There is nothing {p} about the {s}.", "It's far from {p}.", "The {s} was anything but {p}."),
    *("I did not like the {s}.", "I didn't enjoy the {s}.", "I hate this {s}!", "I don't like it."),
    *("This is the worst {s}!", "Don't waste your money on this {s}.", "I can't recommend it."),
    "I expected a {p} {s}, but it is {b}.",
)


def opinion_words(
    texts: Sequence[list[str]], logits: Callable[[Sequence[str]], NDArray[np.float64]]
) -> tuple[list[str], list[str]]:
    """Return words of praise and words of blame, the clearest first, as a teacher judges them.

    texts: tokenized. logits: returns those of Positive for sentences.
    """
    after: Counter[str] = Counter()
    for text in texts:
        after.update(
            word for before, word in pairwise(text) if before in _INTENSIFIERS and word.isalpha()
        )
    words = sorted(word for word, count in after.items() if count >= _MIN_INTENSIFIED)
    found = logits([_FRAME.format(word) for word in words])
    order = np.argsort(found, kind="stable")
    praise = [words[i] for i in order[::-1] if found[i] >= _CLEAR]
    blame = [words[i] for i in order if found[i] <= -_CLEAR]
    return praise, blame


def contrasts(
    praise: Sequence[str], blame: Sequence[str], count: int, rng: np.random.Generator
) -> Iterator[tuple[str, int]]:
    """Yield sentences and the class that the rule gives them: 0 Negative, 1 Positive."""
    for _ in range(count):
        label = int(rng.integers(2))
        sentence = rng.choice((_NEGATIVE, _POSITIVE)[label]).format(
            s=rng.choice(_SUBJECTS),
            **dict(zip(("p", "p2"), rng.choice(praise, 2), strict=True)),
            **dict(zip(("b", "b2"), rng.choice(blame, 2), strict=True)),
        )
        yield sentence, label
