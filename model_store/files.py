"""Write files and folders atomically: after a crash they are complete or do not exist."""

import errno
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield a draft beside `path` to write to; on success it replaces `path`.

    The draft and then its folder are flushed to disk. On an error the draft is deleted and `path`
    stays as it was. Two writers of one path do not disturb each other: the last one wins. Raises
    OSError where the folder does not exist or cannot be written.

    >>> import tempfile
    >>> target = Path(tempfile.mkdtemp()) / "state.json"
    >>> with atomic_write(target) as draft:
    ...     _ = draft.write_text("{}")
    >>> target.read_text()
    '{}'
    """
    # The suffix stays last: numpy.save and others append one of their own to a name without it.
    draft = path.with_name(f".{path.stem}.{os.getpid()}-{os.urandom(4).hex()}.draft{path.suffix}")
    try:
        yield draft
        sync(draft)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    sync(path.parent)


@contextmanager
def atomic_folder(path: Path, *, drafts: Path | None = None) -> Iterator[Path]:
    """Yield an empty draft folder to write files to; on success it takes the name `path`.

    A folder that is already there is replaced. The draft is made in the folder `drafts`, by
    default the parent of `path`; both must be on the same file system. Files and folders are
    flushed to disk. On an error the draft is deleted and `path` stays as it was. Raises OSError
    where a folder cannot be written.

    >>> import tempfile
    >>> target = Path(tempfile.mkdtemp()) / "artifact"
    >>> with atomic_folder(target) as draft:
    ...     _ = (draft / "model.json").write_text("{}")
    >>> [file.name for file in target.iterdir()]
    ['model.json']
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=drafts or path.parent))
    draft, old = scratch / "draft", scratch / "old"
    try:
        draft.mkdir()
        yield draft
        for file in draft.iterdir():
            sync(file)
        sync(draft)
        if path.exists():
            path.replace(old)
        draft.replace(path)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    sync(path.parent)


def open_file(path: Path, max_bytes: int) -> BinaryIO:
    """Open a regular file of at most `max_bytes` for reading; raises OSError.

    A pipe would wait for somebody who writes to it, and some devices never end.
    """
    file = open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK))  # noqa: SIM115
    found = os.fstat(file.fileno())
    if stat.S_ISREG(found.st_mode) and found.st_size <= max_bytes:
        return file
    file.close()
    if stat.S_ISREG(found.st_mode):
        reason = f"it has {found.st_size} bytes, and at most {max_bytes} are expected"
        raise OSError(errno.EFBIG, reason)
    raise OSError(errno.EINVAL, "it is not a regular file")


def sync(path: Path) -> None:
    """Flush a file, or the names in a folder, to disk (fsync)."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
