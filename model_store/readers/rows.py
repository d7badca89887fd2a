"""The rows of a file: as a reader yields them, to be decoded by a worker.

Knows no file format. Everything here but `Table` can be pickled.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from typing import Any, Literal, NamedTuple

Unit = Literal["line", "row"]
"""What row numbers count, from 1: the lines of the file, or its rows."""

MAX_CHARACTERS = 32 * 1024 * 1024
"""Maximum size of a row: a larger one cannot be buffered several times at once."""
TOO_LONG = f"is longer than {MAX_CHARACTERS:,} characters"

_MICROSECONDS = re.compile(r"\.\d{6}")


class RowError(Exception):
    """A row cannot be used. The message gives the reason, never the data."""


@dataclass(frozen=True)
class NanosecondTime:
    """A date with time, a time, or a duration that microseconds do not hold.

    >>> str(NanosecondTime(datetime(2024, 1, 2, 3, 4, 5), 6))
    '2024-01-02T03:04:05.000000006'
    """

    rounded: datetime | time | timedelta
    """Without the nanoseconds: the last microsecond before."""
    nanoseconds: int
    """From 1 to 999."""

    def __str__(self) -> str:
        """Return it as other times are written, with nine digits after the point."""
        if isinstance(self.rounded, timedelta):
            text = str(self.rounded) + ".000000" * (not self.rounded.microseconds)
        else:
            text = self.rounded.isoformat(timespec="microseconds")
        return _MICROSECONDS.sub(rf"\g<0>{self.nanoseconds:03}", text)


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
    class_names: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """The names of the classes in columns of class numbers, known when the first row is read."""


def unique_names(names: Sequence[str]) -> tuple[str, ...]:
    """Return column names without duplicates, named as pandas and Label Studio name them.

    The second `text` becomes `text.1`; a column without a name becomes `Unnamed: ` and its
    position from 0. Columns with a name keep it where a nameless one would get the same.
    """
    unique: dict[str, int] = {}
    taken = set(names)
    for position in sorted(range(len(names)), key=lambda position: not names[position]):
        name = names[position] or f"Unnamed: {position}"
        chosen, number = name, 0
        while chosen in unique or (number and chosen in taken):
            number += 1
            chosen = f"{name}.{number}"
        unique[chosen] = position
    return tuple(sorted(unique, key=unique.__getitem__))
