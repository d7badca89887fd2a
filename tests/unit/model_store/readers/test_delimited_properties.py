"""Whatever a program wrote is read byte for byte; a damaged row costs only itself."""

import csv
import io
from collections.abc import Callable, Sequence
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.model_store.readers.test_delimited import rows_of

HEADER = ("id", "review", "note")
PIECES = st.sampled_from(
    ["a", "Good film", "größer", "\u2028", "\0", " ", ",", ";", "\\", '"', '""', "'", "\n", "\r\n"]
)
TEXTS = st.lists(PIECES, max_size=5).map("".join)
LINES = TEXTS.map(lambda text: text.replace("\r", "").replace("\n", "").replace("\t", ""))
PLAIN = LINES.map(lambda text: text.lstrip(" \"'"))

Row = tuple[str, str, str]
Writer = Callable[[Sequence[Row]], list[str]]


def by_csv(rows: Sequence[Row], **options: object) -> list[str]:
    """Return the lines of each row as Python's writer, or one of its dialects, writes them."""
    written = []
    for row in [HEADER, *rows]:
        file = io.StringIO(newline="")
        csv.writer(file, **options).writerow(row)  # type: ignore[arg-type]
        written.append(file.getvalue())
    return written


def by_spark(rows: Sequence[Row]) -> list[str]:
    def field(value: str) -> str:
        if any(mark in value for mark in ',"\n\r\\'):
            return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
        return value

    return [",".join(map(field, row)) + "\n" for row in [HEADER, *rows]]


def by_mysql(rows: Sequence[Row]) -> list[str]:
    def field(value: str) -> str:
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"' if value else "\\N"

    return [",".join(map(field, row)) + "\n" for row in [HEADER, *rows]]


def raw(rows: Sequence[Row]) -> list[str]:
    return ["\t".join(row) + "\n" for row in [HEADER, *rows]]


QUOTING = [
    partial(by_csv, delimiter=delimiter, quoting=quoting)
    for delimiter in ",\t"
    for quoting in (csv.QUOTE_MINIMAL, csv.QUOTE_ALL)
]


def stray(line: str) -> str:
    """Damage a row: a field of it begins with a quote that does not enclose it."""
    return line.replace("@", '"Great" movie', 1)


def unclosed(line: str) -> str:
    return line.replace("@", '"Great', 1)


def cut(line: str) -> str:
    return line.partition("@")[0] + "\n"


def read(written: Sequence[str], start: str = "") -> list[tuple[str, ...]]:
    found = rows_of((start + "".join(written)).encode())
    return [
        tuple(value or "" for value in row.values()) for _, row in found if isinstance(row, dict)
    ]


def numbered(texts: Sequence[tuple[str, str]]) -> list[Row]:
    """Number the rows. Those at the end tell an escape from a doubled quote."""
    clear = [('He said "wow", twice', "")] * 2
    return [(str(number), *pair) for number, pair in enumerate([*texts, *clear], start=1)]


@settings(max_examples=7)
@pytest.mark.parametrize("write", [*QUOTING, by_spark, by_mysql])
@given(texts=st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=7))
def test_an_undamaged_file_is_read_unchanged(write: Writer, texts: list[tuple[str, str]]) -> None:
    rows = numbered(texts)
    assert read(write(rows), "\ufeff") == rows


@settings(max_examples=5)
@pytest.mark.parametrize("damage", [stray, unclosed, cut])
@pytest.mark.parametrize("write", [*QUOTING, by_spark, by_mysql])
@given(
    texts=st.lists(st.tuples(TEXTS, TEXTS), min_size=3, max_size=7),
    position=st.integers(0, 6),
)
def test_a_damaged_row_costs_only_itself(
    write: Writer, damage: Callable[[str], str], texts: list[tuple[str, str]], position: int
) -> None:
    rows = numbered(texts)
    position %= len(texts)
    number = rows[position][0]
    written = write([*rows[:position], (number, "@", "x"), *rows[position + 1 :]])
    written[position + 1] = damage(written[position + 1].replace('"', ""))
    others = [row for row in rows if row[0] != number]
    assert [row for row in read(written) if row[0] != number] == others


@settings(max_examples=15)
@given(texts=st.lists(st.tuples(PLAIN, PLAIN), min_size=3, max_size=7))
def test_tab_separated_text_without_quoting_is_read_unchanged(texts: list[tuple[str, str]]) -> None:
    rows = numbered(texts)[: len(texts)]
    assert read(raw(rows)) == rows
