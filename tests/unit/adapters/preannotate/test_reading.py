"""Inputs to chunks: every format gives the same records, in chunks that only numbers decide."""

import gzip
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import pytest

from adapters.preannotate import parts, reading
from adapters.preannotate.reading import CHUNK_ROWS, Inputs
from adapters.preannotate.records import Chunk, Record, Rejection
from adapters.preannotate.sources import find

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
    return list(Inputs(find(list(map(str, paths)), None, []), encoding, ["review"]).chunks())


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
def test_text_of_another_encoding_is_read(tmp_path: Path, suffix: str, encoding: str) -> None:
    path = write(tmp_path / f"reviews.{suffix}", ROWS[:3], encoding)
    assert fields_of(path, encoding="latin-1") == ROWS[:3]


def test_a_parquet_that_is_compressed_as_a_whole_is_unpacked(tmp_path: Path) -> None:
    plain = write(tmp_path / "reviews.parquet")
    with plain.open("rb") as content, gzip.open(tmp_path / "b.parquet.gz", "wb") as packed:
        shutil.copyfileobj(content, packed)
    assert fields_of(tmp_path / "b.parquet.gz") == ROWS


def test_rows_of_several_files_have_keys_of_their_own(tmp_path: Path) -> None:
    records = records_of(write(tmp_path / "a.csv", ROWS[:2]), write(tmp_path / "b.jsonl", ROWS[:2]))
    keys = [record.key for record in records if isinstance(record, Record)]
    assert keys == ["1:2", "1:3", "2:1", "2:2"]


def test_chunks_end_at_multiples_of_a_number_and_say_how_much_was_read(tmp_path: Path) -> None:
    path = write(tmp_path / "reviews.jsonl")
    chunks = chunks_of(path)
    assert [chunk.rows[0][0] for chunk in chunks] == [1, CHUNK_ROWS + 1, 2 * CHUNK_ROWS + 1]
    assert chunks[-1].consumed == path.stat().st_size


def test_large_rows_make_small_chunks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "_CHUNK_WEIGHT", 1000)
    rows = [{"id": "1", "review": "a" * 600}] * 5
    assert [len(c.rows) for c in chunks_of(write(tmp_path / "a.jsonl", rows))] == [2, 2, 1]


@pytest.mark.parametrize("suffix", ["csv.gz", "jsonl.zst", "parquet"])
def test_a_file_that_is_cut_off_is_named_and_the_next_one_read(tmp_path: Path, suffix: str) -> None:
    path = write(tmp_path / f"a.{suffix}")
    path.write_bytes(path.read_bytes()[:-100])
    *_, broken, last = records_of(path, write(tmp_path / "b.csv", ROWS[:1]))
    assert isinstance(broken, Rejection)
    assert "cannot be read" in broken.reason
    assert isinstance(last, Record)


def test_a_parquet_row_that_is_no_text_costs_no_other(tmp_path: Path) -> None:
    column = pa.array([b"fine", b"\xff", b"good"]).cast(pa.string(), safe=False)
    try:
        pyarrow.parquet.write_table(pa.table({"review": column}), tmp_path / "a.parquet")
    except pa.ArrowInvalid:
        pytest.skip("this pyarrow writes no such file")
    first, second, third = fields_of(tmp_path / "a.parquet")
    assert (first, third) == ({"review": "fine"}, {"review": "good"})
    assert "--encoding" in second.reason


@pytest.mark.parametrize("suffix", ["jsonl", "parquet"])
@pytest.mark.parametrize("size", [1, 100, 3000, 10**6])
def test_parts_together_are_the_chunks_of_the_whole(
    tmp_path: Path, suffix: str, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "PART_BYTES", size * 10)
    monkeypatch.setattr(parts, "PART_ROWS", max(size // 1000, 1) * CHUNK_ROWS)
    rows = [ROWS[0], {"id": "", "review": "\n" * 5}, *ROWS]
    path = write(tmp_path / f"reviews.{suffix}", rows)
    if suffix == "jsonl":
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"text 7,", b'nonsense"', 1))
    planned = parts.plan(find([str(path)], None, []))
    whole = [chunk.rows for chunk in chunks_of(path)]
    found, line = [], 1
    for part in planned:
        numbered = parts.Part(**{**vars(part), "first_line": line})
        line += parts.count_lines(part)
        found += [chunk.rows for chunk in numbered.chunks()]
    assert found == whole
