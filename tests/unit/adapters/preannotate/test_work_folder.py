"""What is kept of a run: all that was committed, and not a byte more."""

from collections import Counter
from pathlib import Path

import pytest

from adapters.preannotate.errors import WorkFolderError
from adapters.preannotate.records import Rejection
from adapters.preannotate.results import Result
from adapters.preannotate.work_folder import OTHER_REASONS, TASKS, Progress, WorkFolder

KEY = {"model": "m", "inputs": [["a.csv", 5]]}


def result(name: str, *reasons: str) -> Result:
    rejections = [Rejection("a.csv", "line", n, reason) for n, reason in enumerate(reasons, 1)]
    confusion = Counter({("Negative", "Positive"): 1, ("Positive", "Positive"): 2})
    return Result(f"{name}\n".encode(), 1, rejections, confusion)


def test_what_was_not_committed_is_cut_off_when_a_run_goes_on(tmp_path: Path) -> None:
    folder = tmp_path / "work"
    with WorkFolder(folder, KEY, resume=False) as work:
        work.append(result("first", "bad"), 10)
        work.commit()
        work.append(result("second"), 20)  # and then it is killed
    with WorkFolder(folder, KEY, resume=True) as work:
        assert (folder / TASKS).read_bytes() == b"first\n"
        assert (work.progress.chunks, work.progress.rows, work.progress.consumed) == (1, 2, 10)
        assert work.progress.reasons == {"bad": 1}
        assert work.progress.confusion == result("").confusion
        work.append(result("second"), 20)
        work.commit()
        assert (folder / TASKS).read_bytes() == b"first\nsecond\n"


@pytest.mark.parametrize(
    ("key", "resume", "part"),
    [(KEY, False, "--resume"), ({**KEY, "model": "other"}, True, "another model")],
)
def test_another_run_is_not_overwritten_and_not_gone_on_with(
    tmp_path: Path, key: dict[str, str], resume: bool, part: str
) -> None:
    with WorkFolder(tmp_path / "work", KEY, resume=False):
        pass
    for _ in range(2):
        with pytest.raises(WorkFolderError, match=part):
            WorkFolder(tmp_path / "work", key, resume=resume)


def test_two_runs_do_not_write_the_same_output(tmp_path: Path) -> None:
    with (
        WorkFolder(tmp_path / "work", KEY, resume=False),
        pytest.raises(WorkFolderError, match="in use"),
    ):
        WorkFolder(tmp_path / "work", KEY, resume=True)


def test_a_folder_without_a_state_is_begun_anew(tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / TASKS).write_text("left over")
    with WorkFolder(tmp_path / "work", KEY, resume=False) as work:
        assert work.progress == Progress()
        assert (tmp_path / "work" / TASKS).read_bytes() == b""
        work.remove()
    assert not (tmp_path / "work").exists()


def test_an_output_that_shares_its_bytes_with_a_left_over_folder_stays_whole(
    tmp_path: Path,
) -> None:
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / TASKS).write_text("finished")
    (tmp_path / "out.jsonl").hardlink_to(tmp_path / "work" / TASKS)
    with WorkFolder(tmp_path / "work", KEY, resume=True) as work:
        work.append(result("first"), 10)
        work.commit()
    assert (tmp_path / "out.jsonl").read_text() == "finished"


def test_reasons_are_counted_one_by_one_as_long_as_they_are_few() -> None:
    progress = Progress()
    progress.add(result("", *(f"reason {number}" for number in range(60)), "reason 1"))
    assert progress.rejected == 61
    assert progress.reasons["reason 1"] == 2
    assert progress.reasons[OTHER_REASONS] == 10
    assert Progress.from_json(progress.to_json()) == progress
