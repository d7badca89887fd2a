"""Where characters are in a text: in lower case, and in UTF-16."""

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]


def lowered(text: str) -> tuple[str, Integers]:
    """Return `text.lower()`, and for each of its characters the index in `text`, (characters,).

    Some characters become two, and the offsets of what follows would be wrong.

    >>> lower, origins = lowered("İa")
    >>> len(lower), origins.tolist()
    (3, [0, 0, 1])
    """
    result = text.lower()
    if len(result) == len(text):  # No character becomes shorter, so none became longer.
        return result, np.arange(len(text))
    return result, np.array([index for index, char in enumerate(text) for _ in char.lower()])


def utf16_offset(text: str, index: int) -> int:
    """Return where a browser counts the character with this index.

    >>> utf16_offset("\N{THUMBS UP SIGN} good", 2)
    3
    """
    return index if text.isascii() else index + sum(char > "\uffff" for char in text[:index])
