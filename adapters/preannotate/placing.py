"""Finished files to where they belong: whole, and known before to be possible."""

import errno
import os
import shutil
from pathlib import Path

from adapters.preannotate.errors import OutputError
from adapters.preannotate.files import File, StoredFile


def prepare(target: File) -> None:
    """See, before there is anything to put, that it can be put there; its folder is made.

    Raises OutputError, and OSError where nothing can be written. Of an object nothing is tried.
    """
    if isinstance(target, StoredFile):
        return
    if target.is_dir():
        raise OutputError(str(target), "is a folder: name a file in it")
    if target.exists() and not os.access(target, os.W_OK):
        raise OutputError(str(target), "may not be written to")
    if not _is_device(target):
        draft = _draft_beside(target)
        if draft.parent.is_file():
            raise OutputError(str(target.parent), "is a file: name a folder")
        draft.parent.mkdir(parents=True, exist_ok=True)
        draft.touch()
        draft.unlink(missing_ok=True)


def put(draft: Path, target: File) -> None:
    """Move a finished file to where it belongs, which at no time holds a part of it.

    Devices and pipes are written to: they are not ours to replace.
    """
    if isinstance(target, StoredFile):
        target.upload(draft)
    elif _is_device(target):
        with draft.open("rb") as content, target.open("wb") as device:
            shutil.copyfileobj(content, device)
    else:
        _replace(draft, target.resolve())
    draft.unlink(missing_ok=True)


def _is_device(file: Path) -> bool:
    return file.exists() and not file.is_file()


def _draft_beside(target: Path) -> Path:
    """On the file system of the target, whatever links lead there."""
    place = target.resolve()
    return place.with_name(f".{place.name}.draft")


def _replace(draft: Path, target: Path) -> None:
    try:
        draft.replace(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        beside = _draft_beside(target)  # for the target is on another file system
        try:
            shutil.copyfile(draft, beside)
            _sync(beside)
            beside.replace(target)
        finally:
            beside.unlink(missing_ok=True)
    _sync(target.parent)


def _sync(path: Path) -> None:
    """Make sure of a file, or of the names in a folder, also against a loss of power."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
