"""A work folder keeps what was committed, and refuses another run or format."""

import json
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from adapters.preannotate.errors import WorkFolderError
from adapters.preannotate.records import Rejection
from adapters.preannotate.results import EncodedChunk
from adapters.preannotate.work_folder import (
    FORMAT,
    OTHER_REASONS,
    TASKS,
    Checkpoint,
    WorkFolder,
)

DATA = Path(__file__).parent / "data"
KEY = {"model": "m", "inputs": [["a.csv", 5]]}


def encoded(name: str, *reasons: str, consumed: int = 0) -> EncodedChunk:
    rejections = [Rejection("a.csv", "line", n, reason) for n, reason in enumerate(reasons, 1)]
    confusion = Counter({("Negative", "Positive"): 1, ("Positive", "Positive"): 2})
    return EncodedChunk(f"{name}\n".encode(), 1, rejections, confusion, consumed)


def test_resuming_removes_uncommitted_results(tmp_path: Path) -> None:
    folder = tmp_path / "work"
    with WorkFolder(folder, KEY, resume=False) as work:
        work.append(encoded("first", "bad", consumed=10))
        work.commit()
        work.append(encoded("second", consumed=20))  # and then it is killed
    with WorkFolder(folder, KEY, resume=True) as work:
        assert (folder / TASKS).read_bytes() == b"first\n"
        assert (work.checkpoint.chunks, work.checkpoint.rows, work.checkpoint.consumed) == (
            1,
            2,
            10,
        )
        assert work.checkpoint.reasons == {"bad": 1}
        assert work.checkpoint.confusion == encoded("").confusion
        work.append(encoded("second", consumed=20))
        work.commit()
        assert (folder / TASKS).read_bytes() == b"first\nsecond\n"


@pytest.mark.parametrize(
    ("key", "resume", "part"),
    [(KEY, False, "--resume"), ({**KEY, "model": "other"}, True, "another model")],
)
def test_the_folder_of_another_run_is_refused(
    tmp_path: Path, key: dict[str, str], resume: bool, part: str
) -> None:
    with WorkFolder(tmp_path / "work", KEY, resume=False):
        pass
    for _ in range(2):
        with pytest.raises(WorkFolderError, match=part):
            WorkFolder(tmp_path / "work", key, resume=resume)


def test_two_runs_cannot_write_the_same_output(tmp_path: Path) -> None:
    with (
        WorkFolder(tmp_path / "work", KEY, resume=False),
        pytest.raises(WorkFolderError, match="in use"),
    ):
        WorkFolder(tmp_path / "work", KEY, resume=True)


def test_a_folder_without_a_checkpoint_counts_as_empty(tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / TASKS).write_text("left over")
    with WorkFolder(tmp_path / "work", KEY, resume=False) as work:
        assert work.checkpoint == Checkpoint()
        assert (tmp_path / "work" / TASKS).read_bytes() == b""
        work.remove()
    assert not (tmp_path / "work").exists()


def test_an_output_linked_to_a_stale_folder_stays_whole(
    tmp_path: Path,
) -> None:
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / TASKS).write_text("finished")
    (tmp_path / "out.jsonl").hardlink_to(tmp_path / "work" / TASKS)
    with WorkFolder(tmp_path / "work", KEY, resume=True) as work:
        work.append(encoded("first", consumed=10))
        work.commit()
    assert (tmp_path / "out.jsonl").read_text() == "finished"


def test_only_the_first_reasons_are_counted_separately() -> None:
    checkpoint = Checkpoint()
    checkpoint.add(encoded("", *(f"reason {number}" for number in range(60)), "reason 1"))
    assert checkpoint.rejected == 61
    assert checkpoint.reasons["reason 1"] == 2
    assert checkpoint.reasons[OTHER_REASONS] == 10
    assert Checkpoint.from_json(checkpoint.to_json()) == checkpoint


@pytest.fixture
def old_work_folder(tmp_path: Path) -> Path:
    """The work folder of a run that was killed half way, as commit 982c762 wrote it."""
    return Path(shutil.copytree(DATA / "work-folder-format-2", tmp_path / "work"))


def key_of(folder: Path) -> dict[str, Any]:
    key: dict[str, Any] = json.loads((folder / "state.json").read_bytes())["key"]
    del key["format"]
    return key


def test_a_run_old_work_folder_is_resumed(old_work_folder: Path) -> None:
    tasks = (old_work_folder / TASKS).read_bytes()
    with WorkFolder(old_work_folder, key_of(old_work_folder), resume=True) as work:
        done = work.checkpoint
        assert (done.chunks, done.rows, done.rejected) == (10, 20, 10)
        assert work.checkpoint.confusion == {
            ("Positive", "Positive"): 9,
            ("Positive", "Negative"): 1,
        }
        work.append(encoded("next"))
        work.commit()
    assert (old_work_folder / TASKS).read_bytes() == tasks + b"next\n"


@pytest.mark.parametrize(
    ("found", "age"), [(FORMAT + 1, "a newer"), (FORMAT - 1, "an older"), (None, "an older")]
)
def test_another_format_is_refused_with_advice_and_nothing_is_deleted(
    old_work_folder: Path, found: int | None, age: str
) -> None:
    key = key_of(old_work_folder)
    path = old_work_folder / "state.json"
    state = json.loads(path.read_bytes())
    state["key"]["format"] = found
    path.write_text(json.dumps(state))
    before = {file.name: file.read_bytes() for file in old_work_folder.iterdir()}
    with pytest.raises(WorkFolderError, match=f"{age} version.*finish the run with that version"):
        WorkFolder(old_work_folder, key, resume=True)
    after = {file.name: file.read_bytes() for file in old_work_folder.iterdir()}
    assert {**after, ".lock": b""} == {**before, ".lock": b""}


def interrupted(folder: Path) -> None:
    with WorkFolder(folder, KEY, resume=False) as work:
        work.append(encoded("first", "bad", consumed=10))
        work.commit()


@pytest.mark.parametrize(
    ("name", "content", "named"),
    [
        (TASKS, None, "lacks the end of tasks.jsonl"),
        (TASKS, b"", "lacks the end of tasks.jsonl"),
        (TASKS, b"fir", "lacks the end of tasks.jsonl"),
        (TASKS, b"other\n", "a tasks.jsonl that the run did not write"),
        ("rejects.jsonl", None, "lacks the end of rejects.jsonl"),
        ("rejects.jsonl", b"\0" * 100, "a rejects.jsonl that the run did not write"),
        ("state.json", b"", "a damaged state.json"),
        ("state.json", b"{", "a damaged state.json"),
        ("state.json", b"[]", "a damaged state.json"),
        ("state.json", b'{"key": 5}', "a damaged state.json"),
        ("state.json", b"\0" * 100, "a damaged state.json"),
    ],
)
def test_a_damaged_work_folder_is_an_error_that_says_what_to_do(
    tmp_path: Path, name: str, content: bytes | None, named: str
) -> None:
    folder = tmp_path / "work"
    interrupted(folder)
    if content is None:
        (folder / name).unlink()
    else:
        (folder / name).write_bytes(content)
    for _ in range(2):
        with pytest.raises(WorkFolderError, match=f"{named}: remove the folder to start over"):
            WorkFolder(folder, KEY, resume=True)


@pytest.mark.parametrize(
    "change",
    [{"chunks": "many"}, {"tasks_bytes": None}, {"tasks_bytes": -1}, {"reasons": 5}, {"new": 1}],
)
def test_a_state_with_impossible_values_is_damaged(tmp_path: Path, change: dict[str, Any]) -> None:
    folder = tmp_path / "work"
    interrupted(folder)
    state = json.loads((folder / "state.json").read_bytes())
    state["progress"].update(change)
    (folder / "state.json").write_text(json.dumps(state))
    with pytest.raises(WorkFolderError, match=r"damaged state\.json"):
        WorkFolder(folder, KEY, resume=True)


def test_a_folder_of_the_user_is_not_used(tmp_path: Path) -> None:
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "notes.txt").write_text("of the user")
    with pytest.raises(WorkFolderError, match=r"holds notes\.txt, which no run wrote"):
        WorkFolder(folder, KEY, resume=True)
    assert [path.name for path in folder.iterdir()] == ["notes.txt"]


def test_what_the_user_puts_into_the_folder_stays(tmp_path: Path) -> None:
    folder = tmp_path / "work"
    with WorkFolder(folder, KEY, resume=False) as work:
        (folder / "notes.txt").write_text("of the user")
        work.remove()
    assert [path.name for path in folder.iterdir()] == ["notes.txt"]
