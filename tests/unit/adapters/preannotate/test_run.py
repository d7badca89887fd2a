"""A run counts every row, replaces nothing of the user's, and continues after any failure."""

import gzip
import json
import resource
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.preannotate import outputs, storage
from adapters.preannotate.errors import OutputError, PreannotateError
from tests.unit.adapters.preannotate.conftest import run_files

TEXTS = ["a good film", "a bad film", " ", "a good plot", "x", "it's good", "y"]
"""The third is rejected: it has no text."""


def csv_of(delimiter: str) -> bytes:
    lines = [f"id{delimiter}review", *(f"{n}{delimiter}{text}" for n, text in enumerate(TEXTS))]
    return "\n".join(lines).encode() + b"\n"


def jsonl() -> bytes:
    return b"".join(json.dumps({"review": text}).encode() + b"\n" for text in TEXTS)


def parquet() -> bytes:
    sink = pa.BufferOutputStream()
    pyarrow.parquet.write_table(pa.table({"review": TEXTS}), sink)
    content: bytes = sink.getvalue().to_pybytes()
    return content


KINDS = {
    "a.csv": csv_of(","),
    "a.tsv": csv_of("\t"),
    "a.txt": csv_of(";"),
    "a.jsonl": jsonl(),
    "a.json": json.dumps([{"review": text} for text in TEXTS]).encode(),
    "a.parquet": parquet(),
    "a.csv.gz": gzip.compress(csv_of(",")),
    "a.jsonl.gz": gzip.compress(jsonl()),
}


def cut(content: bytes) -> bytes:
    return content[: len(content) * 2 // 3]


def spoilt(content: bytes) -> bytes:
    """Put bytes that are no text into the middle."""
    middle = len(content) // 2
    return content[:middle] + b"\xff\x00" + content[middle + 2 :]


def quoted(content: bytes) -> bytes:
    """Open a quote that nothing closes."""
    return content.replace(b"a bad", b'"a bad', 1)


@pytest.mark.parametrize("damage", [bytes, cut, spoilt, quoted], ids=lambda damage: damage.__name__)
@pytest.mark.parametrize("name", KINDS)
def test_every_row_is_a_task_or_rejected_with_a_reason(
    tmp_path: Path, name: str, damage: Callable[[bytes], bytes]
) -> None:
    (tmp_path / name).write_bytes(damage(KINDS[name]))
    out, rejects = tmp_path / "out.jsonl", tmp_path / "rejects"
    summary = run_files(tmp_path / name, out=out, rejects=rejects)
    listed = [json.loads(line) for line in rejects.read_bytes().splitlines()]
    assert summary.tasks == len(out.read_bytes().splitlines())
    assert summary.rejected == len(listed) == sum(summary.reasons.values())
    assert all(item["reason"] for item in listed)
    assert summary.rows == summary.tasks + summary.rejected
    if damage is bytes:
        assert (summary.rows, summary.rejected, summary.unread_rests) == (len(TEXTS), 1, 0)
    elif summary.rows - summary.unread_rests < len(TEXTS) and damage is not cut:
        assert summary.unread_rests
    if summary.unread_rests:
        assert "unknown number of rows" in str(summary)


def test_a_file_that_breaks_off_is_said_to_have_an_unknown_rest(tmp_path: Path) -> None:
    for name in ("a.csv.gz", "a.json", "a.parquet"):
        (tmp_path / name).write_bytes(cut(KINDS[name]))
    summary = run_files(tmp_path, out=tmp_path / "out.jsonl")
    assert summary.unread_rests == 3
    assert "The rest of 3 files was not read: unknown number of rows." in str(summary)


def test_files_that_a_folder_passes_over_are_counted(tmp_path: Path) -> None:
    for name in ("a.csv", "_b.csv", ".ipynb_checkpoints/a.csv", "__MACOSX/a.csv", "notes.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(KINDS["a.csv"])
    summary = run_files(tmp_path, out=tmp_path / "out.jsonl")
    assert (summary.files, summary.rows) == (1, len(TEXTS))
    assert summary.to_json()["passed_over"] == {"hidden": 3, "unknown_suffix": 1}
    assert "Passed over: 3 hidden files (. or _), 1 files without a known suffix." in str(summary)


def test_a_summary_is_json_with_any_file_name(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(KINDS["a.csv"])
    named = tmp_path / "b\udcff.csv"
    named.write_bytes(KINDS["a.csv"])
    out, summary = tmp_path / "out\udcff.jsonl", tmp_path / "summary.json"
    done = run_files(tmp_path, out=out, summary=summary)
    assert done.tasks == 2 * (len(TEXTS) - 1)
    assert json.loads(summary.read_bytes())["outputs"] == [f"{tmp_path}/out\\xff.jsonl"]
    (rejects,) = tmp_path.glob("*.rejects.jsonl")
    files = [json.loads(line)["file"] for line in rejects.read_bytes().splitlines()]
    assert files == [f"{tmp_path}/a.csv", f"{tmp_path}/b\\xff.csv"]


def test_inputs_that_are_named_like_parts_are_read(tmp_path: Path) -> None:
    names = ("reviews-20240101.csv", "reviews-20240102.csv", "other.csv")
    for name in names:
        (tmp_path / name).write_bytes(KINDS["a.csv"])
    out = tmp_path / "reviews.json"
    for _ in range(2):  # the second run passes over the parts of the first
        summary = run_files(tmp_path, out=out, part_size=4)
        assert (summary.files, len(summary.outputs)) == (3, 5)
    only = run_files(tmp_path / "reviews-*.csv", out=out)
    assert only.files == 2
    assert all((tmp_path / name).read_bytes() == KINDS["a.csv"] for name in names)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"rejects": "out.json"}, "is the output and --rejects"),
        ({"rejects": "link.json"}, "is the output and --rejects"),
        ({"rejects": "./in/../out.json"}, "is the output and --rejects"),
        ({"rejects": "OUT.json"}, "is the output and --rejects"),
        ({"summary": "out.json"}, "is the output and --summary"),
        ({"summary": "out.json.rejects.jsonl"}, "is the list of rejected rows and --summary"),
        ({"summary": "s", "rejects": "s"}, "is --rejects and --summary"),
        ({"summary": "out-00003.json", "part_size": 2}, "--summary has the name of a part"),
        ({"rejects": "out-00003.json", "part_size": 2}, "--rejects has the name of a part"),
        ({"summary": "out.json.work/state.json"}, "is in the run's work folder"),
    ],
)
def test_two_names_of_one_file_are_refused(
    tmp_path: Path, options: dict[str, Any], named: str
) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.csv").write_bytes(KINDS["a.csv"])
    (tmp_path / "link.json").symlink_to("out.json")
    chosen: dict[str, Any] = {
        name: tmp_path / value if isinstance(value, str) else value
        for name, value in options.items()
    }
    with pytest.raises(OutputError, match=named):
        run_files(tmp_path / "in/a.csv", out=tmp_path / "out.json", **chosen)
    assert {path.name for path in tmp_path.iterdir()} == {"in", "link.json"}


def test_two_uris_of_one_object_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://host:9000/")
    uri = "s3://key:hidden@bucket/a/out.json?endpoint_override=host:9000"
    output = outputs.Output.at("s3://bucket/a/out.json", None, None, uri)
    with pytest.raises(OutputError, match="is the output and --rejects") as refused:
        output.prepare()
    assert "hidden" not in str(refused.value)


def test_a_run_that_ends_between_two_parts_continues(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.csv").write_bytes(KINDS["a.csv"])
    out = tmp_path / "out.json"
    run_files(tmp_path / "a.csv", out=out, part_size=5)
    within = storage.put

    def fail(draft: Path, target: Path) -> None:
        if target.name == "out-00003.json":
            raise OSError(28, "No space left on device", str(target))
        within(draft, target)

    with monkeypatch.context() as patched:
        patched.setattr(outputs, "put", fail)
        with pytest.raises(PreannotateError, match=r"out-00003.json: No space.*--resume\.$"):
            run_files(tmp_path / "a.csv", out=out, part_size=2)
    summary = run_files(tmp_path / "a.csv", out=out, part_size=2, resume=True)
    assert summary.resumed_after_rows == len(TEXTS)
    assert [len(json.loads(Path(str(part)).read_bytes())) for part in summary.outputs] == [2, 2, 2]


def test_a_full_disk_names_the_file_and_resume_continues(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(KINDS["a.csv"])
    out = tmp_path / "out.json"
    with limited_files(800), pytest.raises(PreannotateError) as failed:
        run_files(tmp_path / "a.csv", out=out)
    message = "tasks.jsonl: File too large: mend this, then continue with the same command and --"
    assert message in str(failed.value)
    assert run_files(tmp_path / "a.csv", out=out, resume=True).tasks == len(TEXTS) - 1


@contextmanager
def limited_files(size: int) -> Iterator[None]:
    """Let no file of this process grow beyond a size, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_standard_output_takes_the_tasks_and_leaves_no_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.csv").write_bytes(KINDS["a.csv"])
    with (tmp_path / "stream").open("a+b") as stream:
        stream.write(b"before\n")
        stream.flush()
        summary = run_files("a.csv", out=Path(f"/dev/fd/{stream.fileno()}"), to="jsonl")
    first, *lines = (tmp_path / "stream").read_bytes().splitlines()
    assert (first, len(lines), summary.rejects) == (b"before", len(TEXTS) - 1, None)
    assert "1 rows rejected, --rejects FILE lists them:" in str(summary)
    assert {path.name for path in tmp_path.iterdir()} == {"a.csv", "stream"}


@pytest.mark.parametrize(
    ("options", "named"), [({"part_size": 2}, "--part-size"), ({"resume": True}, "--resume")]
)
def test_a_stream_takes_no_parts_and_is_not_continued(
    tmp_path: Path, options: dict[str, Any], named: str
) -> None:
    (tmp_path / "a.csv").write_bytes(KINDS["a.csv"])
    with pytest.raises(OutputError, match=named):
        run_files(tmp_path / "a.csv", out=Path("-"), to="jsonl", **options)


def test_the_report_leaves_standard_output_to_the_tasks() -> None:
    assert outputs.Output.at("-", "jsonl", None, None).uses_standard_output
    assert outputs.Output.at("/dev/stdout", "jsonl", None, None).uses_standard_output
    assert outputs.Output.at("out.json", None, None, None, "-").uses_standard_output
    assert not outputs.Output.at("out.json", None, None, None, "s").uses_standard_output
    assert not outputs.Output.at("/dev/null", "json", None, None).uses_standard_output


def test_a_labeling_config_is_not_replaced(tmp_path: Path) -> None:
    config = tmp_path / "config.json"
    config.write_text("<View/>")
    (tmp_path / "link.json").symlink_to("config.json")
    for name in ("config.json", "link.json"):
        with pytest.raises(OutputError, match="would replace the labeling config"):
            outputs.Output.at(str(tmp_path / name), None, None, None).check_keeps(config)
    outputs.Output.at(str(tmp_path / "out.json"), None, None, None).check_keeps(config)


NAMES = (
    *("out-00001.json", "out-00002.json", "out-20240101.json", "out-00001.jsonl", "out.json"),
    *("out.json.rejects.jsonl", ".out.json.draft", "rejects", "summary", "other.csv"),
    *("out.json.work/notes.txt", ".preannotate/notes", ".preannotate/out.json.parts.json"),
)
USER = st.dictionaries(st.sampled_from(NAMES), st.integers(0, 9), max_size=4)
RUN = st.fixed_dictionaries(
    {
        "part_size": st.sampled_from([None, 1, 3, 9]),
        "rejects": st.booleans(),
        "summary": st.booleans(),
        "resume": st.booleans(),
        "fails_after": st.sampled_from([None, None, 0, 1]),
    }
)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(USER, st.integers(0, 5), RUN), min_size=1, max_size=4))
def test_a_run_replaces_and_deletes_nothing_that_no_run_wrote(
    steps: list[tuple[dict[str, int], int, dict[str, Any]]],
) -> None:
    """The user writes files, then a run begins that may fail or be refused, and so on."""
    with tempfile.TemporaryDirectory() as made:
        folder, inputs = Path(made, "out"), Path(made, "in.csv")
        folder.mkdir()
        users: dict[Path, bytes] = {}
        for written, rows, options in steps:
            for name, number in written.items():
                path = folder / name
                path.parent.mkdir(exist_ok=True)
                users[path] = f"of the user: {number}".encode()
                path.write_bytes(users[path])
            inputs.write_text("review\n" + "".join(f"{text}\n" for text in TEXTS[:rows]))
            chosen = {
                **options,
                "rejects": folder / "rejects" if options["rejects"] else None,
                "summary": folder / "summary" if options["summary"] else None,
            }
            out = folder / "out.json"
            try:
                run_files(inputs, out=out, **chosen)
            except PreannotateError:
                named = []
            else:
                named = [out] if chosen["part_size"] is None else []
                named += filter(None, (chosen["rejects"], chosen["summary"]))
            users = {path: content for path, content in users.items() if path not in named}
            for path, content in users.items():
                assert path.read_bytes() == content
