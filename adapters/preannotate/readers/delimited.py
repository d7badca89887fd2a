"""CSV and TSV, of any dialect, to rows. A bad row never costs a good one."""

import csv
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice, product
from typing import Any

from adapters.preannotate.readers.tables import Table, unique_names
from adapters.preannotate.readers.text import NOT_TEXT, is_encodable
from adapters.preannotate.records import MAX_CHARACTERS, TOO_LONG, Row, RowError, Unreadable

_SAMPLE_LINES = 100
_SAMPLE_CHARACTERS = 256 * 1024
_FIELD_WEIGHT = 16
_BAD_QUOTES = "has quotes that do not match"

Line = tuple[int, str | None]


@dataclass(frozen=True)
class Dialect:
    """How fields are told apart."""

    delimiter: str
    quote: str = '"'
    escape: str | None = None
    """What stands before a quote inside of quotes; by default the quote is written twice."""
    skips_space: bool = False
    """Whether blanks after a delimiter are no part of the field."""

    def reader(self, lines: Iterator[str]) -> Iterator[list[str]]:
        """Python's reader for this dialect; it raises csv.Error where quotes do not match."""
        return csv.reader(
            lines,
            delimiter=self.delimiter,
            quotechar=self.quote,
            escapechar=self.escape,
            doublequote=self.escape is None,
            skipinitialspace=self.skips_space,
            strict=True,
        )


# In the order in which they are preferred when several explain a file equally well.
_DIALECTS = tuple(
    Dialect(delimiter, quote, escape, skips_space)
    for skips_space, (quote, escape), delimiter in product(
        (False, True), (('"', None), ("'", None), ('"', "\\")), (",", "\t", ";", "|")
    )
)


def read(lines: Iterator[Line], wanted: Sequence[str]) -> Table:
    """The rows of a delimited file whose first row names the columns.

    `wanted` are names of columns that are looked for, which helps to find the dialect. Blank lines
    are passed over.
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
        unreadable = Unreadable(f"the header {reason}; nothing of the file was read")
        return Table("line", _fields, iter([Row(header.number, unreadable, 0)]))
    return Table("line", partial(_fields, unique_names(header.raw)), rows)


def find_dialect(sample: Sequence[str], wanted: Sequence[str]) -> Dialect:
    """The dialect that explains these lines best."""
    return max(_DIALECTS, key=lambda dialect: _fit(sample, dialect, wanted))


def _fit(sample: Sequence[str], dialect: Dialect, wanted: Sequence[str]) -> tuple[bool, float, int]:
    """Whether the header has a wanted column; share of rows like it; number of columns."""
    lines = _Lines(enumerate(sample, start=1))
    rows = [row.raw for row in _rows(lines, dialect)]
    if not rows or isinstance(rows[0], Unreadable):
        return (False, 0.0, 0)
    header = rows[0]
    alike = sum(
        not isinstance(row, Unreadable)
        and len(row) == len(header)
        # With other quotes, a stray one of these would be a part of the text.
        and (dialect.quote == '"' or not any(field.startswith('"') for field in row))
        for row in rows
    )
    # A single column would explain almost anything.
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
            # What follows may be good rows that were taken for the rest of this one.
            lines.give_back_all_but_first()
            reason = str(error) if isinstance(error, RowError) else _BAD_QUOTES
            yield Row(lines.row_number, Unreadable(reason), 0)
            continue
        if row:
            yield Row(lines.row_number, row, sum(map(len, row)) + _FIELD_WEIGHT * len(row))


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
    """The lines of a file, of which those of the row at hand can be given back."""

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
        """The number of the first line of the row at hand."""
        return self._taken[0][0]

    def begin_row(self) -> None:
        """What is taken from now on belongs to another row."""
        self._taken = []
        self._size = 0

    def give_back_all_but_first(self) -> None:
        """Have the lines of the row at hand read again, without its first."""
        self._given_back.extendleft(reversed(self._taken[1:]))
