"""Read CSV and TSV files of any dialect. A bad row does not affect good ones."""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain, islice
from typing import Any

from model_store.readers.choice import find_dialect, separator_of
from model_store.readers.delimited_rows import Line, Lines, joined, rows
from model_store.readers.dialects import Fields, Given
from model_store.readers.rows import (
    MAX_CHARACTERS,
    Row,
    RowError,
    Table,
    Unreadable,
    unique_names,
)
from model_store.readers.text import NOT_TEXT, is_encodable

_SAMPLE_LINES = 1000
_SAMPLE_CHARACTERS = 256 * 1024


def read(lines: Iterator[Line], wanted: Sequence[str], given: Given) -> Table:
    """Read a delimited file whose first row names the columns, without blank lines.

    A dialect that gives the header one of the names in `wanted` is preferred. A first line `sep=;`
    names the delimiter.
    """
    csv.field_size_limit(MAX_CHARACTERS)
    sample, is_whole = _sample(lines)
    if sample and (separator := separator_of(sample[0][1] or "")):
        del sample[0]
        given = replace(given, delimiter=given.delimiter or separator)
    texts = [line for _, line in sample if line is not None]
    dialect, columns = find_dialect(texts, wanted, given, is_whole=is_whole)
    names = given.columns or ()
    found = rows(Lines(chain(sample, lines)), dialect, len(names), columns)
    if not names:
        header = next(found, None)
        if header is None:
            return Table("line", _fields, iter([Row(1, Unreadable("the file is empty"), 0)]))
        if isinstance(header.raw, Unreadable) or not is_encodable(joined(header.raw)):
            reason = getattr(header.raw, "reason", NOT_TEXT)
            unreadable = Unreadable(
                f"the header {reason}; nothing of the file was read", ends_file=True
            )
            return Table("line", _fields, iter([Row(header.number, unreadable, 0)]))
        names = tuple(name or "" for name in header.raw)
    return Table("line", partial(_fields, unique_names(names)), found)


def _fields(header: Sequence[str], row: Fields) -> dict[str, Any]:
    if len(row) != len(header):
        raise RowError(f"has {len(row)} fields, the header has {len(header)}")
    try:
        joined(row).encode()
    except UnicodeEncodeError:
        raise RowError(NOT_TEXT) from None
    return dict(zip(header, row, strict=True))


def _sample(lines: Iterator[Line]) -> tuple[list[Line], bool]:
    """Return the first lines, and whether they are the whole file."""
    sample: list[Line] = []
    size = 0
    for number, line in islice(lines, _SAMPLE_LINES):
        sample.append((number, line))
        size += len(line or "")
        if size > _SAMPLE_CHARACTERS:
            return sample, False
    return sample, len(sample) < _SAMPLE_LINES
