"""Write finished tasks and rejections, which are lines of JSON, in the requested formats."""

import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, Self

import orjson
import pyarrow as pa
import pyarrow.parquet

from adapters.preannotate import OUTPUT_SUFFIXES, storage
from adapters.preannotate.errors import OutputError
from adapters.preannotate.storage import File, prepare, put, siblings

_GROUP_ROWS = 4096
_GROUP_BYTES = 16 * 1024 * 1024

PARQUET_SCHEMA = pa.schema(
    [
        pa.field("data", pa.string(), nullable=False),
        pa.field("predictions", pa.string(), nullable=False),
        pa.field("fields", pa.string()),
        pa.field("score", pa.float64(), nullable=False),
        pa.field("model_version", pa.string(), nullable=False),
    ]
)
"""`data`, `predictions` and `fields` (the other fields of a task) are JSON: the columns of an input
can have any type, and JSON values can have another type in each row."""


@dataclass(frozen=True)
class Output:
    """The files that a run writes its tasks and rejections to."""

    file: File
    format: str
    """One of OUTPUT_FORMATS."""
    part_size: int | None = None
    """Tasks per part; None writes one file."""
    chosen_rejects: File | None = None
    """The file for rejections, written in any case; None writes one beside `file`, if needed."""

    @classmethod
    def at(
        cls, out: str, format_name: str | None, part_size: int | None, rejects: str | None
    ) -> Self:
        """Parse paths or URIs; raises InputError and OutputError."""
        file = storage.at(out)
        chosen_rejects = storage.at(rejects) if rejects else None
        return cls(file, format_of(file, format_name), part_size, chosen_rejects)

    @property
    def rejects(self) -> File:
        """Where rejected rows are listed."""
        return self.chosen_rejects or self.file.with_name(f"{self.file.name}.rejects.jsonl")

    @property
    def work_folder(self) -> Path:
        """Where the run keeps its progress: beside `file`, or here if that is an object."""
        name = f"{self.file.name}.work"
        return self.file.with_name(name) if isinstance(self.file, Path) else Path(name)

    def written(self) -> list[File]:
        """List what this run and earlier ones write, which is never an input."""
        return [self.file, self.work_folder, *_parts(self.file), self.rejects]

    def replaced(self) -> list[File]:
        """List the existing files that this run would replace or remove."""
        return [*(_parts(self.file) if self.part_size else [self.file]), self.rejects]

    def prepare(self) -> None:
        """Check that everything can be written: see `storage.prepare`."""
        prepare(self.file)
        prepare(self.rejects)

    def publish(self, tasks: Path, scratch: Path) -> list[File]:
        """Write the tasks in the output's format and return the files written.

        `tasks` holds a line of JSON per task; drafts are written to the folder `scratch`. With a
        part size, `out.json` becomes `out-00001.json` and so on, and the parts of an earlier run
        beyond the last one are removed. The same lines give the same bytes.
        """
        drafts: list[Path] = []
        if self.format == "jsonl" and self.part_size is None:
            drafts.append(_linked(tasks, scratch / "part-00001"))
        with tasks.open("rb") as file:
            while not drafts or (self.part_size is not None and file.peek(1)):
                draft = scratch / f"part-{len(drafts) + 1:05}"
                _write(islice(file, self.part_size), draft, self.format)
                drafts.append(draft)
        if self.part_size is None:
            written = [self.file]
        else:
            written = [_part(self.file, number) for number in range(1, len(drafts) + 1)]
        for draft, target in zip(drafts, written, strict=True):
            put(draft, target)
        if self.part_size is not None:
            for stale in set(_parts(self.file)) - set(written):
                stale.unlink()
        return written

    def publish_rejects(self, lines: Path, scratch: Path) -> File | None:
        """Copy the rejections and return the file; None if no row was rejected."""
        is_empty = lines.stat().st_size == 0
        if is_empty and self.chosen_rejects is None:
            self.rejects.unlink(missing_ok=True)  # of an earlier run
            return None
        draft = scratch / "copy"
        with lines.open("rb") as content:
            _write(content, draft, "jsonl")
        put(draft, self.rejects)
        return None if is_empty else self.rejects


def format_of(out: File, chosen: str | None) -> str:
    """Return the chosen format, or the one that the suffix names; raises OutputError."""
    name = chosen or OUTPUT_SUFFIXES.get(out.suffix.lower())
    if name is None:
        raise OutputError(
            str(out),
            f"its suffix names no format: end it with {', '.join(OUTPUT_SUFFIXES)}, or give --to",
        )
    return name


def _parts(out: File) -> list[File]:
    """List the existing files that are named like parts of `out`."""
    pattern = re.compile(rf"{re.escape(out.stem)}-\d{{5,}}{re.escape(out.suffix)}")
    return [file for file in siblings(out) if pattern.fullmatch(file.name)]


def _part(out: File, number: int) -> File:
    return out.with_name(f"{out.stem}-{number:05}{out.suffix}")


def _linked(lines: Path, draft: Path) -> Path:
    """Give the lines a second name, or copy them where the file system has no hard links."""
    draft.unlink(missing_ok=True)
    try:
        os.link(lines, draft)
    except OSError:
        with lines.open("rb") as file:
            _write(file, draft, "jsonl")
    return draft


def _write(lines: Iterator[bytes], draft: Path, format_name: str) -> None:
    with draft.open("wb") as file:
        _WRITERS[format_name](lines, file)
        file.flush()
        os.fsync(file.fileno())


def _write_json(lines: Iterator[bytes], file: BinaryIO) -> None:
    """Write Label Studio's import format: an array, here with one line per task."""
    before = b"[\n"
    for line in lines:
        file.write(before + line.rstrip(b"\n"))
        before = b",\n"
    file.write(b"\n]\n" if before != b"[\n" else b"[]\n")


def _write_jsonl(lines: Iterator[bytes], file: BinaryIO) -> None:
    file.writelines(lines)


def _write_parquet(lines: Iterator[bytes], file: BinaryIO) -> None:
    with pyarrow.parquet.ParquetWriter(file, PARQUET_SCHEMA, compression="zstd") as writer:
        group: list[dict[str, Any]] = []
        size = 0
        for line in lines:
            group.append(_columns(orjson.loads(line)))
            size += len(line)
            if len(group) == _GROUP_ROWS or size > _GROUP_BYTES:
                writer.write_table(pa.Table.from_pylist(group, PARQUET_SCHEMA))
                group, size = [], 0
        if group:
            writer.write_table(pa.Table.from_pylist(group, PARQUET_SCHEMA))


def _columns(task: dict[str, Any]) -> dict[str, Any]:
    data, predictions = task.pop("data"), task.pop("predictions")
    return {
        "data": orjson.dumps(data).decode(),
        "predictions": orjson.dumps(predictions).decode(),
        "fields": orjson.dumps(task).decode() if task else None,
        # The step appends its prediction as the last one.
        "score": predictions[-1]["score"],
        "model_version": predictions[-1]["model_version"],
    }


_WRITERS: Mapping[str, Callable[[Iterator[bytes], BinaryIO], None]] = {
    "json": _write_json,
    "jsonl": _write_jsonl,
    "parquet": _write_parquet,
}
