"""What goes through a run: chunks of rows, rows as records, and rows that are rejected.

Knows no file format and no model. Everything here can be sent to another process.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

Unit = Literal["line", "row"]
"""How the rows of a file are counted, from 1: by its lines, or one after the other."""

MAX_CHARACTERS = 32 * 1024 * 1024
"""A longer row is rejected: it could not be held in memory as often as a run needs it."""
TOO_LONG = f"is longer than {MAX_CHARACTERS:,} characters"


class RowError(Exception):
    """A row cannot become a task. The message gives the reason, never the data."""


class Unreadable(NamedTuple):
    """Stands for a row that its reader could not read."""

    reason: str


class Row(NamedTuple):
    """A row as its reader found it."""

    number: int
    raw: Any
    """What the chunk's `decode` takes, or Unreadable."""
    weight: int
    """Its size in characters, roughly."""


class Record(NamedTuple):
    """A row that was read: a bare record, or a task with `data`."""

    file: str
    unit: Unit
    number: int
    key: str
    """Names this row, and no other one of the run."""
    fields: dict[str, Any]


class Rejection(NamedTuple):
    """A row without a task, and why. Holds nothing of its data."""

    file: str
    unit: Unit
    number: int
    reason: str


@dataclass(frozen=True, slots=True)
class Chunk:
    """Neighbouring rows of one file: what a worker gets at once."""

    file: str
    file_number: int
    """Of the file, among all of the run, from 1."""
    unit: Unit
    rows: Sequence[tuple[int, Any]]
    """Number and raw content."""
    decode: Callable[[Any], dict[str, Any]]
    """Raw content to fields; raises RowError."""
    consumed: int = 0
    """Bytes of all inputs that were read when this chunk was complete."""

    def records(self) -> Iterator[Record | Rejection]:
        """The rows, decoded, in their order."""
        for number, raw in self.rows:
            if isinstance(raw, Unreadable):
                yield Rejection(self.file, self.unit, number, raw.reason)
                continue
            try:
                fields = self.decode(raw)
            except RowError as reason:
                yield Rejection(self.file, self.unit, number, str(reason))
            else:
                key = f"{self.file_number}:{number}"
                yield Record(self.file, self.unit, number, key, fields)
