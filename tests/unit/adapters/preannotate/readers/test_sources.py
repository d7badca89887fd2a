"""Finding and opening the input files of a run."""

import gzip
import io
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from adapters.preannotate.errors import InputError
from adapters.preannotate.readers.sources import check_apart, find, is_compressed, opened


def zstd(content: bytes) -> bytes:
    packed: bytes = pa.compress(content, codec="zstd", asbytes=True)
    return packed


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def found(folder: Path, *arguments: str, **options: str) -> list[tuple[str, str]]:
    sources = find([str(folder / name) for name in arguments], options.get("format"), [])
    return [(Path(source.name).name, source.format) for source in sources]


def test_the_suffix_decides_the_format_with_and_without_compression(tmp_path: Path) -> None:
    touch(tmp_path, "a.csv", "b.tsv.gz", "c.json.zst", "d.JSONL", "e.ndjson", "f.parquet")
    names = ("a.csv", "b.tsv.gz", "c.json.zst", "d.JSONL", "e.ndjson", "f.parquet")
    assert [name for _, name in found(tmp_path, *names)] == [
        *("csv", "tsv", "json"),
        *("jsonl", "jsonl", "parquet"),
    ]


def test_folders_and_patterns_are_expanded_in_order_without_duplicates(
    tmp_path: Path,
) -> None:
    touch(tmp_path, "in/b.csv", "in/a.csv", "in/deep/c.csv.gz", "in/readme.md")
    assert found(tmp_path, "in") == [("a.csv", "csv"), ("b.csv", "csv"), ("c.csv.gz", "csv")]
    assert found(tmp_path, "in/a.csv", "in/*.csv") == [("a.csv", "csv"), ("b.csv", "csv")]


@pytest.mark.parametrize("argument", [".", "*", "*.*", "**/*.*", "[ao]*.*"])
def test_folders_and_patterns_skip_the_outputs_of_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, argument: str
) -> None:
    monkeypatch.chdir(tmp_path)
    touch(tmp_path, "a.csv", "out.json", "out.json.work/tasks.jsonl")
    (source,) = find([argument], None, [tmp_path / "out.json", Path("out.json.work")])
    assert source.name == "a.csv"


def test_a_pattern_that_matches_only_outputs_is_refused(tmp_path: Path) -> None:
    touch(tmp_path, "out.json")
    with pytest.raises(InputError, match="only files that the run writes"):
        find([str(tmp_path / "*.json")], None, [tmp_path / "out.json"])


def test_an_input_that_the_run_would_replace_is_refused(tmp_path: Path) -> None:
    touch(tmp_path, "a.csv", "out.json")
    sources = find([str(tmp_path / "a.csv"), str(tmp_path / "out.json")], None, [])
    check_apart(sources, [tmp_path / "other.json"])
    with pytest.raises(InputError, match=r"out\.json: .*replace"):
        check_apart(sources, [tmp_path / "folder/../out.json"])


def test_a_given_format_applies_to_all_inputs(tmp_path: Path) -> None:
    touch(tmp_path, "a.dat", "b.csv")
    assert found(tmp_path, "a.dat", "b.csv", format="jsonl") == [
        ("a.dat", "jsonl"),
        ("b.csv", "jsonl"),
    ]


@pytest.mark.parametrize("name", ["missing.csv", "*.csv", "a.dat", "empty"])
def test_an_input_that_is_missing_or_of_unknown_format_is_named(tmp_path: Path, name: str) -> None:
    touch(tmp_path, "a.dat", "empty/readme.md")
    with pytest.raises(InputError, match=name.replace("*", r"\*")):
        found(tmp_path, name)


def test_standard_input_needs_a_format() -> None:
    with pytest.raises(InputError, match="--format"):
        find(["-"], None, [])
    (source,) = find(["-"], "csv", [])
    assert (source.file, source.size) == (None, 0)


@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstd])
def test_the_first_bytes_decide_the_compression(
    tmp_path: Path, pack: Callable[[bytes], bytes]
) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(pack(b"id,review\n") + pack(b"1,a\n"))
    (source,) = find([str(path)], None, [])
    with opened(source) as content:
        assert isinstance(content.stream, io.BufferedReader)
        assert content.stream.read() == b"id,review\n1,a\n"
        assert content.position() == source.size
    assert is_compressed(path) == (pack is not bytes)
