"""Groups of nearly equal tasks in the output of a run."""

import json
from pathlib import Path

import pytest

from adapters.preannotate.cli import main
from adapters.preannotate.duplicates import COLUMN

WORDS = [f"word{number}" for number in range(40)]
TEXT = " ".join(WORDS)


def run(folder: Path, rows: list[dict[str, object]], *options: str) -> tuple[int, list[object]]:
    """Return the exit code, and the group of each task."""
    source, out = folder / "in.jsonl", folder / "out.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    code = main([*options, "--workers", "1", str(source), str(out)])
    tasks = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    assert sorted(path.name for path in folder.iterdir() if "draft" in path.name) == []
    return code, [task["data"].get(COLUMN) for task in tasks]


def test_tasks_get_the_number_of_the_first_one_of_their_group(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows: list[dict[str, object]] = [
        {"review": "A good film."},
        {"review": TEXT},
        {"review": "Dull."},
        {"review": TEXT.upper() + "!", "id": 7},
        {"review": "a good film"},
    ]
    assert run(tmp_path, rows, "--duplicates") == (0, [1, 2, 3, 2, 1])
    assert "2 tasks are nearly the same as earlier ones." in capsys.readouterr().out
    assert run(tmp_path, rows) == (0, [None] * 5)


def test_a_field_of_this_name_is_not_overwritten(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [{"review": "A film.", COLUMN: 9}, {"review": "A play."}]
    assert run(tmp_path, rows, "--duplicates") == (1, [1])
