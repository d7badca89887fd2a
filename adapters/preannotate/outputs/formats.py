"""Write lines of JSON as a JSON array, as JSONL or as Parquet."""

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet

from adapters.preannotate import OUTPUT_SUFFIXES
from adapters.preannotate.errors import OutputError, naming
from adapters.preannotate.storage import File
from model_store.readers import exact_json

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


def format_of(out: File, chosen: str | None) -> str:
    """Return the chosen format, or the one that the suffix names; raises OutputError."""
    name = chosen or OUTPUT_SUFFIXES.get(out.suffix.lower())
    if name is None:
        raise OutputError(
            str(out),
            f"its suffix names no format: end it with {', '.join(OUTPUT_SUFFIXES)}, or give --to",
        )
    return name


def linked(lines: Path, draft: Path) -> Path:
    """Give the lines a second name, or copy them where the file system has no hard links."""
    draft.unlink(missing_ok=True)
    try:
        os.link(lines, draft)
    except OSError:
        with lines.open("rb") as file:
            write(file, draft, "jsonl")
    return draft


def write(lines: Iterator[bytes], draft: Path, format_name: str) -> None:
    """Write lines of JSON in a format; the same lines give the same bytes. Raises OSError."""
    with naming(draft), draft.open("wb") as file:
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
            group.append(_columns(exact_json.loads(line)))
            size += len(line)
            if len(group) == _GROUP_ROWS or size > _GROUP_BYTES:
                writer.write_table(pa.Table.from_pylist(group, PARQUET_SCHEMA))
                group, size = [], 0
        if group:
            writer.write_table(pa.Table.from_pylist(group, PARQUET_SCHEMA))


def _columns(task: dict[str, Any]) -> dict[str, Any]:
    data, predictions = task.pop("data"), task.pop("predictions")
    return {
        "data": exact_json.dumps(data).decode(),
        "predictions": exact_json.dumps(predictions).decode(),
        "fields": exact_json.dumps(task).decode() if task else None,
        # The step appends its prediction as the last one.
        "score": predictions[-1]["score"],
        "model_version": predictions[-1]["model_version"],
    }


_WRITERS: Mapping[str, Callable[[Iterator[bytes], BinaryIO], None]] = {
    "json": _write_json,
    "jsonl": _write_jsonl,
    "parquet": _write_parquet,
}
