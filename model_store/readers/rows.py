"""The rows of a file: as a reader yields them, to be decoded by a worker.

Knows no file format. Everything here but `Table` can be pickled.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

Unit = Literal["line", "row"]
"""What row numbers count, from 1: the lines of the file, or its rows."""

MAX_CHARACTERS = 32 * 1024 * 1024
"""Maximum size of a row: a larger one cannot be buffered several times at once."""
TOO_LONG = f"is longer than {MAX_CHARACTERS:,} characters"


class RowError(Exception):
    """A row cannot be used. The message gives the reason, never the data."""


class Unreadable(NamedTuple):
    """Replaces the content of a row that could not be read."""

    reason: str
    ends_file: bool = False
    """Whether it stands for the rest of the file, whose number of rows is not known."""


class Row(NamedTuple):
    """A row as its reader yields it, not decoded yet."""

    number: int
    raw: Any
    """The argument of `decode`, or Unreadable."""
    size: int
    """Approximate number of characters."""


@dataclass(frozen=True)
class Table:
    """The rows of one file, as every reader returns them."""

    unit: Unit
    decode: Callable[..., dict[str, Any]]
    """Convert the raw content of a row to its fields, in a worker; raises RowError."""
    rows: Iterator[Row]


def unique_names(names: Sequence[str]) -> tuple[str, ...]:
    """Return column names without duplicates, named as pandas and Label Studio name them.

    The second `text` becomes `text.1`; a column without a name becomes `Unnamed: ` and its
    position from 0.
    """
    unique: dict[str, None] = {}
    taken = set(names)
    for position, name in enumerate(names):
        chosen = name or f"Unnamed: {position}"
        number = 0
        while chosen in unique or (number and chosen in taken):
            number += 1
            chosen = f"{name}.{number}"
        unique[chosen] = None
    return tuple(unique)
