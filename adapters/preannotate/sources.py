"""Which files a run reads, and their bytes, decompressed. Knows no rows."""

import glob
import io
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

import pyarrow as pa

from adapters.preannotate.errors import InputError
from adapters.preannotate.formats import INPUT_SUFFIXES

STANDARD_INPUT = "-"

_COMPRESSED = (".gz", ".zst", ".zstd")
_CODECS = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd"}
"""By the first bytes of a file."""
_BUFFER = 64 * 1024
"""Of a file that is cut off, so much can be lost before the cut."""


@dataclass(frozen=True)
class Source:
    """One input: a file, or standard input."""

    name: str
    """As reports call it."""
    path: Path | None
    """None for standard input."""
    format: str
    """One of `formats.INPUTS`."""

    @property
    def size(self) -> int:
        """Bytes on disk; 0 if that is not known."""
        return self.path.stat().st_size if self.path else 0

    def identity(self) -> list[str | int]:
        """What tells whether it is still the same: its name, size and time of change."""
        if self.path is None:
            return [self.name]
        stat = self.path.stat()
        return [self.name, stat.st_size, stat.st_mtime_ns]


@dataclass(frozen=True)
class OpenSource:
    """An input that is being read."""

    stream: io.BufferedReader
    """Its content, decompressed."""
    raw: BinaryIO
    """What is on disk."""
    is_compressed: bool

    def position(self) -> int:
        """Bytes of the file that were read so far; 0 if that is not known."""
        return self.raw.tell() if self.raw.seekable() else 0


def find(
    arguments: Sequence[str], format_name: str | None, written: Sequence[Path]
) -> list[Source]:
    """The inputs that the arguments name, in order, each once; raises InputError.

    An argument is a file, a folder, of which all files with a known suffix are taken, a glob
    pattern, or `-`. The format is that of the suffix, unless `format_name` says another. In a
    folder, the files that are `written` by the run are passed over.
    """
    sources: dict[Path | None, Source] = {}
    for argument in arguments:
        if argument == STANDARD_INPUT:
            if format_name is None:
                raise InputError("standard input", "say with --format what it holds")
            sources.setdefault(None, Source("-", None, format_name))
            continue
        for path in _paths(argument, written):
            chosen = format_name or _format_of(path)
            if chosen is None:
                raise InputError(
                    str(path), "its suffix names no known format: say with --format what it holds"
                )
            sources.setdefault(path.resolve(), Source(str(path), path, chosen))
    return list(sources.values())


@contextmanager
def opened(source: Source) -> Iterator[OpenSource]:
    """The content of an input. Whether it is compressed is told by its first bytes."""
    # Standard input is not closed: it is not ours.
    raw: BinaryIO = sys.stdin.buffer if source.path is None else source.path.open("rb")
    try:
        start = cast("io.BufferedReader", raw).peek(4)
        codec = next((name for mark, name in _CODECS.items() if start.startswith(mark)), None)
        if codec is None:
            yield OpenSource(cast("io.BufferedReader", raw), raw, is_compressed=False)
            return
        # Not Python's zstandard: it takes a file that is cut off for one that is whole.
        with pa.CompressedInputStream(raw, codec) as content:
            yield OpenSource(io.BufferedReader(content, _BUFFER), raw, is_compressed=True)
    finally:
        if source.path is not None:
            raw.close()


def is_compressed(path: Path) -> bool:
    """Whether a file is compressed as a whole."""
    with path.open("rb") as file:
        return file.read(4).startswith(tuple(_CODECS))


def _paths(argument: str, written: Iterable[Path]) -> list[Path]:
    path = Path(argument)
    if path.is_dir():
        passed_over = {file.resolve() for file in written}
        files = [
            file
            for file in sorted(path.rglob("*"))
            if file.is_file()
            and _format_of(file)
            and not passed_over & {file.resolve(), *file.resolve().parents}
        ]
        if not files:
            suffixes = ", ".join(sorted(INPUT_SUFFIXES))
            raise InputError(argument, f"the folder holds no file with one of {suffixes}")
        return files
    if path.is_file() or path.is_fifo():
        return [path]
    if matches := sorted(glob.glob(argument, recursive=True)):  # noqa: PTH207 (takes any pattern)
        return [file for match in matches for file in _paths(match, written)]
    raise InputError(argument, "there is no such file, folder or match")


def _format_of(path: Path) -> str | None:
    suffixes = [suffix.lower() for suffix in path.suffixes]
    while suffixes and suffixes[-1] in _COMPRESSED:
        suffixes.pop()
    return INPUT_SUFFIXES.get(suffixes[-1]) if suffixes else None
