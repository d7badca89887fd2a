"""Read the rows of Parquet files in small batches: a row group need not fit into memory."""

import json
import shutil
import tempfile
from collections.abc import Iterator
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet

from model_store.readers.content import Content
from model_store.readers.parquet_times import merged, to_pylist
from model_store.readers.rows import (
    MAX_CHARACTERS,
    TOO_LONG,
    Row,
    Table,
    Unreadable,
    unique_names,
)

_BATCH_ROWS = 32
_BATCH_BYTES = 4 * 1024 * 1024
"""Maximum size of a batch, by the statistics of the file, and of what is converted at once."""
_BUFFER = 1024 * 1024
_VALUE_SIZE = 16
_NOT_UTF8 = Unreadable("holds text that is not UTF-8")
_DAMAGED = Unreadable("is in a damaged part of the file; the row groups after it were read")
_NO_VALUE = Unreadable(
    "holds a value that Python cannot: a date or time out of range or in an unknown time zone, or "
    "a struct with two fields of the same name"
)


def read(content: Content) -> Table:
    """Read a Parquet file. One that is compressed as a whole, or piped, is first copied to disk.

    Reading the rows raises pyarrow.ArrowException if the file is not Parquet.
    """
    names: dict[str, list[str]] = {}
    return Table("row", dict, _unpacked_rows(content, names), names)


def read_from(content: BinaryIO, first: int) -> Table:
    """Read the rows of a Parquet file from number `first` on."""
    names: dict[str, list[str]] = {}
    return Table("row", dict, _rows(content, first, names), names)


def _unpacked_rows(content: Content, class_names: dict[str, list[str]]) -> Iterator[Row]:
    if not content.is_compressed and content.raw.seekable():
        yield from _rows(content.raw, 1, class_names)
        return
    with tempfile.TemporaryFile() as unpacked:
        shutil.copyfileobj(content.stream, unpacked, _BUFFER)
        unpacked.seek(0)
        yield from _rows(unpacked, 1, class_names)


def _rows(file: Any, first: int, class_names: dict[str, list[str]]) -> Iterator[Row]:
    with _opened(file, "ns") as parquet:
        names = list(unique_names(parquet.schema_arrow.names))
        class_names |= _class_names(parquet.schema_arrow.metadata or {})
        groups, number = _groups_from(parquet.metadata, first)
        int96 = _int96_columns(parquet)
        rough = _opened(file, "us") if int96 else None
        for group in groups:
            end = number + parquet.metadata.row_group(group).num_rows
            try:
                skipped = max(first - number, 0)
                number += skipped
                values = _group_values(parquet, group, names, skipped)
                if rough:
                    others = _group_values(rough, group, names, skipped, int96)
                    values = _with_far_times(values, others)
                for fields in values:
                    yield _row(number, fields)
                    number += 1
            except (pa.ArrowException, OSError):
                # A damaged page: the other row groups can be read.
                yield from (Row(lost, _DAMAGED, 0) for lost in range(number, end))
            number = end


def _opened(file: Any, int96_unit: str) -> pyarrow.parquet.ParquetFile:
    # pre_buffer would load whole columns of a row group into memory.
    return pyarrow.parquet.ParquetFile(
        file, buffer_size=_BUFFER, pre_buffer=False, coerce_int96_timestamp_unit=int96_unit
    )


def _int96_columns(parquet: pyarrow.parquet.ParquetFile) -> list[int]:
    """Return the positions of the columns with times as Spark and Impala write them."""
    leaves = map(parquet.schema.column, range(len(parquet.schema)))
    roots = {leaf.path.split(".")[0] for leaf in leaves if leaf.physical_type == "INT96"}
    return [n for n, name in enumerate(parquet.schema_arrow.names) if name in roots]


def _group_values(
    parquet: pyarrow.parquet.ParquetFile,
    group: int,
    names: list[str],
    skipped: int,
    columns: list[int] | None = None,
) -> Iterator[dict[str, Any] | Unreadable]:
    """Yield the rows of a row group, or some of their columns, after those that are skipped."""
    size = _batch_rows(parquet.metadata)
    for batch in parquet.iter_batches(size, row_groups=[group], use_threads=False):
        named = batch.slice(skipped).rename_columns(names)
        skipped = max(skipped - batch.num_rows, 0)
        yield from _values(named if columns is None else named.select(columns))


def _with_far_times(
    rows: Iterator[dict[str, Any] | Unreadable], rough: Iterator[dict[str, Any] | Unreadable]
) -> Iterator[dict[str, Any] | Unreadable]:
    """Take times that overflow in nanoseconds, before 1678 or after 2261, from `rough`."""
    for fields, others in zip(rows, rough, strict=True):
        unreadable = [row for row in (fields, others) if isinstance(row, Unreadable)]
        yield unreadable[0] if unreadable else merged(fields, others)


def _class_names(metadata: dict[bytes, bytes]) -> dict[str, list[str]]:
    """Return the names of classes that the package datasets writes into the schema."""
    try:
        features = json.loads(metadata[b"huggingface"])["info"]["features"].items()
        return {
            column: list(map(str, feature["names"]))
            for column, feature in features
            if isinstance(feature, dict) and feature.get("_type") == "ClassLabel"
        }
    except (KeyError, TypeError, ValueError, AttributeError):
        return {}


def _batch_rows(metadata: Any) -> int:
    """Return the number of rows to read at once, from the largest mean row size of a row group."""
    groups = map(metadata.row_group, range(metadata.num_row_groups))
    largest = max((group.total_byte_size // max(group.num_rows, 1) for group in groups), default=0)
    return max(min(_BATCH_ROWS, _BATCH_BYTES // max(largest, 1)), 1)


def _groups_from(metadata: Any, first: int) -> tuple[list[int], int]:
    """Return the row groups from the one that holds row `first` on, and their first row number."""
    number = 1
    for group in range(metadata.num_row_groups):
        rows = metadata.row_group(group).num_rows
        if number + rows > first:
            return list(range(group, metadata.num_row_groups)), number
        number += rows
    return [], number


def _values(batch: pa.RecordBatch) -> Iterator[dict[str, Any] | Unreadable]:
    """Yield the fields of each row, or Unreadable. Halves a large batch, and one with a bad row."""
    # Weighed before it becomes Python's, which takes ten times the memory.
    is_light = sum(map(_nested, batch.columns)) * _VALUE_SIZE <= MAX_CHARACTERS
    if batch.num_rows <= 1 and not is_light:
        yield Unreadable(TOO_LONG)
        return
    if batch.num_rows <= 1 or (is_light and batch.nbytes <= _BATCH_BYTES):
        try:
            values = to_pylist(batch)
        except (ValueError, OverflowError, pa.ArrowException) as error:
            if batch.num_rows <= 1:
                yield _NOT_UTF8 if isinstance(error, UnicodeDecodeError) else _NO_VALUE
                return
        else:
            yield from values
            return
    half = batch.num_rows // 2
    yield from _values(batch.slice(0, half))
    yield from _values(batch.slice(half))


def _nested(array: pa.Array) -> int:
    """Count the values in lists, at any depth; a file of a kilobyte can hold millions."""
    match array:
        case pa.MapArray():
            first, last = int(array.offsets[0].as_py()), int(array.offsets[-1].as_py())
            return 2 * (last - first) + _nested(array.items[first:last])
        case pa.ListArray() | pa.LargeListArray() | pa.FixedSizeListArray():
            values = array.flatten()
            return len(values) + _nested(values)
        case pa.StructArray():
            return sum(map(_nested, array.flatten()))
    return 0


def _row(number: int, fields: dict[str, Any] | Unreadable) -> Row:
    if isinstance(fields, Unreadable):
        return Row(number, fields, 0)
    # Counted from the row, not from its batch, so that every split gives the same chunks.
    size = sum(map(_size, fields.values()))
    if size > MAX_CHARACTERS:
        return Row(number, Unreadable(TOO_LONG), 0)
    return Row(number, fields, size)


def _size(value: Any) -> int:
    """Count the characters of a nested value, plus a constant for each value in it."""
    match value:
        case str() | bytes():
            size = len(value)
        case list() | tuple():
            size = sum(map(_size, value))
        case dict():
            size = sum(map(_size, value.values()))
        case _:
            size = 0
    return _VALUE_SIZE + size
