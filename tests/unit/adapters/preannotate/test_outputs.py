"""Finished tasks are written as Label Studio's array, as lines or as Parquet, and in parts."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest

from adapters.preannotate import outputs
from adapters.preannotate.errors import OutputError

TASKS: list[dict[str, Any]] = [
    {
        "data": {"review": f"text {number}", "n": 2**70 + number},
        "predictions": [{"model_version": "m", "score": 0.5 + number / 10, "result": []}],
        **({"id": number} if number % 2 else {}),
    }
    for number in range(5)
]

Publish = Callable[..., list[Path]]


@pytest.fixture
def publish(tmp_path: Path) -> Publish:
    (tmp_path / "work").mkdir()

    def call(name: str, part_size: int | None = None, count: int = 5) -> list[Path]:
        lines = tmp_path / "work/lines"
        lines.write_bytes(b"".join(json.dumps(task).encode() + b"\n" for task in TASKS[:count]))
        out = tmp_path / name
        output = outputs.Output.at(str(out), None, part_size, None)
        written = output.publish(lines, tmp_path / "work")
        return [path for path in written if isinstance(path, Path)]

    return call


@pytest.mark.parametrize("count", [0, 1, 5])
def test_json_is_an_array_of_the_tasks(publish: Publish, count: int) -> None:
    (path,) = publish("out.json", count=count)
    assert json.loads(path.read_bytes()) == TASKS[:count]


@pytest.mark.parametrize("count", [0, 1, 5])
def test_jsonl_has_one_line_per_task(publish: Publish, count: int) -> None:
    (path,) = publish("out.jsonl", count=count)
    assert [json.loads(line) for line in path.read_bytes().splitlines()] == TASKS[:count]


@pytest.mark.parametrize("count", [0, 5])
def test_parquet_has_the_tasks_as_json_and_the_score_as_a_number(
    publish: Publish, count: int
) -> None:
    (path,) = publish("out.parquet", count=count)
    table = pyarrow.parquet.read_table(path)
    assert table.schema == outputs.PARQUET_SCHEMA
    for row, task in zip(table.to_pylist(), TASKS[:count], strict=True):
        others = json.loads(row["fields"] or "{}")
        data, predictions = json.loads(row["data"]), json.loads(row["predictions"])
        assert {"data": data, "predictions": predictions, **others} == task
        assert (row["score"], row["model_version"]) == (predictions[0]["score"], "m")


def test_the_same_tasks_give_the_same_bytes(publish: Publish) -> None:
    for name in ("out.json", "out.parquet"):
        (path,) = publish(name)
        before = path.read_bytes()
        publish(name)
        assert path.read_bytes() == before


@pytest.mark.parametrize(("size", "counts"), [(2, [2, 2, 1]), (5, [5]), (9, [5])])
def test_a_part_holds_part_size_tasks(publish: Publish, size: int, counts: list[int]) -> None:
    paths = publish("out.json", size)
    assert [path.name for path in paths] == [f"out-0000{n + 1}.json" for n in range(len(counts))]
    assert [len(json.loads(path.read_bytes())) for path in paths] == counts


def test_without_tasks_there_is_one_empty_part(publish: Publish) -> None:
    (path,) = publish("out.json", 2, count=0)
    assert path.read_bytes() == b"[]\n"


def test_stale_parts_are_removed_and_nothing_else(publish: Publish, tmp_path: Path) -> None:
    for name in ("out-20240101.json", "out-1.json", "out-00009.jsonl", "out.json"):
        (tmp_path / name).touch()
    assert len(publish("out.json", 1)) == 5
    publish("out.json", 5)
    assert {path.name for path in tmp_path.glob("out*")} == {
        *("out-00001.json", "out-20240101.json", "out-1.json", "out-00009.jsonl", "out.json"),
    }


def test_a_stale_part_that_the_user_changed_stays(publish: Publish, tmp_path: Path) -> None:
    publish("out.json", 1)
    (tmp_path / "out-00003.json").write_text("corrected by hand")
    publish("out.json", 5)
    left = {path.name for path in tmp_path.glob("out-*")}
    assert left == {"out-00001.json", "out-00003.json"}


def test_a_part_does_not_replace_a_file_of_the_user(publish: Publish, tmp_path: Path) -> None:
    (tmp_path / "out-00002.json").write_text("of the user")
    with pytest.raises(OutputError, match=r"out-00002\.json: is not as a run wrote it.*--resume"):
        publish("out.json", 2)
    assert (tmp_path / "out-00002.json").read_text() == "of the user"
    assert not (tmp_path / "out-00001.json").exists()


def test_an_unknown_suffix_is_refused_unless_a_format_is_chosen() -> None:
    with pytest.raises(OutputError, match="--to"):
        outputs.format_of(Path("out.txt"), None)
    assert outputs.format_of(Path("out.txt"), "json") == "json"


def test_rejects_are_written_if_there_are_any_or_if_asked_for(tmp_path: Path) -> None:
    lines, out = tmp_path / "lines", tmp_path / "out.json"
    default, chosen = tmp_path / "out.json.rejects.jsonl", tmp_path / "chosen.jsonl"
    lines.write_bytes(b"{}\n")
    assert outputs.Output.at(str(out), None, None, None).publish_rejects(lines, tmp_path) == default
    assert default.read_bytes() == b"{}\n"
    lines.write_bytes(b"")
    assert outputs.Output.at(str(out), None, None, None).publish_rejects(lines, tmp_path) is None
    assert not default.exists()
    asked = outputs.Output.at(str(out), None, None, str(chosen))
    assert asked.publish_rejects(lines, tmp_path) is None
    assert chosen.read_bytes() == b""
