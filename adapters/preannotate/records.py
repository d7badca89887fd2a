"""The rows of a run: as a reader yields them, decoded, or rejected with a reason.

Knows no file format and no model. Everything here but `Table` can be pickled.
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
    """A row cannot become a task. The message gives the reason, never the data."""


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


class Record(NamedTuple):
    """A decoded row: plain columns, or a Label Studio task with `data`."""

    file: str
    unit: Unit
    number: int
    key: str
    """The key of this row within the run."""
    fields: dict[str, Any]


class Rejection(NamedTuple):
    """A row that cannot become a task, with the reason. Contains none of its data."""

    file: str
    unit: Unit
    number: int
    reason: str
    ends_file: bool = False
    """See `Unreadable`."""


@dataclass(frozen=True)
class Table:
    """The rows of one file, as every reader returns them."""

    unit: Unit
    decode: Callable[..., dict[str, Any]]
    """Convert the raw content of a row to its fields, in a worker; raises RowError."""
    rows: Iterator[Row]


@dataclass(frozen=True, slots=True)
class Chunk:
    """Consecutive rows of one file: the unit of work of a worker."""

    file: str
    file_number: int
    """Position of the file among the inputs, from 1."""
    unit: Unit
    numbers: Sequence[int]
    """The number of each row."""
    contents: Sequence[Any]
    """The raw content of each row. Two lists are pickled faster than a list of rows."""
    decode: Callable[[Any], dict[str, Any]]
    """See `Table.decode`."""
    consumed: int = 0
    """Bytes of all inputs read up to the end of this chunk."""

    def records(self) -> Iterator[Record | Rejection]:
        """Decode the rows, in order."""
        for number, raw in zip(self.numbers, self.contents, strict=True):
            if isinstance(raw, Unreadable):
                yield Rejection(self.file, self.unit, number, raw.reason, raw.ends_file)
                continue
            try:
                fields = self.decode(raw)
            except RowError as reason:
                yield Rejection(self.file, self.unit, number, str(reason))
            else:
                key = f"{self.file_number}:{number}"
                yield Record(self.file, self.unit, number, key, fields)


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
