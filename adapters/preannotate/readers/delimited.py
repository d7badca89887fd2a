"""Read the rows of CSV and TSV files of any dialect. A bad row does not affect good ones."""

import csv
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice, product
from typing import Any

from adapters.preannotate.readers.text import NOT_TEXT, is_encodable
from adapters.preannotate.records import (
    MAX_CHARACTERS,
    TOO_LONG,
    Row,
    RowError,
    Table,
    Unreadable,
    unique_names,
)

_SAMPLE_LINES = 100
_SAMPLE_CHARACTERS = 256 * 1024
_FIELD_SIZE = 16
_BAD_QUOTES = "has quotes that do not match"

Line = tuple[int, str | None]


@dataclass(frozen=True)
class Dialect:
    """Delimiter and quoting of a file."""

    delimiter: str
    quote: str = '"'
    escape: str | None = None
    """The character before a quote inside a quoted field; None if the quote is doubled."""
    skips_space: bool = False
    """Whether blanks after a delimiter are skipped."""

    def reader(self, lines: Iterator[str]) -> Iterator[list[str]]:
        """Return Python's reader for this dialect; it raises csv.Error if quotes do not match."""
        return csv.reader(
            lines,
            delimiter=self.delimiter,
            quotechar=self.quote,
            escapechar=self.escape,
            doublequote=self.escape is None,
            skipinitialspace=self.skips_space,
            strict=True,
        )


# In order of preference, for files that several dialects fit equally well.
_DIALECTS = tuple(
    Dialect(delimiter, quote, escape, skips_space)
    for skips_space, (quote, escape), delimiter in product(
        (False, True), (('"', None), ("'", None), ('"', "\\")), (",", "\t", ";", "|")
    )
)


def read(lines: Iterator[Line], wanted: Sequence[str]) -> Table:
    """Read a delimited file whose first row names the columns, without blank lines.

    A dialect that gives the header one of the names in `wanted` is preferred.
    """
    csv.field_size_limit(MAX_CHARACTERS)
    sample = _sample(lines)
    dialect = find_dialect([line for _, line in sample if line is not None], wanted)
    rows = _rows(_Lines(chain(sample, lines)), dialect)
    header = next(rows, None)
    if header is None:
        return Table("line", _fields, iter([Row(1, Unreadable("the file is empty"), 0)]))
    if isinstance(header.raw, Unreadable) or not is_encodable("".join(header.raw)):
        reason = getattr(header.raw, "reason", NOT_TEXT)
        unreadable = Unreadable(
            f"the header {reason}; nothing of the file was read", ends_file=True
        )
        return Table("line", _fields, iter([Row(header.number, unreadable, 0)]))
    return Table("line", partial(_fields, unique_names(header.raw)), rows)


def find_dialect(sample: Sequence[str], wanted: Sequence[str]) -> Dialect:
    """Return the dialect that fits these lines best."""
    return max(_DIALECTS, key=lambda dialect: _fit(sample, dialect, wanted))


def _fit(sample: Sequence[str], dialect: Dialect, wanted: Sequence[str]) -> tuple[bool, float, int]:
    """Return whether the header has a wanted column, the share of rows like it, its length."""
    lines = _Lines(enumerate(sample, start=1))
    rows = [row.raw for row in _rows(lines, dialect)]
    if not rows or isinstance(rows[0], Unreadable):
        return (False, 0.0, 0)
    header = rows[0]
    alike = sum(
        not isinstance(row, Unreadable)
        and len(row) == len(header)
        # Under another quote character, a double quote at the start of a field is suspicious.
        and (dialect.quote == '"' or not any(field.startswith('"') for field in row))
        for row in rows
    )
    # Almost any file fits a single column.
    share = alike / len(rows) if len(header) > 1 or len(rows) == 1 else alike / len(rows) / 2
    return (any(name in header for name in wanted), share, len(header))


def _fields(header: Sequence[str], row: list[str]) -> dict[str, Any]:
    if len(row) != len(header):
        raise RowError(f"has {len(row)} fields, the header has {len(header)}")
    if not is_encodable("".join(row)):
        raise RowError(NOT_TEXT)
    return dict(zip(header, row, strict=True))


def _rows(lines: "_Lines", dialect: Dialect) -> Iterator[Row]:
    reader = dialect.reader(lines)
    while True:
        lines.begin_row()
        try:
            row = next(reader)
        except StopIteration:
            return
        except (csv.Error, RowError) as error:
            # The following lines can be good rows that an open quote swallowed.
            lines.give_back_all_but_first()
            reason = str(error) if isinstance(error, RowError) else _BAD_QUOTES
            yield Row(lines.row_number, Unreadable(reason), 0)
            continue
        if row:
            yield Row(lines.row_number, row, sum(map(len, row)) + _FIELD_SIZE * len(row))


def _sample(lines: Iterator[Line]) -> list[Line]:
    sample: list[Line] = []
    size = 0
    for number, line in islice(lines, _SAMPLE_LINES):
        sample.append((number, line))
        size += len(line or "")
        if size > _SAMPLE_CHARACTERS:
            break
    return sample


class _Lines(Iterator[str]):
    """The lines of a file, with the lines of the current row kept for rereading."""

    def __init__(self, lines: Iterator[Line]) -> None:
        self._lines = lines
        self._given_back: deque[Line] = deque()
        self._taken: list[Line] = []
        self._size = 0

    def __next__(self) -> str:
        line = self._given_back.popleft() if self._given_back else next(self._lines)
        self._taken.append(line)
        if line[1] is not None:
            self._size += len(line[1])
            if self._size <= MAX_CHARACTERS:
                return line[1]
        raise RowError(TOO_LONG)

    @property
    def row_number(self) -> int:
        """The number of the first line of the current row."""
        return self._taken[0][0]

    def begin_row(self) -> None:
        """Start another row with the next line."""
        self._taken = []
        self._size = 0

    def give_back_all_but_first(self) -> None:
        """Return the lines of the current row, without the first, to be read again."""
        self._given_back.extendleft(reversed(self._taken[1:]))
