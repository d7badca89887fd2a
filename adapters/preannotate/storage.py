"""Find, read and place whole files, on disk or in an object store.

A file on disk is a `Path`. A `StoredFile` is an object with a URI and the few methods of `Path`
that this package needs. pyarrow talks to the store and finds credentials and endpoint as the
store's own tools do.
"""

import errno
import fnmatch
import glob
import io
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path, PurePath, PurePosixPath
from typing import Any, BinaryIO, Literal
from urllib.parse import parse_qsl, quote, unquote, urlsplit

import pyarrow as pa
from pyarrow import fs

from adapters.preannotate.errors import InputError, OutputError, StoreError, naming
from model_store.files import atomic_write, sync

SCHEMES = ("s3", "gs", "gcs", "abfs", "abfss")

_ALIASES = {"gcs": "gs", "abfss": "abfs"}
_ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")

_STREAM = re.compile(r"(?:/dev/fd/|/proc/self/fd/)(\d+)|/dev/(stdout|stderr)")
_NUMBERS = {"stdout": 1, "stderr": 2}

_BUFFER = 1024 * 1024
"""Bytes per read: each read of an object is a request."""


@dataclass(frozen=True)
class Stat:
    """The fields of `os.stat_result` that an object has."""

    st_size: int
    st_mtime_ns: int


@dataclass(frozen=True)
class StoredFile:
    """An object in a store. Every method that contacts the store raises StoreError."""

    uri: str = field(repr=False)
    """Can contain credentials; messages use `str(file)`, which hides them."""

    def __str__(self) -> str:
        parts = urlsplit(self.uri)
        return f"{parts.scheme}://{re.sub(':[^@]*@', ':***@', parts.netloc)}{self.path}"

    @property
    def path(self) -> PurePosixPath:
        """The path of the object in its bucket."""
        return PurePosixPath("/", unquote(urlsplit(self.uri).path))

    @property
    def name(self) -> str:
        """The last component of the path."""
        return self.path.name

    @property
    def parent(self) -> "StoredFile":
        """The folder of the object."""
        return self.with_path(self.path.parent)

    @property
    def stem(self) -> str:
        """The name without its suffix."""
        return self.path.stem

    @property
    def suffix(self) -> str:
        """The last suffix of the name."""
        return self.path.suffix

    @property
    def suffixes(self) -> list[str]:
        """All suffixes of the name."""
        return self.path.suffixes

    def with_path(self, path: PurePosixPath) -> "StoredFile":
        """Return the object with another path in the same bucket."""
        return StoredFile(urlsplit(self.uri)._replace(path=quote(str(path))).geturl())

    def with_name(self, name: str) -> "StoredFile":
        """Return the object with another name in the same folder."""
        return self.with_path(self.path.with_name(name))

    def stat(self) -> Stat:
        """Return the size and the time of the last change."""
        info = self._info()
        if info.type != fs.FileType.File:
            raise StoreError(str(self), "there is no such object")
        return Stat(info.size, info.mtime_ns)

    def open(self, mode: Literal["rb"]) -> io.BufferedReader:  # noqa: ARG002 (as Path.open)
        """Open the object for reading. Reads from it raise StoreError, too."""
        with self._store() as (filesystem, path):
            return io.BufferedReader(_Content(filesystem.open_input_file(path), self), _BUFFER)

    def upload(self, draft: Path) -> None:
        """Copy a file on disk to this object, which appears only when it is complete."""
        with self._store() as (filesystem, path):
            fs.copy_files(
                str(draft.absolute()),
                path,
                source_filesystem=fs.LocalFileSystem(),
                destination_filesystem=filesystem,
            )

    def unlink(self, *, missing_ok: bool = False) -> None:
        """Delete the object."""
        if missing_ok and self._info().type == fs.FileType.NotFound:
            return
        with self._store() as (filesystem, path):
            filesystem.delete_file(path)

    def is_file(self) -> bool:
        """Whether an object of this name exists."""
        return bool(self._info().type == fs.FileType.File)

    def is_dir(self) -> bool:
        """Whether objects exist below this path."""
        return bool(self._info().type == fs.FileType.Directory)

    def matches(self) -> list["StoredFile"]:
        """Find the objects that match this path as a pattern: `*` and `[...]` do not match `/`."""
        parts = self.path.parts
        is_pattern = [re.search(r"[*\[]", part) is not None for part in parts]
        if not any(is_pattern):
            return []
        folder = PurePosixPath(*parts[: is_pattern.index(True)])
        return [
            item
            for item in self.with_path(folder).below()
            if len(item.path.parts) == len(parts)
            and all(map(fnmatch.fnmatchcase, item.path.parts, parts))
        ]

    def below(self, *, recursive: bool = True) -> list["StoredFile"]:
        """List the objects below this path, sorted by path."""
        with self._store() as (filesystem, top):
            chosen = fs.FileSelector(top, recursive=recursive, allow_not_found=True)
            found = filesystem.get_file_info(chosen)
        paths = sorted(info.path for info in found if info.type == fs.FileType.File)
        return [self.with_path(self.path / PurePosixPath(path).relative_to(top)) for path in paths]

    def _info(self) -> Any:
        with self._store() as (filesystem, path):
            return filesystem.get_file_info(path)

    @contextmanager
    def _store(self) -> Iterator[tuple[Any, str]]:
        """Yield the store and the path in it."""
        with _store_errors(self):
            yield _located(self.uri)


File = Path | StoredFile


def at(name: str) -> File:
    """Return the file at a path or URI; raises InputError if the scheme is not supported."""
    scheme, mark, _ = name.partition("://")
    if not mark:
        return Path(name)
    if scheme not in SCHEMES:
        raise InputError(scheme, f"is not a supported URI scheme: use {', '.join(SCHEMES)}")
    given = StoredFile(name)
    return given.with_path(given.path)  # normalizes the quoting, of blanks for example


def at_target(name: str) -> File:
    """Return the file to write at a path or URI, or standard output for -; see `at`."""
    return at("/dev/stdout" if name == "-" else name)


def name_of(file: File) -> str:
    """Return the argument for `at` that finds this file from any working directory."""
    return file.uri if isinstance(file, StoredFile) else str(file.absolute())


def printable(file: File) -> str:
    r"""Return the name for messages and JSON: bytes that are not UTF-8 become escapes as `\xff`."""
    return os.fsencode(str(file)).decode("utf-8", "backslashreplace")


def resolved(file: File) -> PurePath:
    """Return the path behind all links: equal for two names of the same file.

    For an object it consists of store, bucket and key, without credentials.
    """
    if isinstance(file, Path):
        return Path(os.path.realpath(file))  # unlike Path.resolve, it takes links in a circle
    parts = urlsplit(file.uri)
    scheme = _ALIASES.get(parts.scheme, parts.scheme)
    is_bucket = scheme in ("s3", "gs")  # of Azure, the text before the @ names the container
    bucket = parts.netloc.rpartition("@")[2] if is_bucket else re.sub(":[^@]*@", "@", parts.netloc)
    given = dict(parse_qsl(parts.query)).get("endpoint_override")
    endpoint = given or next(filter(None, map(os.environ.get, _ENDPOINTS)), "")
    store = f"{scheme}:{endpoint.rpartition('://')[2].rstrip('/')}"
    return PurePosixPath(store, bucket, *file.path.parts[1:])


class Places:
    """Files that are the same by whatever name; a folder stands for all that it holds."""

    def __init__(self, files: Iterable[File]) -> None:
        listed = list(files)
        self._paths = set(map(resolved, listed))
        self._inodes = {_inode(file) for file in listed} - {None}

    def __contains__(self, file: File) -> bool:
        path = resolved(file)
        if path in self._paths or not self._paths.isdisjoint(path.parents):
            return True
        return _inode(file) in self._inodes  # where the file system ignores case


def _inode(file: File) -> tuple[int, int] | None:
    if not isinstance(file, Path):
        return None
    try:
        stat = file.stat()
    except OSError:
        return None
    return stat.st_dev, stat.st_ino


def siblings(file: File) -> list[File]:
    """List the files in the same folder."""
    if isinstance(file, StoredFile):
        return list(file.parent.below(recursive=False))
    return list(file.parent.iterdir()) if file.parent.is_dir() else []


def below(folder: File) -> list[File]:
    """List everything below a folder but readable folders, sorted by path; follow links once."""
    if isinstance(folder, StoredFile):
        return list(folder.below())
    found: list[Path] = []
    visited: set[str] = set()

    def unreadable(error: OSError) -> None:
        found.append(Path(error.filename))

    for top, folders, names in os.walk(folder, onerror=unreadable, followlinks=True):
        if (place := os.path.realpath(top)) in visited:
            folders.clear()
            continue
        visited.add(place)
        found += [Path(top, name) for name in names]
    return list[File](sorted(found))


def matches(pattern: File) -> list[File]:
    """Find the files and folders, also hidden ones, that match a glob pattern."""
    if isinstance(pattern, StoredFile):
        return list(pattern.matches())
    name = str(pattern)
    if not glob.has_magic(name):
        return []
    found = glob.glob(name, recursive=True, include_hidden=True)  # noqa: PTH207 (Path.glob takes no absolute pattern)
    return list(map(Path, sorted(found)))


class _Content(io.RawIOBase):
    """The bytes of an object. A failed read is a StoreError: OSError means a damaged file."""

    def __init__(self, content: Any, file: StoredFile) -> None:
        self._content = content
        self._file = file

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        with _store_errors(self._file):
            count: int = self._content.readinto(buffer)
        return count

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        with _store_errors(self._file):
            position: int = self._content.seek(offset, whence)
        return position

    def tell(self) -> int:
        position: int = self._content.tell()
        return position

    def close(self) -> None:
        self._content.close()
        super().close()


@contextmanager
def _store_errors(file: StoredFile) -> Iterator[None]:
    try:
        yield
    except (OSError, pa.ArrowException) as error:
        raise StoreError(str(file), f"the object store reports: {error}") from error


@lru_cache(maxsize=1024)
def _located(uri: str) -> tuple[Any, str]:
    filesystem, path = fs.FileSystem.from_uri(uri)
    return filesystem, path


def prepare(target: File) -> None:
    """Check, before the work begins, that `put` will be able to write a file; create its folder.

    Raises OutputError, or OSError where nothing can be written. Does not check objects.
    """
    if isinstance(target, StoredFile):
        return
    if (number := stream_number(target)) is not None:
        with naming(target):
            os.fstat(number)
        return
    if target.is_dir():
        raise OutputError(str(target), "is a folder: name a file in it")
    if target.exists() and not os.access(target, os.W_OK):
        raise OutputError(str(target), "is not writable")
    if not is_device(target):
        place = Path(os.path.realpath(target))
        if place.parent.is_file():
            raise OutputError(str(target.parent), "is a file: name a folder")
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=place.parent):
            """The folder can be written to."""


def put(draft: Path, target: File) -> None:
    """Move a finished, flushed file to its target, which never holds an incomplete file.

    A device, pipe or stream is written to instead of being replaced. Raises OSError with the name
    of the target.
    """
    with naming(target):
        if isinstance(target, StoredFile):
            target.upload(draft)
        elif is_device(target):
            with draft.open("rb") as content, _opened_device(target) as device:
                shutil.copyfileobj(content, device)
        else:
            _replace(draft, Path(os.path.realpath(target)))
    draft.unlink(missing_ok=True)


def is_device(file: File) -> bool:
    """Whether a file is written to instead of being replaced."""
    if isinstance(file, StoredFile):
        return False
    return stream_number(file) is not None or (file.exists() and not file.is_file())


def stream_number(file: File) -> int | None:
    """Return the number of the open file that a path such as /dev/stdout names, or None."""
    found = _STREAM.fullmatch(str(file))
    return int(found[1] or _NUMBERS[found[2]]) if found else None


def is_standard_output(file: File) -> bool:
    """Whether writing to a file writes to standard output."""
    if not isinstance(file, Path) or not is_device(file) or file == Path(os.devnull):
        return False
    try:
        return stream_number(file) == 1 or os.path.samestat(os.fstat(1), file.stat())
    except OSError:
        return False


def _opened_device(device: Path) -> BinaryIO:
    number = stream_number(device)
    if number is None:
        return device.open("wb")
    sys.stdout.flush()
    # Opening /dev/stdout instead would overwrite a file that standard output is appended to.
    return os.fdopen(os.dup(number), "wb")


def _replace(draft: Path, target: Path) -> None:
    try:
        draft.replace(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        # The target is on another file system.
        with atomic_write(target) as beside:
            shutil.copyfile(draft, beside)
    else:
        sync(target.parent)
