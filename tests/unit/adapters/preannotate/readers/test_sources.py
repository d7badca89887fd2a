"""Finding and opening the input files of a run."""

import gzip
import io
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from adapters.preannotate.engines import splits
from adapters.preannotate.errors import InputError
from adapters.preannotate.readers.reading import Inputs
from adapters.preannotate.readers.sources import check_apart, find, is_compressed, opened
from adapters.preannotate.storage import File
from model_store.readers.reading import Reading


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


def passed_over(folder: Path, *arguments: str) -> dict[str, str]:
    reasons: dict[File, str] = {}
    find([str(folder / name) for name in arguments], None, [], reasons)
    return {str(file.relative_to(folder)): why for file, why in reasons.items()}  # type: ignore[union-attr]


@pytest.mark.parametrize("argument", ["in", "in/*", "in/**", "in/**/*.csv"])
def test_one_rule_for_hidden_files_in_folders_and_patterns(tmp_path: Path, argument: str) -> None:
    touch(tmp_path, "in/a.csv", "in/deep/b.csv", "in/.c.csv", "in/_d.csv")
    touch(tmp_path, "in/_temporary/e.csv", "in/.ipynb_checkpoints/f.csv", "in/deep/__MACOSX/g.csv")
    assert {name for name, _ in found(tmp_path, argument)} == {"a.csv", "b.csv"}
    assert set(passed_over(tmp_path, argument).values()) == {"hidden"}


@pytest.mark.parametrize("argument", ["_in", "_in/*.csv", "_*", "_in/.h/../*.csv"])
def test_a_name_that_the_argument_spells_out_is_not_hidden(tmp_path: Path, argument: str) -> None:
    touch(tmp_path, "_in/a.csv", "_in/.h/b.csv")
    assert found(tmp_path, argument) == [("a.csv", "csv")]


def test_dangling_links_and_devices_are_passed_over(tmp_path: Path) -> None:
    touch(tmp_path, "in/a.csv")
    (tmp_path / "in/b.csv").symlink_to("nowhere")
    (tmp_path / "in/c.csv").symlink_to("c.csv")
    (tmp_path / "in/d.csv").symlink_to("/dev/null")
    (tmp_path / "in/e").symlink_to("../in")
    for argument in ("in", "in/*.csv"):
        assert found(tmp_path, argument) == [("a.csv", "csv")]
        assert passed_over(tmp_path, argument) == dict.fromkeys(
            ("in/b.csv", "in/c.csv", "in/d.csv"), "not_a_file"
        )


@pytest.mark.parametrize(
    ("argument", "named"),
    [
        ("b.csv", "b.csv: the link leads to no file"),
        ("c.csv", "c.csv: the link leads to no file"),
        ("[b-d].csv", "it matches only names of neither a file nor"),
        ("_*", "no such file, folder or match"),
        ("*", "it matches only hidden files .* and names of neither a file nor"),
    ],
)
def test_an_argument_without_a_file_says_why(tmp_path: Path, argument: str, named: str) -> None:
    touch(tmp_path, ".a.csv")
    (tmp_path / "b.csv").symlink_to("nowhere")
    (tmp_path / "c.csv").symlink_to("c.csv")
    (tmp_path / "d.csv").symlink_to("/dev/null")
    with pytest.raises(InputError, match=named):
        found(tmp_path, argument)


def test_the_null_device_is_an_empty_input() -> None:
    (source,) = find(["/dev/null"], "csv", [])
    with opened(source) as content:
        assert content.stream.read() == b""


def test_a_folder_without_inputs_does_not_end_a_pattern(tmp_path: Path) -> None:
    touch(tmp_path, "a.csv", "docs/notes.md")
    assert found(tmp_path, "*") == [("a.csv", "csv")]


def test_a_folder_behind_a_link_is_read_once(tmp_path: Path) -> None:
    touch(tmp_path, "in/a.csv", "elsewhere/b.csv")
    (tmp_path / "in/link").symlink_to("../elsewhere")
    (tmp_path / "in/again").symlink_to("../in")
    assert found(tmp_path, "in") == [("a.csv", "csv"), ("b.csv", "csv")]


def test_names_of_folders_are_columns_as_pandas_reads_them(tmp_path: Path) -> None:
    touch(tmp_path, "in/label=Positive/year=2024/a.csv", "in/label=a%20b/year=7/b=5.csv")
    touch(tmp_path, "in/label=__HIVE_DEFAULT_PARTITION__/year=1/c.csv", "in/=x/d.csv")
    columns = {
        Path(source.name).name: dict(source.partitions)
        for source in find([str(tmp_path / "in")], None, [])
    }
    assert columns == {
        "a.csv": {"label": "Positive", "year": 2024},
        "b=5.csv": {"label": "a b", "year": 7},
        "c.csv": {"label": None, "year": 1},
        "d.csv": {},
    }


def test_columns_of_folders_join_the_rows_and_replace_none(tmp_path: Path) -> None:
    for label, header in (("Positive", "id"), ("Negative", "label")):
        (tmp_path / f"label={label}").mkdir()
        (tmp_path / f"label={label}/a.csv").write_text(f"{header},review\nown,text\n")
    (tmp_path / "label=Task").mkdir()
    (tmp_path / "label=Task/a.jsonl").write_text('{"data": {"review": "text"}}\n')
    inputs = Inputs(find([str(tmp_path)], None, []), Reading("utf-8", ["review"]))
    rows = [record.fields for chunk in inputs.chunks() for record in chunk.records()]  # type: ignore[union-attr]
    assert rows == [
        {"label": "own", "review": "text"},
        {"id": "own", "review": "text", "label": "Positive"},
        {"data": {"review": "text", "label": "Task"}},
    ]
    (split,) = splits.split(find([str(tmp_path / "label=Task/a.jsonl")], None, []))
    (chunk,) = split.chunks()
    assert [record.fields for record in chunk.records()] == rows[2:]  # type: ignore[union-attr]
