"""Read the inputs of a run as one sequence of chunks, the same for the same inputs."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from adapters.preannotate.readers.partitions import with_partitions
from adapters.preannotate.readers.sources import Source, opened
from adapters.preannotate.records import Chunk, Record
from model_store.readers.content import Content
from model_store.readers.reading import Reading, until_broken
from model_store.readers.rows import Row, Table

CHUNK_ROWS = 512
"""A chunk never crosses a multiple of this many lines or rows. So the rows that share a chunk, and
with them the last digits of their scores, depend only on row numbers."""

_CHUNK_CHARACTERS = 2 * 1024 * 1024
"""A chunk ends after this many characters, which bounds the memory that large rows take."""

_NOTED_ROWS = 5


@dataclass(frozen=True)
class Inputs:
    """The inputs of a run, and how to read them."""

    sources: Sequence[Source]
    reading: Reading
    passed_over: Mapping[str, int] = field(default_factory=dict)
    """Files that were found and are not read, by reason."""
    unmatched: dict[str, list[str]] = field(default_factory=dict)
    """The columns of files whose first rows have none that the labeling config names."""

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
            "encoding": self.reading.encoding,
            **self.reading.dialect.to_json(),
        }

    def chunks(self) -> Iterator[Chunk]:
        """Read all rows, in order."""
        before = 0
        for number, source in enumerate(self.sources, start=1):
            size = source.size
            is_noted = False
            with (
                opened(source) as content,
                self.reading.table(source.format, content) as table,
            ):
                rows = until_broken(table.rows)

                def consumed(
                    content: Content = content, size: int = size, before: int = before
                ) -> int:
                    return before + min(content.position(), size)

                for chunk in chunks_of(
                    with_partitions(table, source.partitions),
                    rows,
                    file=source.name,
                    file_number=number,
                    consumed=consumed,
                ):
                    if not is_noted:
                        is_noted = True
                        self._note_columns(chunk)
                    yield chunk
            before += size

    def _note_columns(self, chunk: Chunk) -> None:
        """Remember the columns of a file if its first rows have no wanted one."""
        records = [
            item for item in islice(chunk.records(), _NOTED_ROWS) if isinstance(item, Record)
        ]
        columns: dict[str, None] = {}
        for record in records:
            data = record.fields.get("data")
            columns |= dict.fromkeys(data if isinstance(data, dict) else record.fields)
        wanted = {re.split(r"[.\[]", key)[0] for key in self.reading.wanted}
        if columns and not columns.keys() & {*wanted, *self.reading.wanted}:
            self.unmatched[chunk.file] = list(columns)


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
        yield Chunk(
            file,
            file_number,
            table.unit,
            numbers,
            contents,
            table.decode,
            consumed(),
            table.class_names,
        )


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


def _block(row: Row) -> int:
    return (row.number - 1) // CHUNK_ROWS
