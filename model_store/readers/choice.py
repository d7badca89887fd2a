"""Find the dialect of a CSV or TSV file from its first lines.

A dialect replaces a more common one only if it reads more rows that the other cannot read than it
changes or loses: a damaged row never changes what the other rows say.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from model_store.readers.delimited_rows import Columns, Lines, rows
from model_store.readers.dialects import DELIMITERS, Dialect, Fields, Given
from model_store.readers.rows import Unreadable

_SEPARATOR_LINE = re.compile(r'"?sep=([^"\r\n])"?[\r\n]*')


@dataclass(frozen=True)
class _Read:
    """The sample as one dialect reads it."""

    dialect: Dialect
    header: Fields
    rows: dict[int, Fields]
    """The rows that fit the header, by the number of their first line."""
    lines: frozenset[int]
    """The lines of these rows."""
    sound: frozenset[int]
    """Those of the fitting rows whose quotes are as a program writes them."""
    count: int
    """Number of rows, those included that do not fit."""

    def columns(self) -> Columns:
        """Return what the fitting rows tell about the columns."""
        return Columns.of(list(self.rows.values()))

    def replaces(self, other: "_Read") -> bool:
        """Whether this dialect reads more lines that the other cannot than it changes or loses."""
        gained, lost = len(self.lines - other.lines), len(other.lines - self.lines)
        both = self.rows.keys() & other.rows.keys()
        changed = sum(
            self.rows[number] != other.rows[number] and number in other.sound for number in both
        )
        nulls = sum(
            None in fields and None not in other.rows.get(number, ())
            for number, fields in self.rows.items()
        )
        # A single damaged row can look escaped. Two, or a field \N, cannot; programs that escape
        # then escape every backslash.
        rows = sum(number not in other.lines for number in self.rows)
        if nulls or (self.dialect.escape and rows > 1):
            changed = 0
        is_enough = gained + nulls > lost + changed
        return is_enough and gained + nulls >= self._least()

    def _least(self) -> int:
        """Quotes are usual in CSV, and less so in TSV: one row with a stray quote proves little."""
        is_raw = self.dialect.quote is None and self.dialect.escape is None
        is_usual = self.dialect.delimiter == "\t" and len(self.header) > 1
        return 2 if is_raw and not is_usual else 1


def separator_of(line: str) -> str | None:
    """Return the delimiter that a first line `sep=;` names, as Excel reads and writes it."""
    match = _SEPARATOR_LINE.fullmatch(line)
    return match.group(1) if match else None


def find_dialect(
    sample: Sequence[str], wanted: Sequence[str], given: Given, *, is_whole: bool = True
) -> tuple[Dialect, Columns]:
    """Return the dialect that fits these lines best, and what its rows tell about the columns.

    A dialect that gives the header one of the names in `wanted` is preferred. `is_whole` says
    whether the sample is the whole file.
    """
    best: _Read | None = None
    for delimiter in (given.delimiter,) if given.delimiter else _delimiters("".join(sample)):
        read = _best_quoting(sample, delimiter, wanted, given, is_whole=is_whole)
        if best is None or _fit(read, wanted) > _fit(best, wanted):
            best = read
    assert best is not None
    return best.dialect, best.columns()


def _delimiters(text: str) -> list[str]:
    """Return the delimiters to try: one of those that do not occur stands for all of them."""
    absent = [delimiter for delimiter in DELIMITERS if delimiter not in text]
    return [delimiter for delimiter in DELIMITERS if delimiter not in absent[1:]]


def _fit(read: _Read, wanted: Sequence[str]) -> tuple[bool, float, int]:
    """Return whether the header has a wanted column, the share of rows like it, its length."""
    if not read.header:
        return (False, 0.0, 0)
    share = len(read.rows) / read.count
    # Almost any file fits a single column.
    share = share if len(read.header) > 1 or read.count == 1 else share / 2
    return (_has(read.header, wanted), share, len(read.header))


def _best_quoting(
    sample: Sequence[str], delimiter: str, wanted: Sequence[str], given: Given, *, is_whole: bool
) -> _Read:
    usual, *others = _candidates("".join(sample), delimiter, given)
    best = _read(sample, usual, given)
    if not is_whole:
        sample = sample[: _last_whole(sample, best)]
        best = _read(sample, usual, given)
    for dialect in others:
        read = _read(sample, dialect, given)
        names = _has(read.header, wanted), _has(best.header, wanted)
        if names[0] > names[1] or (names[0] == names[1] and read.replaces(best)):
            best = read
    return best


def _has(header: Fields, wanted: Sequence[str]) -> bool:
    return any(name in header for name in wanted)


def _candidates(text: str, delimiter: str, given: Given) -> Iterator[Dialect]:
    """Yield the dialects that the sample can be in, the most common one first."""
    quotes = ('"', "'", None) if given.quote is None else (given.quote or None,)
    escapes = (None, "\\") if given.escape is None else (given.escape or None,)
    every = [
        Dialect(delimiter, quote, escape if escape != quote else None, skips_space)
        for skips_space, quote, escape in (
            (False, '"', None),
            (False, "'", None),
            (False, None, "\\"),
            (False, '"', "\\"),
            (False, None, None),
            (True, '"', None),
            (True, "'", None),
        )
        if quote in quotes and escape in escapes
    ]
    if not every or given.quote is not None or given.escape is not None:
        every = [Dialect(delimiter, q, e if e != q else None) for q in quotes for e in escapes]
    first, *others = every
    yield first
    for dialect in others:
        marks = [dialect.escape, dialect.quote or '"', f"{delimiter} " * dialect.skips_space]
        if all(mark in text for mark in marks if mark is not None):
            yield dialect


def _read(sample: Sequence[str], dialect: Dialect, given: Given) -> _Read:
    read = _read_with(sample, dialect, given, Columns())
    if len(read.lines) > len(read.rows):  # rows of several lines: are they rows of one line each?
        read = _read_with(sample, dialect, given, read.columns())
    return read


def _read_with(sample: Sequence[str], dialect: Dialect, given: Given, columns: Columns) -> _Read:
    source = Lines(enumerate(sample, start=1))
    header: Fields = given.columns or ()
    fitting: dict[int, Fields] = {}
    covered: set[int] = set()
    sound: set[int] = set()
    count = 0
    for row in rows(source, dialect, len(header), columns):
        count += 1
        if isinstance(row.raw, Unreadable):
            if count == 1 and not header:
                break
            continue
        header = header or row.raw
        if len(row.raw) == len(header) and not _is_suspicious(row.raw, dialect):
            fitting[row.number] = row.raw
            covered.update(source.numbers)
            if dialect.quote is None or dialect.is_well_formed(source.text):
                sound.add(row.number)
    return _Read(
        dialect, header, fitting, frozenset(covered), frozenset(sound), count=max(count, 1)
    )


def _is_suspicious(fields: Fields, dialect: Dialect) -> bool:
    """Whether a field begins with a quote that the dialect takes for text."""
    if dialect.quote == '"' or (dialect.quote is None and dialect.escape is None):
        return False
    return any(field and field[0] == '"' for field in fields)


def _last_whole(sample: Sequence[str], read: _Read) -> int:
    """Return where the row begins that the end of the sample cuts, if one does in its last half."""
    last = max(read.lines, default=0)
    return last if last > len(sample) // 2 else len(sample)
