"""Parquet to rows, a few hundred at a time: a row group need not fit into memory."""

import shutil
import tempfile
from collections.abc import Iterator
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet

from adapters.preannotate.records import Row, RowError
from adapters.preannotate.sources import OpenSource
from adapters.preannotate.tables import Table, unique_names
from adapters.preannotate.text import NOT_TEXT

_BATCH_ROWS = 256
_BUFFER = 1024 * 1024
_FIELD_WEIGHT = 16


def read(source: OpenSource) -> Table:
    """The rows of a Parquet file; one that is compressed as a whole, or piped, is unpacked first.

    Raises pyarrow.ArrowException for what is none.
    """
    return Table("row", _fields, _unpacked_rows(source))


def read_from(content: BinaryIO, first: int) -> Table:
    """The rows of a Parquet file from number `first` on."""
    return Table("row", _fields, _rows(content, first))


def _unpacked_rows(source: OpenSource) -> Iterator[Row]:
    if not source.is_compressed and source.raw.seekable():
        yield from _rows(source.raw, 1)
        return
    with tempfile.TemporaryFile() as unpacked:
        shutil.copyfileobj(source.stream, unpacked, _BUFFER)
        unpacked.seek(0)
        yield from _rows(unpacked, 1)


def _rows(file: Any, first: int) -> Iterator[Row]:
    # Buffered, not read ahead: else a column of a row group is in memory as a whole.
    with pyarrow.parquet.ParquetFile(file, buffer_size=_BUFFER, pre_buffer=False) as parquet:
        names = list(unique_names(parquet.schema_arrow.names))
        groups, number = _groups_from(parquet.metadata, first)
        for batch in parquet.iter_batches(_BATCH_ROWS, row_groups=groups, use_threads=False):
            skipped = min(max(first - number, 0), batch.num_rows)
            number += skipped
            for fields in _values(batch.slice(skipped).rename_columns(names)):
                yield Row(number, fields, _weight(fields) if isinstance(fields, dict) else 0)
                number += 1


def _groups_from(metadata: Any, first: int) -> tuple[list[int], int]:
    """The row groups from the one with row `first` on, and the number of their first row."""
    number = 1
    for group in range(metadata.num_row_groups):
        rows = metadata.row_group(group).num_rows
        if number + rows > first:
            return list(range(group, metadata.num_row_groups)), number
        number += rows
    return [], number


def _values(batch: pa.RecordBatch) -> list[Any]:
    try:
        values: list[Any] = batch.to_pylist()
    except UnicodeDecodeError:
        # Row by row, so that the bad one is found.
        return [_value(batch.slice(index, 1)) for index in range(batch.num_rows)]
    return values


def _value(row: pa.RecordBatch) -> Any:
    try:
        return row.to_pylist()[0]
    except UnicodeDecodeError:
        return None


def _weight(fields: dict[str, Any]) -> int:
    sizes = (len(value) for value in fields.values() if isinstance(value, str | bytes | list))
    return sum(sizes) + _FIELD_WEIGHT * len(fields)


def _fields(fields: dict[str, Any] | None) -> dict[str, Any]:
    if fields is None:
        raise RowError(NOT_TEXT)
    return fields
