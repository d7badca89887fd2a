"""Inputs that many machines can read, cut into parts that any of them can do alone.

The rows go through the step in the very chunks in which one machine would take them, so that the
results are the same to the last digit. Knows nothing of how parts are handed out.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import BinaryIO

import pyarrow.parquet

from adapters.preannotate import files
from adapters.preannotate.errors import InputError
from adapters.preannotate.files import File
from adapters.preannotate.readers import json_values, parquet
from adapters.preannotate.readers.reading import (
    BROKEN,
    CHUNK_ROWS,
    chunk_of,
    in_chunks,
    until_broken,
)
from adapters.preannotate.records import MAX_CHARACTERS, Chunk, Row
from adapters.preannotate.sources import Source, is_compressed

PART_ROWS = 4 * CHUNK_ROWS
PART_BYTES = 2 * 1024 * 1024
_READ_BYTES = 1024 * 1024


@dataclass(frozen=True)
class Part:
    """Neighbouring rows of one file."""

    name: str
    file: str
    """Its path or URI."""
    format: str
    file_number: int
    start: int
    """Of Parquet the number of its first row; of JSONL a byte, in or before the first line."""
    stop: int
    """The same of the part that follows."""
    first_line: int = 1
    """Of JSONL, the number of the first line that begins at `start` or later."""

    def chunks(self) -> Iterator[Chunk]:
        """Its rows."""
        with files.at(self.file).open("rb") as content:
            if self.format == "parquet":
                table = parquet.read_from(content, self.start)
                rows = until_broken(table.rows, self.start)
            else:
                table = json_values.read_lines(self._lines(content))
                rows = until_broken(table.rows, self.first_line)
            for chunk in in_chunks(takewhile(self._is_mine, rows)):
                yield chunk_of(self.name, self.file_number, table, chunk)

    def _is_mine(self, row: Row) -> bool:
        return self.format == "jsonl" or row.number < self.stop

    def _lines(self, content: BinaryIO) -> Iterator[tuple[int, str | None]]:
        """The lines of all blocks whose first line begins in the part."""
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


def plan(sources: Sequence[Source]) -> list[Part]:
    """Parts of all inputs, in order, without line numbers; raises InputError."""
    parts: list[Part] = []
    for number, source in enumerate(sources, start=1):
        if source.file is None or source.format not in ("parquet", "jsonl"):
            raise InputError(
                source.name, "on a cluster, inputs are Parquet or JSONL files: convert it first"
            )
        if is_compressed(source.file):
            raise InputError(
                source.name, "on a cluster, files are not compressed as a whole: decompress it"
            )
        step, end = (
            (PART_ROWS, _parquet_rows(source.file) + 1)
            if source.format == "parquet"
            else (PART_BYTES, source.size)
        )
        start = 1 if source.format == "parquet" else 0
        parts += [
            Part(
                source.name,
                files.name_of(source.file),
                source.format,
                number,
                begin,
                min(begin + step, end),
            )
            for begin in range(start, end, step)
        ]
    return parts


def count_lines(part: Part) -> int:
    """How many lines begin in a part; it reads all of its bytes."""
    if part.format != "jsonl":
        return 0
    count = int(part.start == 0)
    with files.at(part.file).open("rb") as content:
        position = max(part.start - 1, 0)
        content.seek(position)
        while position < part.stop - 1:
            piece = content.read(min(_READ_BYTES, part.stop - 1 - position))
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
        return 1  # the one that will say so
    return count


def _seek_line(file: BinaryIO, start: int) -> None:
    """Go to the first line that begins at `start` or later."""
    if start:
        file.seek(start - 1)
        while (piece := file.readline(_READ_BYTES)) and not piece.endswith(b"\n"):
            pass


def _lines_from(file: BinaryIO) -> Iterator[tuple[int, str | None]]:
    """Size in bytes and content of each line, as `text.lines` gives it."""
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
