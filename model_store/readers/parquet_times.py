"""Convert Arrow batches with times in nanoseconds, which no type of Python's has.

pyarrow would make types of pandas of them if pandas is installed, and raise an error otherwise.
Times without a fraction of a microsecond become Python's types, as times in other units do.
"""

from collections.abc import Callable
from typing import Any

import pyarrow as pa

from model_store.readers.rows import NanosecondTime


def to_pylist(batch: pa.RecordBatch) -> list[dict[str, Any]]:
    """Return the fields of each row, exactly; raises what `RecordBatch.to_pylist` raises."""
    schema = _schema(batch.schema, _in_microseconds)
    try:
        rounded = batch if schema.equals(batch.schema) else batch.cast(schema)
    except pa.ArrowInvalid:  # a cast that would lose nanoseconds
        counts = batch.cast(_schema(batch.schema, lambda _: pa.int64())).to_pylist()
        types = dict(zip(batch.schema.names, batch.schema.types, strict=True))
        return [{name: _exact(row[name], types[name]) for name in row} for row in counts]
    rows: list[dict[str, Any]] = rounded.to_pylist()
    return rows


def merged(exact: Any, rough: Any) -> Any:
    """Return a value read in nanoseconds; where these overflowed, the same read in microseconds.

    `rough` can lack columns of a row.
    """
    match exact:
        case dict():
            return {
                name: merged(value, rough[name]) if name in rough else value
                for name, value in exact.items()
            }
        case list() | tuple():
            return type(exact)(map(merged, exact, rough))
        case NanosecondTime():
            return exact if exact.rounded == rough else rough
    return rough


def _schema(schema: pa.Schema, replace: Callable[[pa.DataType], pa.DataType]) -> pa.Schema:
    return pa.schema([_field(field, replace) for field in schema])


def _field(field: pa.Field, replace: Callable[[pa.DataType], pa.DataType]) -> pa.Field:
    return field.with_type(_type(field.type, replace))


def _type(type_: pa.DataType, replace: Callable[[pa.DataType], pa.DataType]) -> pa.DataType:
    """Return a type with its types of nanoseconds replaced, at any depth."""
    found = replace(type_) if _is_exact(type_) else type_
    match type_:
        case pa.ListType():
            found = pa.list_(_field(type_.value_field, replace))
        case pa.LargeListType():
            found = pa.large_list(_field(type_.value_field, replace))
        case pa.FixedSizeListType():
            found = pa.list_(_field(type_.value_field, replace), type_.list_size)
        case pa.MapType():
            found = pa.map_(_field(type_.key_field, replace), _field(type_.item_field, replace))
        case pa.StructType():
            found = pa.struct([_field(field, replace) for field in type_])
        case pa.DictionaryType() if _type(type_.value_type, replace) != type_.value_type:
            found = _type(type_.value_type, replace)
    return found


def _is_exact(type_: pa.DataType) -> bool:
    return getattr(type_, "unit", "") == "ns"


def _in_microseconds(type_: pa.DataType) -> pa.DataType:
    match type_:
        case pa.TimestampType():
            return pa.timestamp("us", type_.tz)
        case pa.DurationType():
            return pa.duration("us")
    return pa.time64("us")


def _exact(value: Any, type_: pa.DataType) -> Any:
    """Return a value in which times in nanoseconds are counts, as its type says it."""
    if value is None:
        return None
    found = _time(value, type_) if _is_exact(type_) else value
    match type_:
        case pa.ListType() | pa.LargeListType() | pa.FixedSizeListType():
            found = [_exact(item, type_.value_type) for item in value]
        case pa.MapType():
            types = type_.key_type, type_.item_type
            found = [tuple(map(_exact, pair, types)) for pair in value]
        case pa.StructType():
            found = {field.name: _exact(value[field.name], field.type) for field in type_}
        case pa.DictionaryType():
            found = _exact(value, type_.value_type)
    return found


def _time(count: int, type_: pa.DataType) -> Any:
    microseconds, nanoseconds = divmod(count, 1000)
    rounded = pa.scalar(microseconds, _in_microseconds(type_)).as_py()
    return NanosecondTime(rounded, nanoseconds) if nanoseconds else rounded
