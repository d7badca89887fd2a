"""Read the inputs of a run as one sequence of chunks, the same for the same inputs."""

import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from adapters.preannotate.readers import delimited, json_values, parquet
from adapters.preannotate.readers.partitions import with_partitions
from adapters.preannotate.readers.sources import OpenSource, Source, opened
from adapters.preannotate.readers.text import decoded, lines
from adapters.preannotate.records import Chunk, Row, Table, Unreadable

CHUNK_ROWS = 512
"""A chunk never crosses a multiple of this many lines or rows. So the rows that share a chunk, and
with them the last digits of their scores, depend only on row numbers."""

_CHUNK_CHARACTERS = 2 * 1024 * 1024
"""A chunk ends after this many characters, which bounds the memory that large rows take."""

BROKEN = (OSError, UnicodeError, pa.ArrowException)
"""Errors that reading a damaged file raises."""


@dataclass(frozen=True)
class Inputs:
    """The inputs of a run, and how to read them."""

    sources: Sequence[Source]
    encoding: str
    wanted: Sequence[str]
    """Columns that the labeling config names: they help to find the dialect of a CSV file."""
    passed_over: Mapping[str, int] = field(default_factory=dict)
    """Files that were found and are not read, by reason."""

    @property
    def size(self) -> int:
        """Total size in bytes as stored, as far as it is known."""
        return sum(source.size for source in self.sources)

    def key(self) -> dict[str, Any]:
        """Return everything that determines the chunks, to compare two runs."""
        return {
            "chunk_rows": CHUNK_ROWS,
            "inputs": [
                [*source.identity(), source.format, *source.partitions] for source in self.sources
            ],
            "encoding": self.encoding,
        }

    def chunks(self) -> Iterator[Chunk]:
        """Read all rows, in order."""
        before = 0
        for number, source in enumerate(self.sources, start=1):
            size = source.size
            with opened(source) as content, self._table(source, content) as table:
                rows = until_broken(table.rows)

                def consumed(
                    content: OpenSource = content, size: int = size, before: int = before
                ) -> int:
                    return before + min(content.position(), size)

                yield from chunks_of(
                    with_partitions(table, source.partitions),
                    rows,
                    file=source.name,
                    file_number=number,
                    consumed=consumed,
                )
            before += size

    @contextmanager
    def _table(self, source: Source, content: OpenSource) -> Iterator[Table]:
        text: io.TextIOWrapper | None = None
        try:
            if source.format == "parquet":
                table = parquet.read(content)
            else:
                newline = "\n" if source.format == "jsonl" else ""
                text = decoded(content.stream, self.encoding, newline)
                table = self._text_table(source.format, text)
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
        return delimited.read(lines(text), self.wanted)


def until_broken(rows: Iterator[Row], first: int = 1) -> Iterator[Row]:
    """Yield rows numbered from `first`; if reading fails, the last one is Unreadable."""
    number = first - 1
    try:
        for row in rows:
            number = row.number
            yield row
    except BROKEN as error:
        yield Row(number + 1, Unreadable(reason_of(error), ends_file=True), 0)


def chunks_of(
    table: Table,
    rows: Iterator[Row],
    *,
    file: str,
    file_number: int,
    consumed: Callable[[], int] = lambda: 0,
) -> Iterator[Chunk]:
    """Group consecutive rows of a table into chunks; call `consumed` when a chunk is complete."""
    for group in _groups(rows):
        numbers, contents = [row.number for row in group], [row.raw for row in group]
        yield Chunk(file, file_number, table.unit, numbers, contents, table.decode, consumed())


def _groups(rows: Iterator[Row]) -> Iterator[list[Row]]:
    group: list[Row] = []
    size = 0
    for row in rows:
        if group and (_block(row) != _block(group[0]) or size > _CHUNK_CHARACTERS):
            yield group
            group, size = [], 0
        group.append(row)
        size += row.size
    if group:
        yield group


def reason_of(error: Exception) -> str:
    """Say why a file cannot be read. The library's own message can contain data."""
    match error:
        case pa.ArrowException() | UnicodeDecodeError():  # UnicodeDecodeError: of column names
            return "cannot be read: the file is not Parquet, or damaged from here on"
        case UnicodeError():
            return "cannot be read without a byte order mark: name its order, as in utf-16-le"
        case OSError() if error.errno is not None:
            return f"cannot be read: {error.strerror}"
    return "cannot be read: the file is damaged or cut off from here on"


def _block(row: Row) -> int:
    return (row.number - 1) // CHUNK_ROWS
