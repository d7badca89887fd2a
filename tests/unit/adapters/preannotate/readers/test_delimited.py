"""CSV of any dialect: every good row is read, every bad one reported."""

import csv
import io
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.preannotate import records
from adapters.preannotate.readers import delimited, text
from adapters.preannotate.records import Row, RowError, Unreadable

FIELDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r"), max_size=12)


def rows_of(content: bytes, wanted: Sequence[str] = ("review",), encoding: str = "utf-8") -> Any:
    """Return the number of each row, with its fields or the reason for its rejection."""
    stream: Any = io.BufferedReader(io.BytesIO(content))
    table = delimited.read(text.lines(text.decoded(stream, encoding, "")), wanted)
    return [(row.number, outcome(table.decode, row)) for row in table.rows]


def outcome(decode: Any, row: Row) -> Any:
    if isinstance(row.raw, Unreadable):
        return row.raw.reason
    try:
        return decode(row.raw)
    except RowError as reason:
        return str(reason)


@pytest.mark.parametrize("delimiter", [",", "\t", ";", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_delimiter_line_end_and_byte_order_mark_are_detected(
    delimiter: str, end: str, encoding: str
) -> None:
    content = end.join(
        [f"id{delimiter}review", f'1{delimiter}"a, b; c"', f"2{delimiter}größer", ""]
    )
    assert rows_of(content.encode(encoding)) == [
        (2, {"id": "1", "review": "a, b; c"}),
        (3, {"id": "2", "review": "größer"}),
    ]


@pytest.mark.parametrize(
    ("content", "fields"),
    [
        ("id,review\n1,'a, b'\n2,'c, d'\n", ["a, b", "c, d"]),
        ('id,review\n1,"she said \\"no\\", twice"\n2,"x"\n', ['she said "no", twice', "x"]),
        ('id, review\n1, "a, b"\n2, "c"\n', ["a, b", "c"]),
        ('id,review\n1,"she said ""no"""\n', ['she said "no"']),
        ("review\nlong, with commas\nand one, more\nthird\n", None),
        ("id,review\n1,it's\n2,'tis\n", ["it's", "'tis"]),
        ("id,review\n1,a\\b\n2,c\n", ["a\\b", "c"]),
    ],
)
def test_the_quoting_is_detected(content: str, fields: list[str] | None) -> None:
    found = [row["review"] for _, row in rows_of(content.encode())]
    assert found == (fields or content.splitlines()[1:])


@given(st.lists(st.tuples(FIELDS, FIELDS, FIELDS), min_size=1, max_size=8))
def test_output_of_pythons_csv_writer_is_read_unchanged(rows: list[tuple[str, str, str]]) -> None:
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    writer.writerows([("id", "review", "note"), *rows])
    found = [fields for _, fields in rows_of(file.getvalue().encode())]
    assert found == [dict(zip(("id", "review", "note"), row, strict=True)) for row in rows]


def test_a_row_is_numbered_by_its_first_line() -> None:
    content = b'id,review\n1,"two\nlines"\n\n2,x\n'
    assert [number for number, _ in rows_of(content)] == [2, 5]


def test_a_ragged_row_rejects_no_other_row() -> None:
    assert rows_of(b"id,review\n1\n2,b\n3,c,d\n") == [
        (2, "has 1 fields, the header has 2"),
        (3, {"id": "2", "review": "b"}),
        (4, "has 3 fields, the header has 2"),
    ]


def test_an_unclosed_quote_rejects_only_its_line() -> None:
    content = b'id,review\n1,a\n2,"b\n3,c\n4,d\n'
    assert rows_of(content) == [
        (2, {"id": "1", "review": "a"}),
        (3, "has quotes that do not match"),
        (4, {"id": "3", "review": "c"}),
        (5, {"id": "4", "review": "d"}),
    ]


def test_a_row_in_another_encoding_rejects_no_other_row() -> None:
    content = "id,review\n1,schön\n2,fine\n".encode("latin-1")
    (_, bad), (_, good) = rows_of(content)
    assert "--encoding" in bad
    assert good == {"id": "2", "review": "fine"}
    assert rows_of(content, encoding="latin-1")[0][1]["review"] == "schön"


def test_duplicate_and_empty_column_names_become_those_of_pandas() -> None:
    content = b"review,review,,review.1\na,b,c,d\n"
    assert rows_of(content) == [
        (2, {"review": "a", "review.2": "b", "Unnamed: 2": "c", "review.1": "d"})
    ]


@pytest.mark.parametrize("content", [b"", b"\n\n"])
def test_an_empty_file_is_reported(content: bytes) -> None:
    assert rows_of(content) == [(1, "the file is empty")]


def test_a_header_alone_has_no_rows() -> None:
    assert rows_of(b"id,review\n") == []


def test_an_unreadable_header_is_reported() -> None:
    ((number, reason),) = rows_of("größe,review\n1,a\n".encode("latin-1"))
    assert number == 1
    assert "header" in reason


def test_a_cell_of_ten_megabytes_is_read() -> None:
    cell = "long " * 2_000_000
    ((_, fields),) = rows_of(f'id,review\n1,"{cell}"\n'.encode())
    assert fields["review"] == cell


def test_a_hundred_thousand_columns_are_read() -> None:
    header = ",".join(["review", *(f"c{n}" for n in range(100_000))])
    ((_, fields),) = rows_of(f"{header}\n{',' * 100_000}\n".encode())
    assert len(fields) == 100_001


def test_a_line_that_is_too_long_is_rejected_and_the_next_one_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(delimited, "MAX_CHARACTERS", 100)
    monkeypatch.setattr(text, "MAX_CHARACTERS", 100)
    content = f"id,review\n1,{'a' * 300}\n2,b\n".encode()
    try:
        (_, reason), (number, good) = rows_of(content)
    finally:
        csv.field_size_limit(records.MAX_CHARACTERS)
    assert "longer than" in reason
    assert (number, good["review"]) == (3, "b")
