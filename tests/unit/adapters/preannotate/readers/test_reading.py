"""Every format gives the same records; row numbers alone decide the chunks."""

import bz2
import gzip
import json
import lzma
import shutil
import sys
import tracemalloc
import zipfile
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import pytest

from adapters.preannotate.engines import splits
from adapters.preannotate.errors import InputError
from adapters.preannotate.readers import reading
from adapters.preannotate.readers.reading import CHUNK_ROWS, Inputs
from adapters.preannotate.readers.sources import find
from adapters.preannotate.records import Chunk, Record, Rejection
from model_store.readers import parquet
from model_store.readers.reading import Reading
from model_store.readers.rows import TOO_LONG

ROWS = [{"id": str(number), "review": f"text {number}, größer"} for number in range(1200)]


def write(path: Path, rows: Sequence[dict[str, Any]] = ROWS, encoding: str = "utf-8") -> Path:
    name = path.name.removesuffix(".gz").removesuffix(".zst")
    lines = [json.dumps(row, ensure_ascii=False) for row in rows]
    match name.rpartition(".")[2]:
        case "csv":
            text = "id,review\n" + "".join(f'{r["id"]},"{r["review"]}"\n' for r in rows)
        case "jsonl":
            text = "\n".join(lines)
        case "json":
            text = f"[{', '.join(lines)}]"
        case _:
            pyarrow.parquet.write_table(pa.Table.from_pylist(list(rows)), path, row_group_size=700)
            return path
    content = text.encode(encoding)
    if path.suffix == ".gz":
        content = gzip.compress(content)
    if path.suffix == ".zst":
        content = pa.compress(content, codec="zstd", asbytes=True)
    path.write_bytes(content)
    return path


def chunks_of(*paths: Path, encoding: str = "utf-8") -> list[Chunk]:
    return list(
        Inputs(find(list(map(str, paths)), None, []), Reading(encoding, ["review"])).chunks()
    )


def rows_of(chunk: Chunk) -> list[tuple[int, Any]]:
    return list(zip(chunk.numbers, chunk.contents, strict=True))


def records_of(*paths: Path, encoding: str = "utf-8") -> list[Record | Rejection]:
    return [item for chunk in chunks_of(*paths, encoding=encoding) for item in chunk.records()]


def fields_of(*paths: Path, encoding: str = "utf-8") -> list[Any]:
    items = records_of(*paths, encoding=encoding)
    return [item.fields if isinstance(item, Record) else item for item in items]


@pytest.mark.parametrize("suffix", ["csv", "csv.gz", "jsonl", "jsonl.zst", "json", "parquet"])
def test_every_format_gives_the_same_records(tmp_path: Path, suffix: str) -> None:
    assert fields_of(write(tmp_path / f"reviews.{suffix}")) == ROWS


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "json"])
@pytest.mark.parametrize("encoding", ["utf-16", "latin-1", "utf-8-sig"])
def test_other_encodings_are_read(tmp_path: Path, suffix: str, encoding: str) -> None:
    path = write(tmp_path / f"reviews.{suffix}", ROWS[:3], encoding)
    assert fields_of(path, encoding="latin-1") == ROWS[:3]


def test_a_parquet_file_compressed_as_a_whole_is_read(tmp_path: Path) -> None:
    plain = write(tmp_path / "reviews.parquet")
    with plain.open("rb") as content, gzip.open(tmp_path / "b.parquet.gz", "wb") as packed:
        shutil.copyfileobj(content, packed)
    assert fields_of(tmp_path / "b.parquet.gz") == ROWS


def test_rows_of_several_files_have_distinct_keys(tmp_path: Path) -> None:
    records = records_of(write(tmp_path / "a.csv", ROWS[:2]), write(tmp_path / "b.jsonl", ROWS[:2]))
    keys = [record.key for record in records if isinstance(record, Record)]
    assert keys == ["1:2", "1:3", "2:1", "2:2"]


def test_chunks_end_at_multiples_of_chunk_rows_and_count_bytes_read(tmp_path: Path) -> None:
    path = write(tmp_path / "reviews.jsonl")
    chunks = chunks_of(path)
    assert [chunk.numbers[0] for chunk in chunks] == [1, CHUNK_ROWS + 1, 2 * CHUNK_ROWS + 1]
    assert chunks[-1].consumed == path.stat().st_size


def test_large_rows_make_small_chunks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "_CHUNK_CHARACTERS", 1000)
    rows = [{"id": "1", "review": "a" * 600}] * 5
    assert [len(c.numbers) for c in chunks_of(write(tmp_path / "a.jsonl", rows))] == [2, 2, 1]


@pytest.mark.parametrize("suffix", ["csv.gz", "jsonl.zst", "parquet"])
def test_a_truncated_file_is_reported_and_the_next_one_read(tmp_path: Path, suffix: str) -> None:
    path = write(tmp_path / f"a.{suffix}")
    path.write_bytes(path.read_bytes()[:-100])
    *_, broken, last = records_of(path, write(tmp_path / "b.csv", ROWS[:1]))
    assert isinstance(broken, Rejection)
    assert "cannot be read" in broken.reason
    assert isinstance(last, Record)


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "json"])
@pytest.mark.parametrize(
    ("bad", "lost"),
    [("text 1,".encode("utf-16-le")[:-1], None), (b"\x3d\xd8", 1), (b"\x00\xdc", 1)],
    ids=["a byte is missing", "half a pair", "the other half"],
)
def test_invalid_utf16_rejects_only_the_rows_that_hold_it(
    tmp_path: Path, suffix: str, bad: bytes, lost: int | None
) -> None:
    path = write(tmp_path / f"a.{suffix}", ROWS[:3], "utf-16")
    path.write_bytes(path.read_bytes().replace("text 1,".encode("utf-16-le"), bad, 1))
    items = fields_of(path)
    assert items[0] == ROWS[0]
    assert any(isinstance(item, Rejection) for item in items)
    if lost is not None:
        assert [n for n, item in enumerate(items) if isinstance(item, Rejection)] == [lost]


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "json"])
def test_half_a_character_at_the_end_rejects_no_earlier_row(tmp_path: Path, suffix: str) -> None:
    path = write(tmp_path / f"a.{suffix}", ROWS[:3], "utf-16")
    path.write_bytes(path.read_bytes() + b"\n\0\n")
    assert fields_of(path)[: 2 if suffix == "jsonl" else 3] == ROWS[: 2 if suffix == "jsonl" else 3]


def test_utf16_without_a_byte_order_mark_is_refused_with_advice(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes("review\na\n".encode("utf-16-be"))
    (item,) = fields_of(tmp_path / "a.csv", encoding="utf-16")
    assert "utf-16-le" in item.reason


def parquet_of(path: Path, column: pa.Array, group_rows: int | None = None) -> Path:
    table = pa.table({"review": column})
    pyarrow.parquet.write_table(table, path, row_group_size=group_rows)
    return path


def text_of_bytes(*values: bytes) -> pa.Array:
    """A text column with bytes that are not UTF-8."""
    binary = pa.array(values, pa.binary())
    return pa.Array.from_buffers(pa.string(), len(values), binary.buffers())


def bits_of(*values: int, type_: pa.DataType) -> pa.Array:
    """Numbers reinterpreted as values of another type."""
    return pa.array(values, pa.int32() if type_.bit_width == 32 else pa.int64()).view(type_)


@pytest.mark.parametrize(
    ("column", "bad", "reason"),
    [
        (text_of_bytes(b"fine", b"\xff", b"good"), [2], "is not UTF-8"),
        (bits_of(1, 2**60, 2, type_=pa.timestamp("us")), [2], "a date or time"),
        (bits_of(1, 2**60, 2, type_=pa.timestamp("us", "Europe/Berlin")), [2], "a date or time"),
        (bits_of(1, 2, 2**30, type_=pa.date32()), [3], "a date or time"),
        (bits_of(1, type_=pa.timestamp("us", "No/Where")), [1], "unknown time zone"),
        (
            pa.StructArray.from_arrays([pa.array([1, 2]), pa.array([1, 2])], names=["a", "a"]),
            [1, 2],
            "two fields of the same name",
        ),
    ],
)
def test_a_parquet_value_that_python_cannot_hold_rejects_only_its_row(
    tmp_path: Path, column: pa.Array, bad: list[int], reason: str
) -> None:
    items = records_of(parquet_of(tmp_path / "a.parquet", column))
    assert [item.number for item in items] == list(range(1, len(column) + 1))
    rejected = [item for item in items if isinstance(item, Rejection)]
    assert [item.number for item in rejected] == bad
    assert all(reason in item.reason for item in rejected)


def test_a_parquet_file_with_an_invalid_column_name_is_reported(tmp_path: Path) -> None:
    table = pa.table({"review": ["a"], "xyzzy": ["b"]})
    pyarrow.parquet.write_table(table, tmp_path / "a.parquet", store_schema=False)
    content = (tmp_path / "a.parquet").read_bytes().replace(b"xyzzy", b"xy\xffzy")
    (tmp_path / "a.parquet").write_bytes(content)
    (item,) = fields_of(tmp_path / "a.parquet")
    assert "cannot be read" in item.reason


def test_a_parquet_row_that_is_too_long_is_rejected_at_any_nesting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet, "MAX_CHARACTERS", 1000)
    column = pa.array([["a" * 900], ["a"] * 100, ["a"], ["a" * 400, "b" * 600]])
    items = fields_of(parquet_of(tmp_path / "a.parquet", column))
    assert [getattr(item, "reason", "") for item in items] == ["", TOO_LONG, "", TOO_LONG]


@pytest.mark.parametrize("group_rows", [3, 50])
@pytest.mark.parametrize(
    "column",
    [
        pa.array([["a" * 100] * 100] * 50),
        pa.array([{"a": {"b": "a" * 10_000}}] * 50),
        pa.array(["a" * 10_000] * 50).dictionary_encode(),
    ],
    ids=["list", "struct", "dictionary"],
)
def test_large_parquet_rows_make_small_chunks_independent_of_batches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, column: pa.Array, group_rows: int
) -> None:
    monkeypatch.setattr(reading, "_CHUNK_CHARACTERS", 50_000)
    path = parquet_of(tmp_path / "a.parquet", column, group_rows)
    chunks = [rows_of(chunk) for chunk in chunks_of(path)]
    assert {len(rows) for rows in chunks[:-1]} <= {5, 6}
    for size in (1, 1000, 10**9):
        monkeypatch.setattr(parquet, "_BATCH_BYTES", size)
        assert [rows_of(chunk) for chunk in chunks_of(path)] == chunks


def test_few_large_parquet_rows_are_in_memory_at_once(tmp_path: Path) -> None:
    column = pa.array([["a" * 100_000] * 10] * 300)
    path = parquet_of(tmp_path / "a.parquet", column)
    tracemalloc.start()
    try:
        with path.open("rb") as content:
            for _ in parquet.read_from(content, 1).rows:
                """Discard the row."""
        assert tracemalloc.get_traced_memory()[1] < 20 * 10**6
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "column",
    [
        pa.ListArray.from_arrays([0, 3_000_000, 3_000_001], pa.nulls(3_000_001)),
        pa.MapArray.from_arrays(
            [0, 2_000_000, 2_000_001], pa.repeat("a", 2_000_001), pa.nulls(2_000_001)
        ),
    ],
)
def test_a_small_file_with_millions_of_values_in_a_row_is_weighed_before_it_is_converted(
    tmp_path: Path, column: pa.Array
) -> None:
    path = parquet_of(tmp_path / "a.parquet", column)
    tracemalloc.start()
    try:
        with path.open("rb") as content:
            reasons = [
                str(getattr(row.raw, "reason", "")) for row in parquet.read_from(content, 1).rows
            ]
        assert tracemalloc.get_traced_memory()[1] < 2 * 10**6
    finally:
        tracemalloc.stop()
    assert ["longer" in reason for reason in reasons] == [True, False]


@pytest.mark.parametrize("suffix", ["jsonl", "parquet"])
@pytest.mark.parametrize("size", [1, 100, 3000, 10**6])
def test_splits_give_the_chunks_of_the_whole_file(
    tmp_path: Path, suffix: str, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(splits, "SPLIT_BYTES", size * 10)
    monkeypatch.setattr(splits, "SPLIT_ROWS", max(size // 1000, 1) * CHUNK_ROWS)
    rows = [ROWS[0], {"id": "", "review": "\n" * 5}, *ROWS]
    path = write(tmp_path / f"reviews.{suffix}", rows)
    if suffix == "jsonl":
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"text 7,", b'nonsense"', 1))
    planned = splits.split(find([str(path)], None, []))
    whole = [rows_of(chunk) for chunk in chunks_of(path)]
    found, line = [], 1
    for split in planned:
        numbered = splits.Split(**{**vars(split), "first_line": line})
        line += splits.count_lines(split)
        found += [rows_of(chunk) for chunk in numbered.chunks()]
    assert found == whole


TIME = datetime(2024, 1, 2, 3, 4, 5, 678901, UTC)


@pytest.mark.parametrize("has_pandas", [True, False])
def test_times_in_nanoseconds_are_those_in_microseconds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_pandas: bool
) -> None:
    if not has_pandas:
        monkeypatch.setitem(sys.modules, "pandas", None)
    table = pa.table(
        {
            "zoned": pa.array([TIME], pa.timestamp("ns", "UTC")),
            "plain": pa.array([TIME.replace(tzinfo=None)], pa.timestamp("ns")),
            "list": pa.array([[{"a": TIME}]], pa.list_(pa.struct([("a", pa.timestamp("ns"))]))),
            "length": pa.array([timedelta(seconds=1)], pa.duration("ns")),
        }
    )
    pyarrow.parquet.write_table(table, tmp_path / "a.parquet")
    (fields,) = fields_of(tmp_path / "a.parquet")
    naive = TIME.replace(tzinfo=None)
    assert fields["zoned"] == TIME
    assert (fields["plain"], fields["list"]) == (naive, [{"a": naive}])
    assert fields["length"] == timedelta(seconds=1)
    assert {type(fields["zoned"]), type(fields["plain"])} == {datetime}


NANOSECONDS = 1704164645678901234


@pytest.mark.parametrize(
    ("type_", "written"),
    [
        (pa.timestamp("ns"), "2024-01-02T03:04:05.678901234"),
        (pa.timestamp("ns", "UTC"), "2024-01-02T03:04:05.678901234+00:00"),
        (pa.timestamp("ns", "Asia/Kolkata"), "2024-01-02T08:34:05.678901234+05:30"),
        (pa.duration("ns"), "19724 days, 3:04:05.678901234"),
    ],
    ids=str,
)
@pytest.mark.parametrize("has_pandas", [True, False])
def test_times_are_written_to_the_nanosecond_at_any_depth(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    type_: pa.DataType,
    written: str,
    has_pandas: bool,
) -> None:
    if not has_pandas:
        monkeypatch.setitem(sys.modules, "pandas", None)
    moments = [NANOSECONDS, NANOSECONDS // 1000 * 1000, None]
    struct = pa.struct([("a", type_)])
    table = pa.table(
        {
            "plain": pa.array(moments, type_),
            "list": pa.array([[{"a": moment}] for moment in moments], pa.list_(struct)),
            "map": pa.array([[("a", moment)] for moment in moments], pa.map_(pa.string(), type_)),
            "pair": pa.array([[moment] * 2 for moment in moments], pa.list_(type_, 2)),
        }
    )
    pyarrow.parquet.write_table(table, tmp_path / "a.parquet")
    exact, rounded, empty = fields_of(tmp_path / "a.parquet")
    assert str(exact["plain"]) == str(exact["list"][0]["a"]) == written
    assert str(exact["map"][0][1]) == str(exact["pair"][1]) == written
    assert isinstance(rounded["plain"], datetime | timedelta)
    assert str(rounded["pair"][0]).replace(" ", "T") == written.replace("234", "").replace(" ", "T")
    assert empty == {"plain": None, "list": [{"a": None}], "map": [("a", None)], "pair": [None] * 2}


def test_a_time_of_day_and_a_time_before_1970_are_written_to_the_nanosecond(tmp_path: Path) -> None:
    table = pa.table(
        {
            "time": pa.array([1], pa.time64("ns")),
            "moment": pa.array([-1], pa.timestamp("ns")),
            "length": pa.array([1], pa.duration("ns")),
        }
    )
    pyarrow.parquet.write_table(table, tmp_path / "a.parquet")
    (fields,) = fields_of(tmp_path / "a.parquet")
    assert list(map(str, fields.values())) == [
        "00:00:00.000000001",
        "1969-12-31T23:59:59.999999999",
        "0:00:00.000000001",
    ]


def test_times_of_int96_are_exact_in_all_years(tmp_path: Path) -> None:
    far = [datetime(1, 1, 1), datetime(2024, 1, 2), datetime(9999, 12, 31, 23, 59, 59, 999999)]  # noqa: DTZ001
    rows = {"far": pa.array(far, pa.timestamp("us")), "review": ["a", "b", "c"]}
    near = pa.array([[NANOSECONDS], [-1], [None]], pa.list_(pa.timestamp("ns")))
    for name, column in (("far", rows), ("near", {**rows, "near": near})):
        pyarrow.parquet.write_table(
            pa.table(column), tmp_path / f"{name}.parquet", use_deprecated_int96_timestamps=True
        )
    assert [fields["far"] for fields in fields_of(tmp_path / "far.parquet")] == far
    found = fields_of(tmp_path / "near.parquet")
    assert [fields["far"] for fields in found] == far
    assert [fields["review"] for fields in found] == ["a", "b", "c"]
    assert [str(fields["near"][0]) for fields in found] == [
        "2024-01-02T03:04:05.678901234",
        "1969-12-31T23:59:59.999999999",
        "None",
    ]


def test_a_damaged_page_costs_its_row_group_and_each_lost_row_is_counted(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    rows = [{"id": str(n), "review": f"{n} {'x' * 50}"} for n in range(300)]
    table = pa.Table.from_pylist(rows)
    pyarrow.parquet.write_table(
        table, path, row_group_size=100, compression="snappy", use_dictionary=False
    )
    with pyarrow.parquet.ParquetFile(path) as parquet_file:
        column = parquet_file.metadata.row_group(1).column(1)
    content = bytearray(path.read_bytes())
    middle = column.data_page_offset + column.total_compressed_size // 2
    content[middle : middle + 40] = b"\xff" * 40
    path.write_bytes(content)
    items = fields_of(path)
    assert [item for item in items if isinstance(item, dict)] == rows[:100] + rows[200:]
    lost = [item for item in items if isinstance(item, Rejection)]
    assert [item.number for item in lost] == list(range(101, 201))
    assert {item.reason for item in lost} == {
        "is in a damaged part of the file; the row groups after it were read"
    }


@pytest.mark.parametrize(
    ("name", "pack"),
    [
        ("a.csv.gz", lambda content: gzip.compress(content) + bytes(1000)),
        ("a.csv.bz2", bz2.compress),
        ("a.csv.xz", lzma.compress),
    ],
)
def test_files_are_unpacked_with_the_padding_that_tapes_and_disks_add(
    tmp_path: Path, name: str, pack: Callable[[bytes], bytes]
) -> None:
    (tmp_path / name).write_bytes(pack(write(tmp_path / "plain.csv").read_bytes()))
    assert fields_of(tmp_path / name) == ROWS


@pytest.mark.parametrize(
    ("member", "reason"),
    [("reviews.csv", "unpack it"), ("[Content_Types].xml", "save its sheet as CSV")],
)
def test_an_archive_or_a_workbook_is_named_with_what_to_do(
    tmp_path: Path, member: str, reason: str
) -> None:
    with zipfile.ZipFile(tmp_path / "a.csv", "w") as archive:
        archive.writestr(member, "id,review")
    (item,) = fields_of(tmp_path / "a.csv")
    assert reason in item.reason


@pytest.mark.parametrize("name", ["a.xlsx", "a.csv.zip"])
def test_a_suffix_of_a_workbook_or_an_archive_gets_advice(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"PK")
    with pytest.raises(InputError, match=r"unpack it|save its sheet"):
        find([str(tmp_path / name)], None, [])


def test_columns_keep_their_names_where_a_nameless_one_would_get_the_same(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(",Unnamed: 0,review\n1,2,a\n")
    (fields,) = fields_of(tmp_path / "a.csv")
    pandas: Any = pytest.importorskip("pandas")
    assert fields == {"Unnamed: 0.1": "1", "Unnamed: 0": "2", "review": "a"}
    assert list(pandas.read_csv(tmp_path / "a.csv").columns) == list(fields)


def test_the_columns_are_remembered_where_none_is_the_wanted_one(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id, Review \n1,a\n")
    (tmp_path / "b.json").write_text('{"tasks": [{"data": {"review": "a"}}]}')
    paths = [tmp_path / "a.csv", tmp_path / "b.json", write(tmp_path / "c.csv", ROWS[:1])]
    inputs = Inputs(find(list(map(str, paths)), None, []), Reading("utf-8", ["review"]))
    assert len(list(inputs.chunks())) == 3
    assert inputs.unmatched == {str(paths[0]): ["id", " Review "], str(paths[1]): ["tasks"]}
