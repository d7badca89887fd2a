"""CSV of any dialect: every good row is read, every bad one reported."""

import csv
import io
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model_store.readers import delimited, delimited_rows, rows, text
from model_store.readers.dialects import Given
from model_store.readers.rows import Row, RowError, Unreadable

FIELDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r"), max_size=12)

NOTHING = Given()


def rows_of(
    content: bytes,
    wanted: Sequence[str] = ("review",),
    encoding: str = "utf-8",
    given: Given = NOTHING,
) -> Any:
    """Return the number of each row, with its fields or the reason for its rejection."""
    stream: Any = io.BufferedReader(io.BytesIO(content))
    table = delimited.read(text.lines(text.decoded(stream, encoding, "")), wanted, given)
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


@settings(max_examples=40)
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
    monkeypatch.setattr(delimited_rows, "MAX_CHARACTERS", 100)
    monkeypatch.setattr(text, "MAX_CHARACTERS", 100)
    content = f"id,review\n1,{'a' * 300}\n2,b\n".encode()
    try:
        (_, reason), (number, good) = rows_of(content)
    finally:
        csv.field_size_limit(rows.MAX_CHARACTERS)
    assert "longer than" in reason
    assert (number, good["review"]) == (3, "b")


def test_stray_quotes_in_one_row_change_no_other_row() -> None:
    content = (
        b'id,review\n1,"Great" movie\n2,"He said ""wow"" twice"\n'
        b"3,Path C:\\new\\table\n4,plain words\n"
    )
    (number, reason), *others = rows_of(content)
    assert (number, reason) == (2, "has quotes that do not match")
    assert [fields["review"] for _, fields in others] == [
        'He said "wow" twice',
        r"Path C:\new\table",
        "plain words",
    ]


def test_a_backslash_outside_of_quotes_joins_no_lines() -> None:
    content = b'review\n"Great" movie\nEnds with a backslash \\\nNext review was dull\nLast one\n'
    assert [number for number, _ in rows_of(content)] == [2, 3, 4, 5]
    assert [fields["review"] for _, fields in rows_of(content)[1:]] == [
        "Ends with a backslash \\",
        "Next review was dull",
        "Last one",
    ]


def test_only_quote_delimiter_and_backslash_are_escaped_and_backslash_n_is_null() -> None:
    content = (
        b'id,review,note\n1,"She said \\"wow\\"",x\n2,\\N,y\n'
        b'3,"Line one\\nline two, path C:\\temp \\\\ \\,",\\N\n'
    )
    assert [list(fields.values()) for _, fields in rows_of(content)] == [
        ["1", 'She said "wow"', "x"],
        ["2", None, "y"],
        ["3", r"Line one\nline two, path C:\temp \ ,", None],
    ]


@pytest.mark.parametrize("delimiter", ["\t", ",", ";"])
def test_lines_between_two_stray_quotes_are_rows_of_their_own(delimiter: str) -> None:
    rows = [
        ("id", "review", "sentiment"),
        ("1", "Good", "Positive"),
        ("2", '"Great stuff', "Positive"),
        ("3", "Bad luck", "Negative"),
        ("4", "So so", "Negative"),
        ("5", 'Ends with "', "Negative"),
        ("6", "x y", "Positive"),
    ]
    found = rows_of("".join(delimiter.join(row) + "\n" for row in rows).encode())
    assert [number for number, _ in found] == [2, 3, 4, 5, 6, 7]
    read = [(number, tuple(row.values())) for number, row in found if isinstance(row, dict)]
    expected = list(enumerate(rows[1:], start=2))
    assert read == (expected if delimiter == "\t" else expected[:1] + expected[2:])


def test_lines_that_an_open_quote_swallowed_are_read() -> None:
    content = b'id,review\n1,a\n2,"cut\n3,c\n4,"\n"\n5,d\n'
    found = rows_of(content)
    assert found[1] == (3, "has quotes that do not match")
    assert [row["review"] for _, row in [found[0], *found[2:]]] == ["a", "c", "\n", "d"]


def test_a_quoted_line_with_as_many_commas_as_the_header_is_prose() -> None:
    content = b'id,review\n1,"Hello\nWell, good\nYes, fine"\n2,b\n3,c\n'
    assert [row["review"] for _, row in rows_of(content)] == [
        "Hello\nWell, good\nYes, fine",
        "b",
        "c",
    ]


def test_a_first_line_of_excel_names_the_delimiter() -> None:
    assert rows_of(b"\xef\xbb\xbfsep=;\r\nid;review\r\n1;a, b, c\r\n") == [
        (3, {"id": "1", "review": "a, b, c"})
    ]


@pytest.mark.parametrize(
    ("content", "given", "fields"),
    [
        (b"1^a\n2^b, c\n", Given(delimiter="^", columns=("id", "review")), ["a", "b, c"]),
        (b'id,review\n1,"a"\n', Given(quote=""), ['"a"']),
        (b"id,review\n1,*a, b*\n", Given(quote="*"), ["a, b"]),
        (b'id,review\n1,"a ^"b^", c"\n', Given(escape="^"), ['a "b", c']),
        (b'id,review\n1,"a\\"\n', Given(escape=""), ["a\\"]),
    ],
)
def test_what_the_user_names_is_not_detected(
    content: bytes, given: Given, fields: list[str]
) -> None:
    assert [row["review"] for _, row in rows_of(content, given=given)] == fields
