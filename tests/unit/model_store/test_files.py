"""Atomic writes leave a whole file or folder, or none."""

import os
from pathlib import Path

import pytest

from model_store.files import atomic_folder, atomic_write


def test_a_file_is_replaced_only_when_its_draft_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    path.write_text("before")
    with atomic_write(path) as draft:
        draft.write_text("after")
        assert path.read_text() == "before"
    assert path.read_text() == "after"
    assert list(tmp_path.iterdir()) == [path]


def test_an_error_leaves_the_old_file_and_no_draft(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    path.write_text("before")
    with pytest.raises(ValueError, match="half"), atomic_write(path) as draft:  # noqa: PT012
        draft.write_text("half")
        raise ValueError("half")
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_two_writers_of_one_file_do_not_share_a_draft(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    with atomic_write(path) as first, atomic_write(path) as second:
        first.write_text("first")
        second.write_text("second")
    assert path.read_text() == "first"


def test_the_draft_and_then_its_folder_are_flushed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed: list[bool] = []
    fsync = os.fsync

    def noted(descriptor: int) -> None:
        flushed.append(os.path.isdir(f"/proc/self/fd/{descriptor}"))  # noqa: PTH112
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", noted)
    with atomic_write(tmp_path / "file.txt") as draft:
        draft.write_text("text")
    assert flushed == [False, True]


def test_a_folder_appears_only_when_its_draft_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder"
    with atomic_folder(path) as draft:
        (draft / "file.txt").write_text("text")
        assert not path.exists()
    assert (path / "file.txt").read_text() == "text"
    assert list(path.parent.iterdir()) == [path]


def test_a_folder_replaces_the_one_before(tmp_path: Path) -> None:
    path = tmp_path / "folder"
    for name in ("first", "second"):
        with atomic_folder(path) as draft:
            (draft / name).touch()
    assert [file.name for file in path.iterdir()] == ["second"]
    assert list(tmp_path.iterdir()) == [path]


def test_an_error_leaves_the_old_folder_and_no_draft(tmp_path: Path) -> None:
    path = tmp_path / "folder"
    path.mkdir()
    (path / "before").touch()
    with pytest.raises(ValueError, match="half"), atomic_folder(path) as draft:  # noqa: PT012
        (draft / "half").touch()
        raise ValueError("half")
    assert [file.name for file in path.iterdir()] == ["before"]
    assert list(tmp_path.iterdir()) == [path]


def test_drafts_can_be_made_in_another_folder(tmp_path: Path) -> None:
    (tmp_path / "drafts").mkdir()
    path = tmp_path / "folder"
    with atomic_folder(path, drafts=tmp_path / "drafts") as draft:
        assert tmp_path / "drafts" in draft.parents
    assert path.is_dir()
    assert not list((tmp_path / "drafts").iterdir())
