r"""Dialects of CSV and TSV, and the reader of each.

Python's csv module reads the dialects whose quotes are doubled. It cannot read those with escapes
as MySQL, Spark and Hive write them: it drops every escape character, also the one in `C:\temp`,
and with `doublequote=False` it does not notice text after a closing quote. pyarrow's reader drops
them, too.
"""

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

Fields = Sequence[str | None]

DELIMITERS = (",", "\t", ";", "|")


@dataclass(frozen=True)
class Given:
    """What the user says of the dialect of a file; None is to be found."""

    delimiter: str | None = None
    quote: str | None = None
    """Empty if nothing quotes."""
    escape: str | None = None
    """Empty if nothing escapes."""
    columns: tuple[str, ...] | None = None
    """The names of the columns of a file without a header."""

    def to_json(self) -> dict[str, Any]:
        """Return what is given, to compare two runs by."""
        given = {name: value for name, value in vars(self).items() if value is not None}
        return {"dialect": given} if given else {}


@dataclass(frozen=True)
class Dialect:
    """Delimiter and quoting of a file."""

    delimiter: str
    quote: str | None = '"'
    """None if nothing quotes: each line is a row."""
    escape: str | None = None
    """The character before a quote, a delimiter or itself that stands for this character alone, and
    before an N for null; None if a quote is doubled. Before any other character it is text."""
    skips_space: bool = False
    """Whether blanks after a delimiter are skipped."""

    def reader(self, lines: Iterator[str]) -> Iterator[Fields]:
        """Return a reader of rows; it raises csv.Error if quotes do not match."""
        if self.escape is not None:
            return _Escaped(lines, self)
        if self.quote is None:
            return map(self.split, lines)
        return csv.reader(
            lines,
            delimiter=self.delimiter,
            quotechar=self.quote,
            skipinitialspace=self.skips_space,
            strict=True,
        )

    def split(self, line: str) -> list[str]:
        """Return the fields of a line in which nothing quotes or escapes."""
        content = line.rstrip("\r\n")
        return content.split(self.delimiter) if content else []

    def is_well_formed(self, row: str) -> bool:
        """Whether every quote in the lines of a row encloses a field, is doubled, or escaped."""
        return self._row.fullmatch(row) is not None

    @cached_property
    def _row(self) -> re.Pattern[str]:
        quote, delimiter = re.escape(self.quote or ""), re.escape(self.delimiter)
        if self.escape is None:
            quoted = rf"{quote}[^{quote}]*+(?:{quote}{quote}[^{quote}]*+)*+{quote}"
            plain = rf"[^{quote}{delimiter}\r\n]*+"
        else:
            escape = re.escape(self.escape)
            quoted = rf"{quote}(?:[^{quote}{escape}]|{escape}.)*+{quote}"
            plain = rf"(?:[^{quote}{delimiter}{escape}\r\n]|{escape}[^\r\n])*+"
        field = rf"(?:{quoted}|{plain})"
        before = f"{delimiter} *" if self.skips_space else delimiter
        return re.compile(rf"{field}(?:{before}{field})*+[\r\n]*", re.DOTALL)


class _Escaped:
    """Reads rows in which one character escapes quotes, delimiters and itself."""

    def __init__(self, lines: Iterator[str], dialect: Dialect) -> None:
        assert dialect.escape is not None
        self._lines = lines
        self._dialect = dialect
        escape, delimiter = re.escape(dialect.escape), re.escape(dialect.delimiter)
        quote = re.escape(dialect.quote or '"')
        self._plain = re.compile(
            rf"(?:[^{delimiter}{escape}\r\n]++|{escape}[^\r\n])*+{escape}?+", re.DOTALL
        )
        self._in_quotes = re.compile(rf"(?:[^{quote}{escape}]++|{escape}.)*+", re.DOTALL)
        self._escaped = re.compile(rf"{escape}([{quote}{delimiter}{escape}])")

    def __iter__(self) -> Iterator[Fields]:
        return self

    def __next__(self) -> Fields:
        line = next(self._lines)
        dialect = self._dialect
        assert dialect.escape is not None
        if dialect.escape not in line and (dialect.quote is None or dialect.quote not in line):
            return dialect.split(line)
        fields: list[str | None] = []
        position = -1
        while position < 0 or line.startswith(dialect.delimiter, position):
            position += 1
            if dialect.quote is not None and line.startswith(dialect.quote, position):
                field, line, position = self._quoted(line, position + 1)
            else:
                match = self._plain.match(line, position)
                assert match is not None
                field, position = match.group(), match.end()
                if field == f"{dialect.escape}N":
                    fields.append(None)
                    continue
            fields.append(self._escaped.sub(r"\1", field))
        if line[position:].strip("\r\n"):
            raise csv.Error
        return fields

    def _quoted(self, line: str, position: int) -> tuple[str, str, int]:
        """Return the field from `position` on, the line where it ends, and the position there."""
        pieces: list[str] = []
        while True:
            match = self._in_quotes.match(line, position)
            assert match is not None
            pieces.append(match.group())
            if match.end() < len(line) and line[match.end()] == self._dialect.quote:
                return "".join(pieces), line, match.end() + 1
            try:
                line, position = next(self._lines), 0
            except StopIteration:
                raise csv.Error from None
