"""Which files a run reads, and their bytes, decompressed. Knows no rows."""

import io
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

import pyarrow as pa

from adapters.preannotate import files
from adapters.preannotate.errors import InputError
from adapters.preannotate.files import File
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
    file: File | None
    """None for standard input."""
    format: str
    """One of `formats.INPUTS`."""

    @property
    def size(self) -> int:
        """Bytes as they are stored; 0 if that is not known. It is asked for each time."""
        return self.file.stat().st_size if self.file else 0

    def identity(self) -> list[str | int]:
        """What tells whether it is still the same: its name, size and time of change."""
        if self.file is None:
            return [self.name]
        stat = self.file.stat()
        return [self.name, stat.st_size, stat.st_mtime_ns]


@dataclass(frozen=True)
class OpenSource:
    """An input that is being read."""

    stream: io.BufferedReader
    """Its content, decompressed."""
    raw: BinaryIO
    """What is stored."""
    is_compressed: bool

    def position(self) -> int:
        """Bytes of the file that were read so far; 0 if that is not known."""
        return self.raw.tell() if self.raw.seekable() else 0


def find(
    arguments: Sequence[str], format_name: str | None, written: Sequence[File]
) -> list[Source]:
    """The inputs that the arguments name, in order, each once; raises InputError.

    An argument is a file, a folder, of which all files with a known suffix are taken, a glob
    pattern, the URI of any of them, or `-`. The format is that of the suffix, unless `format_name`
    says another. In folders and among matches, the files that are `written` by the run, now or
    earlier, are passed over.
    """
    sources: dict[File | None, Source] = {}
    for argument in arguments:
        if argument == STANDARD_INPUT:
            if format_name is None:
                raise InputError("standard input", "say with --format what it holds")
            sources.setdefault(None, Source("-", None, format_name))
            continue
        for file in _files(files.at(argument), written):
            chosen = format_name or _format_of(file)
            if chosen is None:
                raise InputError(
                    str(file), "its suffix names no known format: say with --format what it holds"
                )
            sources.setdefault(_resolved(file), Source(str(file), file, chosen))
    return list(sources.values())


def check_apart(sources: Iterable[Source], replaced: Iterable[File]) -> None:
    """Raise InputError where an input is one of the files that the run replaces."""
    lost = set(map(_resolved, replaced))
    for source in sources:
        if source.file is not None and _resolved(source.file) in lost:
            raise InputError(source.name, "the run would replace this input: name another output")


@contextmanager
def opened(source: Source) -> Iterator[OpenSource]:
    """The content of an input. Whether it is compressed is told by its first bytes."""
    # Standard input is not closed: it is not ours.
    raw: BinaryIO = sys.stdin.buffer if source.file is None else source.file.open("rb")
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
        if source.file is not None:
            raw.close()


def is_compressed(file: File) -> bool:
    """Whether a file is compressed as a whole."""
    with file.open("rb") as content:
        return content.read(4).startswith(tuple(_CODECS))


def _files(named: File, written: Iterable[File]) -> list[File]:
    if named.is_dir():
        if found := [file for file in _others(files.below(named), written) if _format_of(file)]:
            return found
        suffixes = ", ".join(sorted(INPUT_SUFFIXES))
        raise InputError(str(named), f"the folder holds no file with one of {suffixes}")
    if named.is_file() or (isinstance(named, Path) and named.is_fifo()):
        return [named]
    if matches := files.matches(named):
        if others := _others(matches, written):
            return [file for match in others for file in _files(match, written)]
        raise InputError(str(named), "it matches nothing but what the run writes itself")
    raise InputError(str(named), "there is no such file, folder or match")


def _others(found: Iterable[File], written: Iterable[File]) -> list[File]:
    """Those that the run does not write."""
    passed_over = set(map(_resolved, written))
    return [file for file in found if not passed_over & {_resolved(file), *_parents(file)}]


def _resolved(file: File) -> File:
    return file.resolve() if isinstance(file, Path) else file


def _parents(file: File) -> Sequence[File]:
    return file.resolve().parents if isinstance(file, Path) else ()


def _format_of(file: File) -> str | None:
    suffixes = [suffix.lower() for suffix in file.suffixes]
    while suffixes and suffixes[-1] in _COMPRESSED:
        suffixes.pop()
    return INPUT_SUFFIXES.get(suffixes[-1]) if suffixes else None
