"""The files that a run writes: their places, which of them are its own, and how it writes them."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Self

import orjson

from adapters.preannotate import storage
from adapters.preannotate.errors import OutputError
from adapters.preannotate.outputs.formats import PARQUET_SCHEMA, format_of, linked, write
from adapters.preannotate.outputs.manifest import Manifest, digest_of
from adapters.preannotate.storage import (
    File,
    Places,
    is_device,
    is_standard_output,
    prepare,
    put,
    resolved,
    siblings,
    stream_number,
)

__all__ = ["PARQUET_SCHEMA", "Output", "format_of"]

_REJECTION = {"file", "reason", "line", "row"}


@dataclass(frozen=True)
class Output:
    """The files that a run writes its tasks, rejections and summary to."""

    file: File
    format: str
    """One of OUTPUT_FORMATS."""
    part_size: int | None = None
    """Tasks per part; None writes one file."""
    chosen_rejects: File | None = None
    """The file for rejections, written in any case; None writes one beside `file`, if needed."""
    summary: File | None = None
    """The file for the summary, if the user names one."""

    @classmethod
    def at(
        cls,
        out: str,
        format_name: str | None,
        part_size: int | None,
        rejects: str | None,
        summary: str | None = None,
    ) -> Self:
        """Parse paths or URIs, of which - is standard output; raises InputError and OutputError."""
        file = storage.at_target(out)
        output = cls(
            file,
            format_of(file, format_name),
            part_size,
            storage.at_target(rejects) if rejects else None,
            storage.at_target(summary) if summary else None,
        )
        if part_size is not None and is_device(file):
            raise OutputError(
                out, "cannot be written in parts: leave out --part-size, or name a file"
            )
        return output

    @property
    def rejects(self) -> File | None:
        """Where rejected rows are listed; None if nothing can be beside a stream."""
        if self.chosen_rejects or self._is_stream:
            return self.chosen_rejects
        return self.file.with_name(f"{self.file.name}.rejects.jsonl")

    @property
    def work_folder(self) -> Path | None:
        """Where the run keeps its progress: beside `file`, or here if that is an object.

        None for standard output and other files in /dev, beside which it cannot be.
        """
        if self._is_stream:
            return None
        name = f"{self.file.name}.work"
        return self.file.with_name(name) if isinstance(self.file, Path) else Path(name)

    @contextmanager
    def workspace(self, *, resume: bool) -> Iterator[Path]:
        """Yield the work folder, or a temporary one; raises OutputError if that is to resume."""
        if self.work_folder is not None:
            yield self.work_folder
        elif resume:
            raise OutputError(str(self.file), "cannot be continued: name a file to use --resume")
        else:
            with TemporaryDirectory(prefix="preannotate-") as folder:
                yield Path(folder, "work")

    @property
    def _is_stream(self) -> bool:
        return stream_number(self.file) is not None or self.file.parent == Path("/dev")

    @cached_property
    def _own_parts(self) -> list[File]:
        return [] if is_device(self.file) else Manifest.of(self.file).existing(siblings(self.file))

    def written(self) -> list[File]:
        """List what this run and earlier ones write, which is never an input."""
        return [*self._named(), *self._own_parts]

    def replaced(self) -> list[File]:
        """List the files that this run would replace or remove."""
        named = [file for file in self._named() if file == self.work_folder or not file.is_dir()]
        if self.part_size is None:
            return named
        return [*named, *self._own_parts, self._part(1)]

    def _named(self) -> list[File]:
        files = (self.file, self.rejects, self.summary, self.work_folder)
        return [file for file in files if file is not None]

    def prepare(self) -> None:
        """Check that everything can be written and that nothing of the user's is replaced.

        Raises OutputError, and OSError as `storage.prepare` does.
        """
        self._check_apart()
        for file in self._named():
            if file != self.work_folder:
                prepare(file)
        if self.rejects is not None and self.chosen_rejects is None:
            _check_rejects(self.rejects)
        if self.part_size is not None:
            self._check_parts([self._part(1)], Manifest.of(self.file))

    def _check_apart(self) -> None:
        """Raise OutputError if two names are one file; the null device takes any number of them."""
        default = None if self.chosen_rejects else self.rejects
        names = [
            ("the output", self.file),
            ("the list of rejected rows", default),
            ("--rejects", self.chosen_rejects),
            ("--summary", self.summary),
        ]
        files = [(role, file) for role, file in names if file and not _is_null(file)]
        for number, (role, file) in enumerate(files):
            if self.work_folder is not None and file in Places([self.work_folder]):
                raise OutputError(str(file), "is in the run's work folder: name another file")
            if role != "the output" and self.part_size is not None and self.is_part(file):
                raise OutputError(str(file), f"{role} has the name of a part: name another file")
            for other, taken in files[:number]:
                if _are_one(file, taken):
                    raise OutputError(str(file), f"is {other} and {role}: name two files")

    def check_keeps(self, labeling_config: Path) -> None:
        """Raise OutputError if the run would replace the labeling config."""
        is_part = self.part_size is not None and self.is_part(labeling_config)
        if is_part or labeling_config in Places(self.replaced()):
            raise OutputError(
                str(labeling_config),
                "the run would replace the labeling config: name another output",
            )

    @property
    def uses_standard_output(self) -> bool:
        """Whether one of the files is standard output, so that a report belongs elsewhere."""
        return any(
            file is not None and is_standard_output(file)
            for file in (self.file, self.chosen_rejects, self.summary)
        )

    def is_part(self, file: File) -> bool:
        """Whether a file has the name of a part."""
        pattern = rf"{re.escape(self.file.stem)}-\d{{5,}}{re.escape(self.file.suffix)}"
        return resolved(file).parent == resolved(self.file).parent and bool(
            re.fullmatch(pattern, file.name)
        )

    def publish(self, tasks: Path, scratch: Path) -> list[File]:
        """Write the tasks in the output's format and return the files written.

        `tasks` holds a line of JSON per task; drafts are written to the folder `scratch`. With a
        part size, `out.json` becomes `out-00001.json` and so on, and the parts of an earlier run
        beyond the last one are removed. The same lines give the same bytes. Raises OutputError
        where a part would replace a file that no run wrote.
        """
        drafts: list[Path] = []
        if self.format == "jsonl" and self.part_size is None:
            drafts.append(linked(tasks, scratch / "part-00001"))
        with tasks.open("rb") as file:
            while not drafts or (self.part_size is not None and file.peek(1)):
                draft = scratch / f"part-{len(drafts) + 1:05}"
                write(islice(file, self.part_size), draft, self.format)
                drafts.append(draft)
        if self.part_size is None:
            put(drafts[0], self.file)
            return [self.file]
        return self._publish_parts(drafts, scratch)

    def _publish_parts(self, drafts: list[Path], scratch: Path) -> list[File]:
        parts = [self._part(number) for number in range(1, len(drafts) + 1)]
        manifest = Manifest.of(self.file)
        self._check_parts(parts, manifest)
        stale = manifest.existing(set(siblings(self.file)) - set(parts))
        digests = {part.name: digest_of(draft) for part, draft in zip(parts, drafts, strict=True)}
        manifest = manifest.with_next(digests, scratch)
        for draft, part in zip(drafts, parts, strict=True):
            put(draft, part)
        for part in stale:
            part.unlink(missing_ok=True)
        manifest.only(digests.keys(), scratch)
        return parts

    def _check_parts(self, parts: list[File], manifest: Manifest) -> None:
        """Raise OutputError if a part would replace a file that no run wrote."""
        there = set(siblings(self.file))
        for part in parts:
            if part in there and not manifest.lists(part):
                raise OutputError(
                    str(part),
                    "is not as a run wrote it, and would be replaced: move it, then give the same "
                    "command with --resume, or name another output",
                )

    def publish_rejects(self, lines: Path, scratch: Path) -> File | None:
        """Copy the rejections and return the file; None if no row was rejected, or nothing kept."""
        if self.rejects is None:
            return None
        is_empty = lines.stat().st_size == 0
        if self.chosen_rejects is None:
            _check_rejects(self.rejects)
            if is_empty:
                self.rejects.unlink(missing_ok=True)  # of an earlier run
                return None
        draft = scratch / "copy"
        with lines.open("rb") as content:
            write(content, draft, "jsonl")
        put(draft, self.rejects)
        return None if is_empty else self.rejects

    def _part(self, number: int) -> File:
        return self.file.with_name(f"{self.file.stem}-{number:05}{self.file.suffix}")


def _is_null(file: File) -> bool:
    return isinstance(file, Path) and file.is_char_device() and stream_number(file) is None


def _are_one(file: File, other: File) -> bool:
    # Where the file system ignores case, two files that do not exist yet can be one.
    return str(resolved(file)).casefold() == str(resolved(other)).casefold()


def _check_rejects(file: File) -> None:
    """Raise OutputError if a file exists that is not a list of rejected rows."""
    if isinstance(file, Path) and file.is_symlink() and not file.exists():
        return
    if not (file.is_file() or file.is_dir()):
        return
    if file.is_dir() or not _lists_rejections(file):
        raise OutputError(
            str(file),
            "is not a list of rejected rows: move it, or name another list with --rejects",
        )


def _lists_rejections(file: File) -> bool:
    with file.open("rb") as content:
        lines = list(map(_lists_rejection, content))
    return bool(lines) and all(lines)


def _lists_rejection(text: bytes) -> bool:
    try:
        line = orjson.loads(text)
    except ValueError:
        return False
    return isinstance(line, dict) and line.keys() <= _REJECTION
