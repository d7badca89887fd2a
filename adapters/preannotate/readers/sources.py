"""Find the input files of a run and open them, decompressed. Knows no rows."""

import fnmatch
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import BinaryIO

from adapters.preannotate import storage
from adapters.preannotate.errors import InputError
from adapters.preannotate.readers.partitions import Partitions, partitions_of
from adapters.preannotate.storage import File, Places
from model_store.readers import INPUT_SUFFIXES, content
from model_store.readers.content import FOREIGN_SUFFIXES, Content
from model_store.readers.reading import format_of

STANDARD_INPUT = "-"

PASSED_OVER = {
    "hidden": "hidden files (. or _)",
    "written_by_runs": "files that the run writes itself",
    "unknown_suffix": "files without a known suffix",
    "not_a_file": "names of neither a file nor a readable folder",
}
"""What `find` passes over, by the keys of its counts."""

_HIDDEN = (".", "_")
_MISSING = "there is no such file, folder or match"
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
    partitions: Partitions = ()
    """Columns that its folders name."""

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
    arguments: Sequence[str],
    format_name: str | None,
    written: Sequence[File],
    passed_over: dict[File, str] | None = None,
) -> list[Source]:
    """Find the inputs that the arguments name, in order and without duplicates; raises InputError.

    An argument is a file, a folder (all files below it with a known suffix), a glob pattern, the
    URI of any of them, or `-`. The suffix decides the format unless `format_name` is given. Folders
    and patterns pass over the files in `written`, which this run or an earlier one writes, hidden
    files, and names that are not files; the reasons, keys of PASSED_OVER, are added to
    `passed_over`.
    """
    reasons = {} if passed_over is None else passed_over
    places = Places(written)
    formats: dict[PurePath | None, tuple[File | None, str]] = {}
    for argument in arguments:
        if argument == STANDARD_INPUT:
            if format_name is None:
                raise InputError("standard input", "name its format with --format")
            formats.setdefault(None, (None, format_name))
            continue
        for file in _files(storage.at(argument), places, reasons):
            chosen = format_name or format_of(file.suffixes)
            if chosen is None:
                raise InputError(str(file), FOREIGN_SUFFIXES.get(file.suffix.lower(), _NO_FORMAT))
            formats.setdefault(storage.resolved(file), (file, chosen))
    found = list(formats.values())
    columns = partitions_of(_path(file) for file, _ in found)
    return [
        Source(storage.printable(file) if file else STANDARD_INPUT, file, chosen, partitions)
        for (file, chosen), partitions in zip(found, columns, strict=True)
    ]


def check_apart(sources: Iterable[Source], replaced: Iterable[File]) -> None:
    """Raise InputError if an input is one of the files that the run replaces."""
    lost = Places(replaced)
    for source in sources:
        if source.file is not None and source.file in lost:
            raise InputError(source.name, "the run would replace this input: name another output")


def count_by_reason(passed_over: Mapping[File, str]) -> dict[str, int]:
    """Count the files that `find` passed over, by reason."""
    return dict(Counter(passed_over.values()))


def passed_over_text(counts: Mapping[str, int]) -> str:
    """Say how many files were passed over, and why."""
    listed = ", ".join(f"{count:,} {PASSED_OVER[reason]}" for reason, count in counts.items())
    return f"Passed over: {listed}"


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


def _files(named: File, written: Places, passed_over: dict[File, str]) -> list[File]:
    if named.is_dir():
        if found := _below(named, written, passed_over):
            return found
        counts = count_by_reason(passed_over)
        known = f"the folder holds no file with one of {', '.join(sorted(INPUT_SUFFIXES))}"
        raise InputError(str(named), f"{known}. {passed_over_text(counts)}" if counts else known)
    if named.is_file() or (isinstance(named, Path) and named.exists()):
        return [named]
    matches = storage.matches(named)
    if not matches:
        is_dangling = isinstance(named, Path) and named.is_symlink()
        raise InputError(str(named), "the link leads to no file" if is_dangling else _MISSING)
    found = []
    reasons = set()
    for match in matches:
        reason = _reason_against(match, named, written)
        if reason is None and match.is_dir():
            found += _below(match, written, passed_over)
        elif reason is None and match.is_file():
            found.append(match)
        else:
            reasons.add(passed_over.setdefault(match, reason or "not_a_file"))
    if not found:
        only = " and ".join(PASSED_OVER[reason] for reason in sorted(reasons))
        raise InputError(str(named), f"it matches only {only or 'folders without inputs'}")
    return found


def _below(folder: File, written: Places, passed_over: dict[File, str]) -> list[File]:
    """List the inputs below a folder, and add the other files to `passed_over`."""
    found = []
    for file in storage.below(folder):
        reason = _reason_against(file, folder, written)
        if reason is None and not file.is_file():
            reason = "not_a_file"
        if reason is None and format_of(file.suffixes) is None:
            reason = "unknown_suffix"
        if reason is None:
            found.append(file)
        else:
            passed_over[file] = reason
    return found


def _reason_against(file: File, argument: File, written: Places) -> str | None:
    """Say why a folder or pattern does not include a file; None if it does."""
    if file in written:
        return "written_by_runs"
    return "hidden" if _is_hidden(file, argument) else None


def _is_hidden(file: File, argument: File) -> bool:
    """Whether a name begins with a dot or an underscore that the argument does not spell out.

    The rule of Spark, Hive and pyarrow for files without data, such as `_temporary`.
    """
    spelled = [part for part in _path(argument).parts if part.startswith(_HIDDEN)]
    return any(
        part.startswith(_HIDDEN)
        and not any(part == name or fnmatch.fnmatchcase(part, name) for name in spelled)
        for part in _path(file).parts
    )


def _path(file: File | None) -> PurePath:
    if file is None:
        return PurePath()
    return file if isinstance(file, Path) else file.path
