"""Read the columns that Hive, Spark and pandas write into names of folders: `label=Positive/`.

pyarrow parses the names: it undoes their escapes, and knows the name that stands for no value.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import PurePath
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds

from model_store.readers.rows import Table

Partitions = Sequence[tuple[str, Any]]
"""Names and values of the columns of one file."""


def partitions_of(paths: Iterable[PurePath]) -> list[Partitions]:
    """Return the columns that each path names, in order; the file's own name has none.

    A column has integers if all its values are such, as pandas and pyarrow read it, else texts.
    """
    parents = [PurePath(*path.parts[:-1]).as_posix() + "/" for path in paths]
    names = {
        part.partition("=")[0]: None
        for parent in parents
        for part in parent.split("/")
        if part.find("=") > 0
    }
    if not names:
        return [() for _ in parents]
    schema = pa.schema([(name, pa.string()) for name in names])
    scheme = ds.partitioning(schema, flavor="hive")
    found = [ds.get_partition_keys(scheme.parse(parent)) for parent in parents]
    columns = {name: _typed([values.get(name) for values in found]) for name in names}
    return [
        tuple((name, columns[name][number]) for name in names if name in values)
        for number, values in enumerate(found)
    ]


def with_partitions(table: Table, partitions: Partitions) -> Table:
    """Add columns to each row of a table; a column of the file with the same name stays."""
    if not partitions:
        return table
    return replace(table, decode=partial(_decode, table.decode, partitions))


def _decode(
    decode: Callable[[Any], dict[str, Any]], partitions: Partitions, raw: Any
) -> dict[str, Any]:
    fields = decode(raw)
    task_data = fields.get("data")
    data = task_data if isinstance(task_data, dict) else fields
    for name, value in partitions:
        data.setdefault(name, value)
    return fields


def _typed(values: Sequence[str | None]) -> Sequence[Any]:
    try:
        numbers: list[Any] = pa.array(values, pa.string()).cast(pa.int32()).to_pylist()
    except pa.ArrowInvalid:
        return values
    return numbers
