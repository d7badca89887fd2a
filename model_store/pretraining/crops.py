"""Cut reviews into passages: runs of words that begin where a sentence does."""

import re
from collections.abc import Iterator

import numpy as np

_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|(?:\s*<br\s*/?>\s*)+")


def sentences(text: str) -> list[str]:
    """Split a text after its full stops, and at its line breaks.

    >>> sentences("Good. Not great!<br /><br />Go")
    ['Good.', 'Not great!', 'Go']
    """
    return [part for part in _SENTENCE_END.split(text) if part.strip()]


def crop(text: str, words: tuple[int, int], rng: np.random.Generator) -> str:
    """Return the words from the start of a random sentence on, as many as drawn from a range.

    Lengths are drawn log-uniformly. A text with fewer words is returned whole.

    >>> crop("One two. Three four five.", (9, 10), np.random.default_rng(0))
    'One two. Three four five.'
    """
    parts = [part.split() for part in sentences(text)]
    total = sum(map(len, parts))
    length = _length(words, rng)
    starts = np.cumsum([0, *map(len, parts)])[:-1]
    possible = starts[starts <= max(total - length, 0)]
    start = int(rng.choice(possible)) if len(possible) else 0
    return " ".join([word for part in parts for word in part][start : start + length])


def passages(text: str, words: tuple[int, int], rng: np.random.Generator) -> Iterator[str]:
    """Yield consecutive passages that together are the text, each of whole sentences.

    A passage ends with the sentence that reaches a length drawn log-uniformly from the range; a
    sentence longer than the range is cut.

    >>> list(passages("One. Two. Three.", (1, 2), np.random.default_rng(0)))
    ['One.', 'Two.', 'Three.']
    """
    run: list[str] = []
    length = _length(words, rng)
    for sentence in sentences(text):
        run += sentence.split()
        while len(run) >= length:
            cut = len(run) if len(run) < words[1] else length
            yield " ".join(run[:cut])
            run = run[cut:]
            length = _length(words, rng)
    if run:
        yield " ".join(run)


def cut(text: str, words: tuple[int, int], seed: int) -> list[str]:
    """Return the passages of a text: always the same for equal arguments."""
    return list(passages(text, words, np.random.default_rng([seed, len(text)])))


def _length(words: tuple[int, int], rng: np.random.Generator) -> int:
    low, high = np.log(words)
    return int(np.exp(rng.uniform(low, high)))
