"""Cut inputs into splits, each of which any machine can read alone.

The chunks of a split are those that a single machine makes of the whole file, so the results are
the same to the last digit. Does not distribute the splits: see `engines.ray`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import BinaryIO

import orjson
import pyarrow.parquet

from adapters.preannotate import storage
from adapters.preannotate.errors import InputError
from adapters.preannotate.readers.partitions import with_partitions
from adapters.preannotate.readers.reading import CHUNK_ROWS, chunks_of
from adapters.preannotate.readers.sources import Source, is_compressed
from adapters.preannotate.records import Chunk
from adapters.preannotate.storage import File
from model_store.readers import json_values, parquet
from model_store.readers.content import BROKEN
from model_store.readers.reading import until_broken
from model_store.readers.rows import MAX_CHARACTERS, Row
from model_store.readers.text import is_encodable

SPLIT_ROWS = 4 * CHUNK_ROWS
SPLIT_BYTES = 2 * 1024 * 1024
_READ_BYTES = 1024 * 1024


@dataclass(frozen=True)
class Split:
    """Consecutive rows of one file. Can be sent to another machine."""

    name: str
    """The file's name in messages."""
    file: str
    """Its path or URI."""
    format: str
    file_number: int
    start: int
    """Parquet: the number of the first row. JSONL: an offset in bytes; the split begins with the
    first line that starts there or later."""
    stop: int
    """The `start` of the next split."""
    first_line: int = 1
    """JSONL: the number of the first line that starts at `start` or later."""
    partitions: str = "[]"
    """The columns that the file's folders name, as JSON, because their types can differ."""

    def chunks(self) -> Iterator[Chunk]:
        """Read the rows of the split."""
        with storage.at(self.file).open("rb") as content:
            if self.format == "parquet":
                table = parquet.read_from(content, self.start)
                rows = until_broken(table.rows, self.start)
            else:
                table = json_values.read_lines(self._lines(content))
                rows = until_broken(table.rows, self.first_line)
            yield from chunks_of(
                with_partitions(table, orjson.loads(self.partitions)),
                takewhile(self._is_mine, rows),
                file=self.name,
                file_number=self.file_number,
            )

    def _is_mine(self, row: Row) -> bool:
        return self.format == "jsonl" or row.number < self.stop

    def _lines(self, content: BinaryIO) -> Iterator[tuple[int, str | None]]:
        """Yield the lines of every block of CHUNK_ROWS lines that starts in the split."""
        number = self.first_line
        _seek_line(content, self.start)
        position = content.tell()
        is_ours = False
        for size, line in _lines_from(content):
            if (number - 1) % CHUNK_ROWS == 0:
                is_ours = position < self.stop
                if not is_ours:
                    return
            if is_ours:
                yield number, line
            elif position >= self.stop:
                return
            number += 1
            position += size


def split(sources: Sequence[Source]) -> list[Split]:
    """Cut all inputs into splits, in order, without line numbers; raises InputError."""
    splits: list[Split] = []
    for number, source in enumerate(sources, start=1):
        if source.file is None or source.format not in ("parquet", "jsonl"):
            raise InputError(
                source.name, "on a cluster, inputs are Parquet or JSONL files: convert it first"
            )
        if is_compressed(source.file):
            raise InputError(
                source.name, "on a cluster, files are not compressed as a whole: decompress it"
            )
        if source.format == "parquet":
            start, step, end = 1, SPLIT_ROWS, _parquet_rows(source.file) + 1
        else:
            start, step, end = 0, SPLIT_BYTES, source.size
        file = storage.name_of(source.file)
        if not is_encodable(file):
            raise InputError(source.name, "on a cluster, file names are in UTF-8: rename it")
        partitions = orjson.dumps(source.partitions).decode()
        whole = Split(source.name, file, source.format, number, start, end, partitions=partitions)
        splits += [
            replace(whole, start=begin, stop=min(begin + step, end))
            for begin in range(start, end, step)
        ]
    return splits


def count_lines(split: Split) -> int:
    """Count the lines that start in a split, by reading all of its bytes; 0 for Parquet."""
    if split.format != "jsonl":
        return 0
    count = int(split.start == 0)
    with storage.at(split.file).open("rb") as content:
        position = max(split.start - 1, 0)
        content.seek(position)
        while position < split.stop - 1:
            piece = content.read(min(_READ_BYTES, split.stop - 1 - position))
            if not piece:
                break
            count += piece.count(b"\n")
            position += len(piece)
    return count


def _parquet_rows(file: File) -> int:
    try:
        with file.open("rb") as content, pyarrow.parquet.ParquetFile(content) as parquet_file:
            count: int = parquet_file.metadata.num_rows
    except BROKEN:
        return 1  # reading this row reports the damage
    return count


def _seek_line(file: BinaryIO, start: int) -> None:
    """Seek to the first line that starts at `start` or later."""
    if start:
        file.seek(start - 1)
        while (piece := file.readline(_READ_BYTES)) and not piece.endswith(b"\n"):
            pass


def _lines_from(file: BinaryIO) -> Iterator[tuple[int, str | None]]:
    """Yield the size in bytes and the content of each line, which is None if it is too long."""
    encoding = "utf-8" if file.tell() else "utf-8-sig"
    while content := file.readline(4 * MAX_CHARACTERS):
        size = len(content)
        line: str | None = content.decode(encoding, "surrogateescape")
        encoding = "utf-8"
        while not content.endswith(b"\n") and (content := file.readline(_READ_BYTES)):
            size += len(content)
            line = None
        is_whole = line is not None and (
            len(line) < MAX_CHARACTERS or (len(line) == MAX_CHARACTERS and line.endswith("\n"))
        )
        yield size, line if is_whole else None
