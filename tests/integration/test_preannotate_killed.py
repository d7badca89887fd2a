"""A run killed with SIGKILL and resumed gives the output of an undisturbed one."""

import json
import random
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
ROWS = 40_000


def write_reviews(path: Path) -> None:
    chooser = random.Random(0)
    words = ["the", "film", "good", "bad", "plot", "was", "and", "it"]
    with path.open("w", encoding="utf-8") as file:
        file.write("id,review,sentiment\n")
        for number in range(ROWS):
            text = " ".join(chooser.choices(words, k=30)) if number % 1000 else ""
            file.write(f"{number},{text},{chooser.choice(['Positive', 'Negative'])}\n")


def start(reviews: Path, out: Path, tag: str, *options: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "adapters.preannotate", str(reviews), str(out)]
    return subprocess.Popen(
        [*command, "--model", tag, "--truth", "sentiment", "--workers", "2", *options],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
    )


def rows_done(out: Path) -> int:
    """Return the committed rows of a run that is running or was interrupted."""
    try:
        state = json.loads(Path(f"{out}.work/state.json").read_bytes())
    except FileNotFoundError:
        return 0
    rows: int = state["progress"]["rows"]
    return rows


def kill(process: subprocess.Popen[bytes]) -> None:
    workers = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    process.wait()
    _, alive = psutil.wait_procs(workers, timeout=20)
    assert not alive, "workers outlive the process that was killed"


@pytest.mark.timeout(900)
@pytest.mark.parametrize(("suffix", "kills"), [("json", 3), ("jsonl", 3)])
def test_a_run_killed_and_resumed_repeatedly_writes_the_same_bytes_as_an_undisturbed_one(
    tmp_path: Path, tag: str, suffix: str, kills: int
) -> None:
    reviews = tmp_path / "reviews.csv"
    write_reviews(reviews)
    expected = tmp_path / f"expected.{suffix}"
    began = time.monotonic()
    assert start(reviews, expected, tag).wait() == 1
    seconds = time.monotonic() - began

    out, summary = tmp_path / f"out.{suffix}", tmp_path / "summary.json"
    chooser = random.Random(kills)
    resumed_rows = set()
    killed = 0
    while killed < kills:
        before = rows_done(out)
        process = start(reviews, out, tag, "--resume")
        if killed % 2:  # at a random moment of its work
            while process.poll() is None and rows_done(out) == before:
                time.sleep(0.01)
        try:
            process.wait(chooser.uniform(0, 0.2 if killed % 2 else seconds))
        except subprocess.TimeoutExpired:
            kill(process)
            killed += 1
            # The output is complete as soon as it exists.
            assert not out.exists() or out.read_bytes() == expected.read_bytes()
            resumed_rows.add(rows_done(out))
        else:
            assert out.read_bytes() == expected.read_bytes()
            out.unlink()
    assert start(reviews, out, tag, "--resume", "--summary", str(summary)).wait() == 1

    assert out.read_bytes() == expected.read_bytes()
    assert (
        Path(f"{out}.rejects.jsonl").read_bytes() == Path(f"{expected}.rejects.jsonl").read_bytes()
    )
    counted = json.loads(summary.read_bytes())
    assert (counted["rows"], counted["tasks"], counted["rejected"]) == (
        ROWS,
        ROWS - ROWS // 1000,
        ROWS // 1000,
    )
    assert counted["truth"]["compared"] == ROWS - ROWS // 1000
    assert resumed_rows - {0, ROWS}, "no run was killed in the middle of its work"
    assert {path.name for path in tmp_path.iterdir() if path.name.startswith("out")} == {
        out.name,
        f"{out.name}.rejects.jsonl",
    }
