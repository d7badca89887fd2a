"""Find the input files of a run and open them, decompressed. Knows no rows."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from adapters.preannotate import storage
from adapters.preannotate.errors import InputError
from adapters.preannotate.storage import File
from model_store.readers import INPUT_SUFFIXES, content
from model_store.readers.content import FOREIGN_SUFFIXES, Content
from model_store.readers.reading import format_of

STANDARD_INPUT = "-"

_NO_FORMAT = "its suffix names no known format: name the format with --format"


@dataclass(frozen=True)
class Source:
    """One input: a file, or standard input."""

    name: str
    """The name in messages."""
    file: File | None
    """None for standard input."""
    format: str
    """One of INPUT_FORMATS."""

    @property
    def size(self) -> int:
        """Size in bytes as stored; 0 if it is not known. Each call asks the file system."""
        return self.file.stat().st_size if self.file else 0

    def identity(self) -> list[str | int]:
        """Return name, size and modification time, to detect a changed input."""
        if self.file is None:
            return [self.name]
        stat = self.file.stat()
        return [self.name, stat.st_size, stat.st_mtime_ns]


def find(
    arguments: Sequence[str], format_name: str | None, written: Sequence[File]
) -> list[Source]:
    """Find the inputs that the arguments name, in order and without duplicates; raises InputError.

    An argument is a file, a folder (all files below it with a known suffix), a glob pattern, the
    URI of any of them, or `-`. The suffix decides the format unless `format_name` is given. Folders
    and patterns skip the files in `written`, which this run or an earlier one writes.
    """
    sources: dict[File | None, Source] = {}
    for argument in arguments:
        if argument == STANDARD_INPUT:
            if format_name is None:
                raise InputError("standard input", "name its format with --format")
            sources.setdefault(None, Source("-", None, format_name))
            continue
        for file in _files(storage.at(argument), written):
            chosen = format_name or format_of(file.suffixes)
            if chosen is None:
                raise InputError(str(file), FOREIGN_SUFFIXES.get(file.suffix.lower(), _NO_FORMAT))
            sources.setdefault(_resolved(file), Source(str(file), file, chosen))
    return list(sources.values())


def check_apart(sources: Iterable[Source], replaced: Iterable[File]) -> None:
    """Raise InputError if an input is one of the files that the run replaces."""
    lost = set(map(_resolved, replaced))
    for source in sources:
        if source.file is not None and _resolved(source.file) in lost:
            raise InputError(source.name, "the run would replace this input: name another output")


@contextmanager
def opened(source: Source) -> Iterator[Content]:
    """Open an input; its first bytes tell whether it is compressed."""
    # Standard input stays open: it belongs to the caller.
    raw: BinaryIO = sys.stdin.buffer if source.file is None else source.file.open("rb")
    try:
        with content.decompressed(raw) as decompressed:
            yield decompressed
    finally:
        if source.file is not None:
            raw.close()


def is_compressed(file: File) -> bool:
    """Whether a file is compressed as a whole."""
    with file.open("rb") as stream:
        return content.is_compressed(stream)


def _files(named: File, written: Iterable[File]) -> list[File]:
    if named.is_dir():
        if found := [
            file for file in _others(storage.below(named), written) if format_of(file.suffixes)
        ]:
            return found
        suffixes = ", ".join(sorted(INPUT_SUFFIXES))
        raise InputError(str(named), f"the folder holds no file with one of {suffixes}")
    if named.is_file() or (isinstance(named, Path) and named.is_fifo()):
        return [named]
    if matches := storage.matches(named):
        if others := _others(matches, written):
            return [file for match in others for file in _files(match, written)]
        raise InputError(str(named), "it matches only files that the run writes itself")
    raise InputError(str(named), "there is no such file, folder or match")


def _others(found: Iterable[File], written: Iterable[File]) -> list[File]:
    """Return the files that the run does not write."""
    skipped = set(map(_resolved, written))
    return [file for file in found if not skipped & {_resolved(file), *_parents(file)}]


def _resolved(file: File) -> File:
    return file.resolve() if isinstance(file, Path) else file


def _parents(file: File) -> Sequence[File]:
    return file.resolve().parents if isinstance(file, Path) else ()
