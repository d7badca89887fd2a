"""Read the rows of one file in any format. Knows no folders and no chunks."""

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from model_store.readers import INPUT_SUFFIXES, delimited, json_values, parquet
from model_store.readers.content import (
    BROKEN,
    COMPRESSED_SUFFIXES,
    Content,
    check_format,
    reason_of,
)
from model_store.readers.dialects import Given
from model_store.readers.rows import Row, Table, Unreadable
from model_store.readers.text import decoded, lines


@dataclass(frozen=True)
class Reading:
    """How to read a file."""

    encoding: str = "utf-8"
    wanted: Sequence[str] = ()
    """Columns that the user of the rows needs: they help to find the dialect of a CSV file."""
    dialect: Given = field(default_factory=Given)
    """What is known of the dialect of a CSV file."""

    @contextmanager
    def table(self, format_name: str, content: Content) -> Iterator[Table]:
        """Yield the rows of a file; a file that cannot be read has one row, Unreadable."""
        text: io.TextIOWrapper | None = None
        try:
            check_format(content, is_text=format_name != "parquet")
            if format_name == "parquet":
                table = parquet.read(content)
            else:
                newline = "\n" if format_name == "jsonl" else ""
                text = decoded(content.stream, self.encoding, newline)
                table = self._text_table(format_name, text)
        except BROKEN as error:
            table = Table(
                "row", dict, iter([Row(1, Unreadable(reason_of(error), ends_file=True), 0)])
            )
        try:
            yield table
        finally:
            if text is not None:
                text.detach()  # otherwise it closes the stream below it

    def _text_table(self, format_name: str, text: io.TextIOWrapper) -> Table:
        match format_name:
            case "jsonl":
                return json_values.read_lines(lines(text))
            case "json":
                return json_values.read_values(text.read)
        return delimited.read(lines(text), self.wanted, self.dialect)


def until_broken(rows: Iterator[Row], first: int = 1) -> Iterator[Row]:
    """Yield rows numbered from `first`; if reading fails, the last one is Unreadable."""
    number = first - 1
    try:
        for row in rows:
            number = row.number
            yield row
    except BROKEN as error:
        yield Row(number + 1, Unreadable(reason_of(error), ends_file=True), 0)


def format_of(suffixes: Sequence[str]) -> str | None:
    """Return the format that the suffixes of a file name; those of compression are ignored."""
    known = [suffix.lower() for suffix in suffixes]
    while known and known[-1] in COMPRESSED_SUFFIXES:
        known.pop()
    return INPUT_SUFFIXES.get(known[-1]) if known else None
