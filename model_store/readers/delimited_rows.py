"""Read the rows of lines in a known dialect; a damaged row costs only itself.

Where quotes do not match, all lines of the row but its first are read again. Where they match by
chance, as two stray quotes in two rows do, the lines between them look like rows of their own.
"""

import csv
import re
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from model_store.readers.dialects import Dialect, Fields
from model_store.readers.rows import MAX_CHARACTERS, TOO_LONG, Row, RowError, Unreadable

_FIELD_SIZE = 16
_BAD_QUOTES = "has quotes that do not match"
_LOOKAHEAD = 256 * 1024
"""Characters to read at most to find out whether a row swallowed others."""
_NUMBER = re.compile(r"[+-]?\d+(?:[.,]\d+)?")
_WORD = re.compile(r"\S+")

Line = tuple[int, str | None]


@dataclass(frozen=True)
class Columns:
    """Which columns hold numbers or single words in every row: a line of prose does not."""

    shapes: tuple[re.Pattern[str] | None, ...] = ()

    @classmethod
    def of(cls, rows: Sequence[Fields]) -> "Columns":
        """Compare rows, the header first; a single row below it tells nothing."""
        first, *others = [
            row for row in rows[1:] if all("\n" not in (field or "") for field in row)
        ] or [()]
        return cls(tuple(map(_shape, zip(first, *others, strict=True)))) if others else cls()

    def have_numbers(self, fields: Fields) -> bool:
        """Whether a row has a number in each column that holds numbers."""
        return all(
            shape is not _NUMBER or shape.fullmatch(field or "")
            for shape, field in zip(self.shapes, fields, strict=False)
        )

    def fit(self, fields: Sequence[str]) -> bool:
        """Whether the fields of a line could be a row; never if all columns hold any text."""
        if len(fields) != len(self.shapes) or not any(self.shapes):
            return False
        pairs = zip(self.shapes, fields, strict=True)
        return all(shape is None or shape.fullmatch(field.strip('"')) for shape, field in pairs)


def _shape(values: Sequence[str | None]) -> re.Pattern[str] | None:
    for shape in (_NUMBER, _WORD):
        if all(value is not None and shape.fullmatch(value) for value in values):
            return shape
    return None


class Lines(Iterator[str]):
    """The lines of a file, with the lines of the current row kept for rereading."""

    __slots__ = ("_given_back", "_left", "_lines", "taken")  # faster, once or more for each row

    def __init__(self, lines: Iterator[Line]) -> None:
        self._lines = lines
        self._given_back: deque[Line] = deque()
        self.taken: list[Line] = []
        """The lines of the current row."""
        self._left = MAX_CHARACTERS
        """Characters that the current row may still have."""

    def __next__(self) -> str:
        line = self._given_back.popleft() if self._given_back else next(self._lines)
        self.taken.append(line)
        text = line[1]
        if text is not None:
            self._left -= len(text)
            if self._left >= 0:
                return text
        raise RowError(TOO_LONG)

    @property
    def numbers(self) -> Iterator[int]:
        """The numbers of the lines of the current row."""
        return (number for number, _ in self.taken)

    @property
    def row_number(self) -> int:
        """The number of the first line of the current row."""
        return self.taken[0][0]

    @property
    def text(self) -> str:
        """The lines of the current row."""
        return "".join(line or "" for _, line in self.taken)

    def begin_row(self, limit: int | None = None) -> None:
        """Start another row with the next line."""
        self.taken = []
        self._left = limit or MAX_CHARACTERS

    def give_back(self, lines: Sequence[Line]) -> None:
        """Return lines to be read again before all others."""
        self._given_back.extendleft(reversed(lines))

    def skip(self, count: int) -> None:
        """Drop lines that were given back."""
        for _ in range(count):
            self._given_back.popleft()


def rows(lines: Lines, dialect: Dialect, width: int, columns: Columns) -> Iterator[Row]:
    """Yield the rows, without blank lines. `width` is 0 if the first row is the header."""
    reader = dialect.reader(lines)
    begin_row = lines.begin_row
    while True:
        begin_row()
        try:
            fields = next(reader)
        except StopIteration:
            return
        except (csv.Error, RowError) as error:
            # The following lines can be good rows that an open quote swallowed.
            lines.give_back(lines.taken[1:])
            reason = str(error) if isinstance(error, RowError) else _BAD_QUOTES
            yield Row(lines.row_number, Unreadable(reason), 0)
            continue
        if not fields:
            continue
        if len(lines.taken) > 1 and width and _swallows(lines, dialect, fields, width, columns):
            yield Row(lines.row_number, Unreadable(_BAD_QUOTES), 0)
            continue
        width = width or len(fields)
        try:
            size = sum(map(len, fields))  # type: ignore[arg-type]
        except TypeError:  # a null
            size = len(joined(fields))
        yield Row(lines.taken[0][0], fields, size + _FIELD_SIZE * len(fields))


def joined(fields: Fields) -> str:
    """Return all text of a row."""
    try:
        return "".join(fields)  # type: ignore[arg-type]  # the fast way, where no field is null
    except TypeError:
        return "".join(field or "" for field in fields)


def _swallows(lines: Lines, dialect: Dialect, fields: Fields, width: int, columns: Columns) -> bool:
    """Whether the lines of a row after its first are rows, too. Then they are given back."""
    taken = lines.taken
    inner = taken[1:]
    if not _can_begin_row(inner, dialect, width):
        return False
    lines.give_back(inner)
    if _are_rows(lines, len(inner), dialect, width, columns):
        found = True
    else:
        # A line that no quote opens or closes: as a program writes it that never quotes.
        checked = taken if len(fields) == width else inner
        found = width > 1 and all(columns.fit(dialect.split(line or "")) for _, line in checked)
    if not found:
        lines.skip(len(inner))
    lines.taken = taken
    return found


def _can_begin_row(inner: Sequence[Line], dialect: Dialect, width: int) -> bool:
    """Whether the first line that is not blank can begin a row: a quick answer for most lines."""
    line = next((line for _, line in inner if line and not line.isspace()), "")
    if line.count(dialect.delimiter) == width - 1 or (dialect.escape and dialect.escape in line):
        return True
    opening = line.find(dialect.quote or "")
    return opening == 0 or (opening > 0 and line[opening - 1] in (dialect.delimiter, " "))


def _are_rows(lines: Lines, count: int, dialect: Dialect, width: int, columns: Columns) -> bool:
    """Whether well-formed rows begin with the next `count` lines. Gives all lines back."""
    reader = dialect.reader(lines)
    read: list[Line] = []
    found = False
    while len(read) < count:
        lines.begin_row(_LOOKAHEAD)
        try:
            fields = next(reader)
            is_row = (
                len(fields) == width
                and dialect.is_well_formed(lines.text)
                and columns.have_numbers(fields)
            )
        except (StopIteration, csv.Error, RowError):
            is_row, fields = False, [""]
        read += lines.taken
        if fields and not is_row:
            found = False
            break
        found = found or is_row
    lines.give_back(read)
    return found
