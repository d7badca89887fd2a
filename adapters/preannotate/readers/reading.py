"""The inputs of a run as one sequence of chunks, always the same for the same inputs."""

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import pyarrow as pa

from adapters.preannotate.readers import delimited, json_values, parquet
from adapters.preannotate.readers.tables import Table
from adapters.preannotate.readers.text import decoded, lines
from adapters.preannotate.records import Chunk, Row, Unreadable
from adapters.preannotate.sources import OpenSource, Source, opened

CHUNK_ROWS = 512
"""A chunk never reaches beyond a multiple of so many lines or rows: which rows share a chunk, and
so the last digits of their scores, depends on their numbers and on nothing that comes before."""

_CHUNK_WEIGHT = 2 * 1024 * 1024
"""Characters, after which a chunk ends: what bounds the memory that rows of any size take."""

BROKEN = (OSError, UnicodeError, pa.ArrowException)
"""What reading a damaged file raises."""


@dataclass(frozen=True)
class Inputs:
    """What is read, and how."""

    sources: Sequence[Source]
    encoding: str
    wanted: Sequence[str]
    """Columns that the labeling config names: a help to find the dialect of a CSV file."""

    def chunks(self) -> Iterator[Chunk]:
        """All rows, in their order."""
        consumed = 0
        for number, source in enumerate(self.sources, start=1):
            size = source.size
            with opened(source) as content, self._table(source, content) as table:
                for rows in in_chunks(until_broken(table.rows)):
                    position = consumed + min(content.position(), size)
                    yield chunk_of(source.name, number, table, rows, position)
            consumed += size

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
            table = Table("row", dict, iter([Row(1, Unreadable(reason_of(error)), 0)]))
        try:
            yield table
        finally:
            if text is not None:
                text.detach()  # else it would close what it was made of

    def _text_table(self, format_name: str, text: io.TextIOWrapper) -> Table:
        match format_name:
            case "jsonl":
                return json_values.read_lines(lines(text))
            case "json":
                return json_values.read_values(text.read)
        return delimited.read(lines(text), self.wanted)


def until_broken(rows: Iterator[Row], first: int = 1) -> Iterator[Row]:
    """The rows, from number `first` on; where the file cannot be read on, the last one says so."""
    number = first - 1
    try:
        for row in rows:
            number = row.number
            yield row
    except BROKEN as error:
        yield Row(number + 1, Unreadable(reason_of(error)), 0)


def in_chunks(rows: Iterator[Row]) -> Iterator[list[Row]]:
    """Neighbouring rows, as they go through the step together."""
    chunk: list[Row] = []
    weight = 0
    for row in rows:
        if chunk and (_block(row) != _block(chunk[0]) or weight > _CHUNK_WEIGHT):
            yield chunk
            chunk, weight = [], 0
        chunk.append(row)
        weight += row.weight
    if chunk:
        yield chunk


def chunk_of(
    name: str, file_number: int, table: Table, rows: Sequence[Row], consumed: int = 0
) -> Chunk:
    """The rows with all that a worker needs."""
    content = [(row.number, row.raw) for row in rows]
    return Chunk(name, file_number, table.unit, content, table.decode, consumed)


def reason_of(error: Exception) -> str:
    """Why a file cannot be read on. The library's own message may hold some of its content."""
    match error:
        case pa.ArrowException() | UnicodeDecodeError():  # the latter of names of its columns
            return "cannot be read: the file is no Parquet, or damaged from here on"
        case UnicodeError():
            return "cannot be read without a byte order mark: name its order, as in utf-16-le"
        case OSError() if error.errno is not None:
            return f"cannot be read: {error.strerror}"
    return "cannot be read: the file is damaged, or cut off, from here on"


def _block(row: Row) -> int:
    return (row.number - 1) // CHUNK_ROWS
