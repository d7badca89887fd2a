"""Files are moved to their target whole, on any file system; problems are found before the run."""

import errno
import os
import re
from pathlib import Path

import pytest

from adapters.preannotate.errors import OutputError
from adapters.preannotate.storage import Places, at, prepare, put


@pytest.fixture
def draft(tmp_path: Path) -> Path:
    path = tmp_path / "work" / "draft"
    path.parent.mkdir()
    path.write_text("new")
    return path


@pytest.fixture
def two_file_systems(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every folder is a file system of its own."""
    within = Path.replace

    def replace(self: Path, target: Path) -> Path:
        if self.parent != target.parent:
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), str(self))
        return within(self, target)

    monkeypatch.setattr(Path, "replace", replace)


@pytest.mark.usefixtures("two_file_systems")
def test_a_file_moves_to_another_file_system(draft: Path, tmp_path: Path) -> None:
    target = tmp_path / "other" / "out.jsonl"
    target.parent.mkdir()
    target.write_text("old")
    put(draft, target)
    assert target.read_text() == "new"
    assert list(target.parent.iterdir()) == [target]
    assert not draft.exists()


@pytest.mark.usefixtures("two_file_systems")
def test_a_failed_move_leaves_the_existing_file(
    draft: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    target = tmp_path / "other" / "out.jsonl"
    target.parent.mkdir()
    target.write_text("old")
    monkeypatch.setattr("model_store.files.sync", full)
    with pytest.raises(OSError, match="No space left"):
        put(draft, target)
    assert target.read_text() == "old"
    assert list(target.parent.iterdir()) == [target]


def test_a_link_to_the_target_stays_a_link(draft: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    place, link = tmp_path / "elsewhere" / "out.jsonl", tmp_path / "out.jsonl"
    link.symlink_to(place)
    prepare(link)
    put(draft, link)
    assert (link.is_symlink(), place.read_text()) == (True, "new")


def test_a_pipe_is_written_to_and_not_replaced(draft: Path, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    prepare(pipe)
    put(draft, pipe)
    assert os.read(reader, 10) == b"new"
    os.close(reader)
    assert pipe.is_fifo()


def test_prepare_creates_folders_and_no_file(tmp_path: Path) -> None:
    prepare(tmp_path / "a" / "b" / "out.json")
    assert list((tmp_path / "a" / "b").iterdir()) == []


def test_prepare_refuses_a_target_that_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match=re.escape(f"{tmp_path}: is a folder")):
        prepare(tmp_path)
    with pytest.raises(OutputError, match="file: is a file"):
        prepare(tmp_path / "file" / "out.json")
    with pytest.raises(NotADirectoryError):
        prepare(tmp_path / "file" / "in" / "out.json")
    monkeypatch.setattr(os, "access", lambda *_: False)  # the tests may run as root
    with pytest.raises(OutputError, match="is not writable"):
        prepare(tmp_path / "file")


def test_prepare_leaves_the_files_of_the_user(tmp_path: Path) -> None:
    (tmp_path / ".out.json.draft").write_text("of the user")
    prepare(tmp_path / "out.json")
    assert (tmp_path / ".out.json.draft").read_text() == "of the user"


def test_a_stream_is_appended_to(draft: Path, tmp_path: Path) -> None:
    with (tmp_path / "log").open("wb") as log:
        log.write(b"old ")
        log.flush()
        stream = Path(f"/dev/fd/{log.fileno()}")
        prepare(stream)
        put(draft, stream)
        log.write(b" newer")
    assert (tmp_path / "log").read_bytes() == b"old new newer"
    with pytest.raises(OSError, match=r"Bad file descriptor.*/dev/fd/9999"):
        prepare(Path("/dev/fd/9999"))


@pytest.mark.parametrize(
    ("name", "same"),
    [
        ("s3://bucket/a//b.json", True),
        ("s3://key:secret@bucket/a/b.json", True),
        ("s3://bucket/a/b.json?endpoint_override=host:1", False),
        ("s3://bucket/a/B.json", False),
        ("gs://bucket/a/b.json", False),
    ],
)
def test_objects_are_the_same_by_store_bucket_and_key(
    name: str, same: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    assert (at(name) in Places([at("s3://bucket/a/b.json")])) == same


def test_azure_containers_are_told_apart() -> None:
    first, second = (at(f"abfs://{name}@account/b.json") for name in ("one", "two"))
    assert second not in Places([first])
    assert at("abfss://one@account/b.json") in Places([first])
