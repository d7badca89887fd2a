"""The rows of a run: in chunks, decoded, or rejected with a reason.

Knows no file format and no model. Everything here can be pickled.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from model_store.readers.rows import RowError, Unit, Unreadable


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
    class_names: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """See `Table.class_names`."""

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
