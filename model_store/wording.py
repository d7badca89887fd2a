"""Show names that come from outside in a sentence: on one line, and short.

Names of controls, choices and fields come from labeling configs. A line break in one would forge a
line of the log, and thousands of choices would fill it.
"""

from collections.abc import Collection
from itertools import islice

_CHARACTERS = 60
_NAMES = 10


def shown(name: str) -> str:
    r"""Return a name with its control characters escaped, and cut off if it is long.

    >>> print(shown("Good\nERROR"))
    Good\nERROR
    """
    cut = name if len(name) <= _CHARACTERS else name[:_CHARACTERS] + "..."
    if cut.isprintable():
        return cut
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode("ascii")
        for character in cut
    )


def listed(names: Collection[str]) -> str:
    """Return the first names and the number of the others.

    >>> listed(["Ham", "Spam"])
    'Ham, Spam'
    >>> listed([])
    'nothing'
    """
    first = ", ".join(shown(name) for name in islice(names, _NAMES))
    others = len(names) - _NAMES
    return f"{first} and {others} more" if others > 0 else first or "nothing"
