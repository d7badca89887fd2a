"""The inputs of a run as one sequence of chunks, always the same for the same inputs."""

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import pyarrow as pa
import zstandard

from adapters.preannotate import delimited, json_values, parquet
from adapters.preannotate.records import Chunk, Row, Unreadable
from adapters.preannotate.sources import OpenSource, Source, opened
from adapters.preannotate.tables import Table
from adapters.preannotate.text import decoded, lines

CHUNK_ROWS = 512
_CHUNK_WEIGHT = 2 * 1024 * 1024
"""Characters, after which a chunk ends: what bounds the memory that rows of any size take."""

_BROKEN = (OSError, EOFError, zlib.error, zstandard.ZstdError, pa.ArrowException)


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
            with opened(source) as content:
                yield from self._chunks_of(source, number, content, consumed)
            consumed += source.size

    def _chunks_of(
        self, source: Source, file_number: int, content: OpenSource, consumed: int
    ) -> Iterator[Chunk]:
        table = None
        rows: list[Row] = []
        weight, last = 0, 0
        try:
            table = self._table(source, content)
            for row in table.rows:
                rows.append(row)
                weight, last = weight + row.weight, row.number
                if len(rows) == CHUNK_ROWS or weight > _CHUNK_WEIGHT:
                    yield _chunk(source, file_number, table, rows, consumed + content.position())
                    rows, weight = [], 0
        except _BROKEN as error:
            rows.append(Row(last + 1, Unreadable(_reason(error)), 0))
        if rows:
            table = table or Table("row", dict, iter(()))
            yield _chunk(source, file_number, table, rows, consumed + source.size)

    def _table(self, source: Source, content: OpenSource) -> Table:
        if source.format == "parquet":
            return parquet.read(content)
        text = partial(decoded, content.stream, self.encoding)
        match source.format:
            case "jsonl":
                return json_values.read_lines(lines(text(newline="\n")))
            case "json":
                return json_values.read_values(text(newline="").read)
        return delimited.read(lines(text(newline="")), self.wanted)


def _chunk(
    source: Source, file_number: int, table: Table, rows: Sequence[Row], consumed: int
) -> Chunk:
    content = [(row.number, row.raw) for row in rows]
    return Chunk(source.name, file_number, table.unit, content, table.decode, consumed)


def _reason(error: Exception) -> str:
    """Why a file cannot be read on. The library's own message may hold some of its content."""
    match error:
        case EOFError() | zlib.error() | zstandard.ZstdError():
            return "cannot be read: the compressed file is damaged or cut off here"
        case pa.ArrowException():
            return "cannot be read: the file is no Parquet, or damaged from here on"
        case OSError() if error.errno is not None:
            return f"cannot be read: {error.strerror}"
    return "cannot be read: the file is damaged from here on"
