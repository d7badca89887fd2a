"""`preannotate` as a user runs it: files in, files out, with real worker processes."""

import gzip
import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import pytest

from adapters.preannotate.cli import main
from adapters.preannotate.verbs.files import LABELING_INTERFACE

ROOT = Path(__file__).parents[2]
GOOD = "a good film"


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "adapters.preannotate", *map(str, arguments)],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )


def parquet_of(**columns: Any) -> bytes:
    buffer = io.BytesIO()
    pyarrow.parquet.write_table(pa.table(columns), buffer)
    return buffer.getvalue()


def write_hostile_files(folder: Path) -> dict[str, list[tuple[int, str]]]:
    """Write good rows (their text is GOOD) among bad ones; return where the bad ones are."""
    files: dict[str, tuple[str | bytes, list[tuple[int, str]]]] = {
        "another-encoding.csv": (
            f"id,review\n1,{GOOD}\n2,schön\n3,{GOOD}\n".encode("latin-1"),
            [(3, "--encoding")],
        ),
        "columns.csv": (
            f"review,{','.join(f'c{n}' for n in range(100_000))}\n{GOOD}{',' * 100_000}\n",
            [],
        ),
        "duplicate-header.csv": (f"review,review\n{GOOD},other\n", []),
        "empty.csv": ("", [(1, "the file is empty")]),
        "empty.parquet": ("", [(1, "not Parquet")]),
        "header-only.csv": ("id,review\n", []),
        "html.jsonl": (
            "\n".join(
                json.dumps({"review": markup})
                for markup in (
                    f"<p>{GOOD}</p>",
                    f"<![x[ {GOOD}",
                    "<a " * 100_000,
                    f"<!-- &#{'9' * 5000}; -->{GOOD}",
                    f"{GOOD}<![",
                )
            ),
            [(2, "is empty"), (3, "is empty")],
        ),
        "large-cell.csv": (f"id,review\n1,{'long ' * 2_000_000}\n2,{GOOD}\n", []),
        "missing-column.csv": ("id,text\n1,a\n2,b\n", [(2, "is missing"), (3, "is missing")]),
        "nested.jsonl": (
            "\n".join(
                [
                    f'{{"review": "{GOOD}"}}',
                    '{"review": {"a": 1}}',
                    "nonsense",
                    '{"review": "\\ud800"}',
                    f'{{"a": {"[" * 5000 + "]" * 5000}}}',
                    f'{{"review": "{GOOD}", "x": {{"y": [{{}}]}}}}',
                ]
            ),
            [(2, "an object"), (3, "not valid"), (4, "half of a character"), (5, "not valid")],
        ),
        "nested.json": (
            f'[{{"review": "{GOOD}"}}, {{"review": tru}}, [1], {{"review": "{GOOD}"}}, {{"review',
            [(2, "not valid"), (3, "not a JSON object"), (5, "cut off")],
        ),
        "nul.csv": (f"id,review\n1,a\0b\n2,{GOOD}\n", [(2, "NUL")]),
        "broken-utf16.csv": (
            f"id,review\n1,{GOOD}\n2,a".encode("utf-16") + b"\n",
            [(3, "--encoding")],
        ),
        "ragged.csv": (f"id,review\n1\n2,{GOOD}\n3,a,b\n", [(2, "1 fields"), (4, "3 fields")]),
        "times.parquet": (
            parquet_of(
                review=[GOOD] * 3,
                time=pa.array([1, 2**60, 2]).view(pa.timestamp("us")),
                day=pa.array([2**30, 1, 2], pa.int32()).view(pa.date32()),
            ),
            [(1, "a date or time"), (2, "a date or time")],
        ),
        "too-long.parquet": (
            parquet_of(review=[GOOD, GOOD], words=[["long"] * 2_000_000, ["short"]]),
            [(1, "is longer than")],
        ),
        "truncated.csv.gz": (gzip.compress(b"id,review\n1,a\n" * 1000)[:-20], [(2, "cut off")]),
        "twice.parquet": (
            parquet_of(
                review=[GOOD],
                twice=pa.StructArray.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"]),
            ),
            [(1, "same name")],
        ),
    }
    folder.mkdir()
    for name, (content, _) in files.items():
        raw = content if isinstance(content, bytes) else content.encode()
        (folder / name).write_bytes(raw)
    return {name: bad for name, (_, bad) in files.items()}


def test_in_hostile_files_good_rows_are_predicted_and_bad_rows_reported(
    tmp_path: Path, tag: str
) -> None:
    expected = write_hostile_files(tmp_path / "in")
    out, rejects = tmp_path / "out.jsonl", tmp_path / "rejects.jsonl"
    config = tmp_path / "config.xml"
    config.write_text(LABELING_INTERFACE.read_text().replace("<Text", "<HyperText"))

    options = ("--model", tag, "--rejects", rejects, "--label-config", config)
    ended = run(tmp_path / "in", out, *options)

    assert ended.returncode == 1
    assert "Traceback" not in ended.stdout + ended.stderr
    tasks = [json.loads(line) for line in out.read_text().splitlines()]
    assert sum(GOOD in task["data"]["review"] for task in tasks) == 17
    assert max(len(task["data"]["review"]) for task in tasks) == 10**7
    reported: dict[str, list[Any]] = {name: [] for name in expected}
    for line in rejects.read_text().splitlines():
        item = json.loads(line)
        name = Path(item["file"]).name
        reported[name].append((item.get("line") or item["row"], item["reason"]))
    for name, bad in expected.items():
        if name == "truncated.csv.gz":
            assert bad[0][1] in reported[name][-1][1]
            continue
        assert [number for number, _ in reported[name]] == [number for number, _ in bad], name
        for (_, reason), (_, part) in zip(reported[name], bad, strict=True):
            assert part in reason, name
    for secret in ("schön", "nonsense", GOOD):
        assert secret not in rejects.read_text() + ended.stdout + ended.stderr


def test_standard_input_becomes_parts_a_summary_and_a_confusion_matrix(
    tmp_path: Path, tag: str
) -> None:
    (tmp_path / "out-00009.json").write_text("of the user")
    rows = b"".join(b"%d\ta good film\tPositive\n" % number for number in range(5))
    with subprocess.Popen(
        [
            *(sys.executable, "-m", "adapters.preannotate", "-", str(tmp_path / "out.json")),
            *("--format", "tsv", "--model", tag, "--part-size", "2", "--truth", "label"),
            *("--summary", str(tmp_path / "summary.json")),
        ],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        printed, _ = process.communicate(gzip.compress(b"id\treview\tlabel\n" + rows))
    assert process.returncode == 0
    names = [f"out-0000{number}.json" for number in (1, 2, 3)]
    parts = [json.loads((tmp_path / name).read_bytes()) for name in names]
    assert [[task["data"]["id"] for task in part] for part in parts] == [
        ["0", "1"],
        ["2", "3"],
        ["4"],
    ]
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        *(".preannotate", *names, "out-00009.json", "summary.json"),
    ]
    assert b"Accuracy" in printed
    summary = json.loads((tmp_path / "summary.json").read_bytes())
    assert (summary["rows"], summary["tasks"], summary["rejected"]) == (5, 5, 0)
    assert summary["truth"]["compared"] == 5
    assert [Path(path).name for path in summary["outputs"]] == names


def test_missing_folders_of_all_outputs_are_created(tmp_path: Path, tag: str) -> None:
    (tmp_path / "in.csv").write_text(f"review\n{GOOD}\n\n")
    names = ("a/out.json", "b/rejects.jsonl", "c/summary.json")
    out, rejects, summary = (tmp_path / name for name in names)
    options = ("--rejects", str(rejects), "--summary", str(summary), "--model", tag, "--quiet")
    main([str(tmp_path / "in.csv"), str(out), "--workers", "1", *options])
    written = [path for folder in "abc" for path in (tmp_path / folder).iterdir()]
    assert written == [out, rejects, summary]


def test_a_report_that_nobody_can_read_does_not_decide_the_exit_code(
    tmp_path: Path, tag: str
) -> None:
    reviews = tmp_path / "größer.csv"
    reviews.write_text(f"review\n{GOOD}\n")
    command = [sys.executable, "-m", "adapters.preannotate", str(reviews), str(tmp_path / "é.json")]
    reading, writing = os.pipe()
    os.close(reading)
    ended = subprocess.run(
        [*command, "--model", tag, "--workers", "1"],
        cwd=ROOT,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        check=False,
        stdout=writing,
        stderr=subprocess.PIPE,
        timeout=120,
    )
    os.close(writing)
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert len(json.loads((tmp_path / "é.json").read_bytes())) == 1


def test_standard_output_takes_the_tasks_and_standard_error_the_report(
    tmp_path: Path, tag: str, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in.csv").write_text(f"review\n{GOOD}\n \n")
    assert main(["in.csv", "-", "--to", "jsonl", "--model", tag, "--workers", "1"]) == 1
    printed = capfd.readouterr()
    (line,) = printed.out.splitlines()
    assert json.loads(line)["data"] == {"review": GOOD}
    assert "1 tasks with predictions" in printed.err
    assert [path.name for path in tmp_path.iterdir()] == ["in.csv"]


@pytest.mark.parametrize("options", [(), ("--part-size", "1")])
def test_a_pattern_skips_the_outputs_of_earlier_runs(
    tmp_path: Path, tag: str, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "reviews.jsonl").write_text(f'{{"review": "{GOOD}"}}\n{{"review": ""}}\n' * 2)
    for _ in range(3):
        arguments = ["*.jsonl", "out.jsonl", "--model", tag, "--workers", "1"]
        assert main([*arguments, "--summary", "summary.json", *options]) == 1
        summary = json.loads((tmp_path / "summary.json").read_bytes())
        assert (summary["files"], summary["tasks"]) == (1, 2)


def test_a_parquet_of_reviews_becomes_a_parquet_that_pandas_reads(
    tmp_path: Path, tag: str, capsys: pytest.CaptureFixture[str]
) -> None:
    table = pa.table({"review": [GOOD, None, "a bad film"], "stars": [8, 2, 1]})
    pyarrow.parquet.write_table(table, tmp_path / "in.parquet")
    out = tmp_path / "out.parquet"

    assert main([str(tmp_path / "in.parquet"), str(out), "--model", tag, "--workers", "1"]) == 1

    rows = pyarrow.parquet.read_table(out).to_pylist()
    assert [json.loads(row["data"]) for row in rows] == [
        {"review": GOOD, "stars": 8},
        {"review": "a bad film", "stars": 1},
    ]
    for row in rows:
        (prediction,) = json.loads(row["predictions"])
        assert (prediction["score"], prediction["model_version"]) == (row["score"], tag)
    assert "1 rows rejected" in capsys.readouterr().out


@pytest.mark.slow
def test_an_interrupt_ends_with_2_and_a_sentence_and_keeps_the_work(
    tmp_path: Path, tag: str
) -> None:
    reviews = tmp_path / "reviews.csv"
    reviews.write_text("review\n" + f"{GOOD}\n" * 300_000)
    out = tmp_path / "out.jsonl"
    with subprocess.Popen(
        [sys.executable, "-m", "adapters.preannotate", str(reviews), str(out), "--model", tag],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        tasks = tmp_path / "out.jsonl.work/tasks.jsonl"
        deadline = time.monotonic() + 60
        while not (tasks.exists() and tasks.stat().st_size) and time.monotonic() < deadline:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 2
    assert said == "Interrupted: the same command with --resume continues where it stopped.\n"
    assert not out.exists()

    refused = run(reviews, out, "--model", tag)
    assert refused.returncode == 2
    assert "--resume" in refused.stderr
    other = run(reviews, out, "--model", tag, "--resume", "--truth", "stars")
    assert other.returncode == 2
    assert "other inputs, options" in other.stderr


EVIDENCE = ROOT / "examples/labeling_interface_evidence.xml"


def test_evidence_is_written_where_it_is_asked_for(tmp_path: Path) -> None:
    text = "👍 The plot is a dreadful mess."
    reviews, out = tmp_path / "reviews.jsonl", tmp_path / "out.jsonl"
    reviews.write_text(json.dumps({"review": text}) + "\n")
    arguments = [
        str(reviews),
        str(out),
        "--workers",
        "1",
        "--quiet",
        "--label-config",
        str(EVIDENCE),
    ]
    found = []
    for more in ([], ["--evidence"]):
        assert main([*arguments, *more]) == 0
        (prediction,) = json.loads(out.read_text())["predictions"]
        found.append(prediction["result"])
    choice, *regions = found[1]
    assert found[0] == [choice]
    assert regions
    for region in regions:
        value = region["value"]
        assert text[value["start"] : value["end"]] == value["text"]
        assert 0 < region["score"] <= 1
    assert "dreadful" in "".join(region["value"]["text"] for region in regions)


def test_evidence_needs_a_place_in_the_labeling_config(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "reviews.csv").write_text("review\nA good film\n")
    arguments = [str(tmp_path / "reviews.csv"), str(tmp_path / "out.json"), "--evidence"]
    assert main(arguments) == 2
    assert "no place for evidence: add a Labels control" in capsys.readouterr().err
    assert not (tmp_path / "out.json").exists()
