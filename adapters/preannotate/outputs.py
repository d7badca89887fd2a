"""Finished tasks, a line of JSON each, to the files that were asked for."""

import os
import re
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

import orjson
import pyarrow as pa
import pyarrow.parquet

from adapters.preannotate.errors import OutputError
from adapters.preannotate.files import File, siblings
from adapters.preannotate.formats import OUTPUT_SUFFIXES
from adapters.preannotate.placing import put

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
"""`data`, `predictions` and `fields` (what else a task holds) are JSON: columns of an input can be
of any type, and of another one in each row."""


def format_of(out: File, chosen: str | None) -> str:
    """The format that was chosen, or that of the suffix; raises OutputError."""
    name = chosen or OUTPUT_SUFFIXES.get(out.suffix.lower())
    if name is None:
        raise OutputError(
            str(out),
            f"its suffix names no format: end it with {', '.join(OUTPUT_SUFFIXES)}, or give --to",
        )
    return name


def publish(
    lines: Path, out: File, format_name: str, part_size: int | None, scratch: Path
) -> list[File]:
    """Write the tasks into `scratch`, then put them where they belong; returns the files.

    With a part size, `out.json` becomes `out-00001.json` and so on, and parts beyond the last are
    removed: they are those of an earlier run. The same lines give the same bytes.
    """
    drafts: list[Path] = []
    if format_name == "jsonl" and part_size is None:
        drafts.append(_linked(lines, scratch / "part-00001"))
    with lines.open("rb") as file:
        while not drafts or (part_size is not None and file.peek(1)):
            draft = scratch / f"part-{len(drafts) + 1:05}"
            _write(islice(file, part_size), draft, format_name)
            drafts.append(draft)
    written = [out] if part_size is None else [_part(out, n) for n in range(1, len(drafts) + 1)]
    for draft, target in zip(drafts, written, strict=True):
        put(draft, target)
    if part_size is not None:
        for stale in set(parts(out)) - set(written):
            stale.unlink()
    return written


def parts(out: File) -> list[File]:
    """The files beside `out` that are named like parts of it."""
    pattern = re.compile(rf"{re.escape(out.stem)}-\d{{5,}}{re.escape(out.suffix)}")
    return [file for file in siblings(out) if pattern.fullmatch(file.name)]


def copy_whole(source: Path, target: File, scratch: Path) -> None:
    """Copy a file so that the target is whole at any time."""
    draft = scratch / "copy"
    with source.open("rb") as lines:
        _write(lines, draft, "jsonl")
    put(draft, target)


def _part(out: File, number: int) -> File:
    return out.with_name(f"{out.stem}-{number:05}{out.suffix}")


def _linked(lines: Path, draft: Path) -> Path:
    """The lines under another name; a copy where the file system knows no second names."""
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
    """Label Studio's import format: an array; here with a line for each task."""
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
        # The last one is ours.
        "score": predictions[-1]["score"],
        "model_version": predictions[-1]["model_version"],
    }


_WRITERS: Mapping[str, Callable[[Iterator[bytes], BinaryIO], None]] = {
    "json": _write_json,
    "jsonl": _write_jsonl,
    "parquet": _write_parquet,
}
