"""The rule for the labels in files: the same for `--truth`, `evaluate` and `train`."""

import math
from collections.abc import Collection, Sequence
from typing import Any

NO_LABEL = -1
"""The class of a blank label."""

_BLANK = ("", "nan", "none", "null", "na", "n/a", "<na>", r"\n")
_LEAST_LETTERS = 3


def class_of(value: Any, names: Sequence[Collection[str]]) -> int | None:
    """Return the class that a value names, NO_LABEL for a blank, None for any other value.

    names: the names of each class. A value is one of them in upper or lower case, the first letters
    of a single one, at least three, or the number of the class.

    >>> names = [("Negative",), ("Positive", "Good")]
    >>> [class_of(value, names) for value in ("good", "neg", 1.0, "0", float("nan"), 7)]
    [1, 0, 1, 0, -1, None]
    """
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return NO_LABEL
    given = str(value).strip().casefold()
    folded = [[name.strip().casefold() for name in alternatives] for alternatives in names]
    for number, alternatives in enumerate(folded):
        if given in alternatives:
            return number
    if given in _BLANK:
        return NO_LABEL
    counted = _number(given)
    if counted is not None and 0 <= counted < len(names):
        return counted
    begun = [
        number
        for number, alternatives in enumerate(folded)
        if len(given) >= _LEAST_LETTERS and any(name.startswith(given) for name in alternatives)
    ]
    return begun[0] if len(begun) == 1 else None


def _number(text: str) -> int | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return int(number) if number.is_integer() else None
