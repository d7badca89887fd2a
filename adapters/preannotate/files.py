"""Files that are read or written as a whole: on a disk, or in an object store.

Of a disk they are paths. Of an object store they have a URI, and offer what is used of a path here;
pyarrow speaks to the store, which finds credentials and address as the store's own tools do.
"""

import fnmatch
import glob
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any, Literal
from urllib.parse import quote, unquote, urlsplit

import pyarrow as pa
from pyarrow import fs

from adapters.preannotate.errors import InputError, StoreError

SCHEMES = ("s3", "gs", "gcs", "abfs", "abfss")

_BUFFER = 1024 * 1024
"""A read of an object is a request, so it reads so much at least."""


@dataclass(frozen=True)
class Stat:
    """What `os.stat_result` says, as far as an object has it."""

    st_size: int
    st_mtime_ns: int


@dataclass(frozen=True)
class StoredFile:
    """An object; every method raises StoreError."""

    uri: str = field(repr=False)
    """It can hold credentials and options: for reports there is `str`."""

    def __str__(self) -> str:
        parts = urlsplit(self.uri)
        return f"{parts.scheme}://{re.sub(':[^@]*@', ':***@', parts.netloc)}{self.path}"

    @property
    def path(self) -> PurePosixPath:
        """Its path in the bucket."""
        return PurePosixPath("/", unquote(urlsplit(self.uri).path))

    @property
    def name(self) -> str:
        """The last part of its path."""
        return self.path.name

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
        """Another one in the same bucket."""
        return StoredFile(urlsplit(self.uri)._replace(path=quote(str(path))).geturl())

    def with_name(self, name: str) -> "StoredFile":
        """Another one beside it."""
        return self.with_path(self.path.with_name(name))

    def stat(self) -> Stat:
        """Its size and the time of its last change."""
        info = self._info()
        if info.type != fs.FileType.File:
            raise StoreError(str(self), "there is no such object")
        return Stat(info.size, info.mtime_ns)

    def open(self, mode: Literal["rb"]) -> io.BufferedReader:  # noqa: ARG002 (that of a path)
        """Its content. Also what is read of it raises StoreError."""
        with self._store() as (filesystem, path):
            return io.BufferedReader(_Content(filesystem.open_input_file(path), self), _BUFFER)

    def upload(self, draft: Path) -> None:
        """Make it of a file on a disk: it is there when all of it is."""
        with self._store() as (filesystem, path):
            fs.copy_files(
                str(draft.absolute()),
                path,
                source_filesystem=fs.LocalFileSystem(),
                destination_filesystem=filesystem,
            )

    def unlink(self, *, missing_ok: bool = False) -> None:
        """Remove it."""
        if missing_ok and self._info().type == fs.FileType.NotFound:
            return
        with self._store() as (filesystem, path):
            filesystem.delete_file(path)

    def is_file(self) -> bool:
        """Whether there is an object of this name."""
        return bool(self._info().type == fs.FileType.File)

    def is_dir(self) -> bool:
        """Whether there are objects whose names begin with it."""
        return bool(self._info().type == fs.FileType.Directory)

    def matches(self) -> list["StoredFile"]:
        """The objects that it is a pattern of, with `*` and `[...]`, which match no `/`."""
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
        """The objects of the folder that it names, in the order of their paths."""
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
        """The store, and the path there."""
        with _told(self):
            yield _located(self.uri)


File = Path | StoredFile


def at(name: str) -> File:
    """What a path or a URI names; raises InputError for a URI of another kind."""
    scheme, mark, _ = name.partition("://")
    if not mark:
        return Path(name)
    if scheme not in SCHEMES:
        raise InputError(scheme, f"is no object store that is known: {', '.join(SCHEMES)}")
    given = StoredFile(name)
    return given.with_path(given.path)  # as URIs are written, be it with blanks or without


def name_of(file: File) -> str:
    """What `at` finds it by, from any folder."""
    return file.uri if isinstance(file, StoredFile) else str(file.absolute())


def siblings(file: File) -> list[File]:
    """The files that lie beside it."""
    if isinstance(file, StoredFile):
        return list(file.with_path(file.path.parent).below(recursive=False))
    return list(file.parent.iterdir()) if file.parent.is_dir() else []


def below(folder: File) -> list[File]:
    """All files in a folder and its folders, in the order of their paths."""
    if isinstance(folder, StoredFile):
        return list(folder.below())
    return [path for path in sorted(folder.rglob("*")) if path.is_file()]


def matches(pattern: File) -> list[File]:
    """The files that it is a pattern of."""
    if isinstance(pattern, StoredFile):
        return list(pattern.matches())
    found = sorted(glob.glob(str(pattern), recursive=True))  # noqa: PTH207 (takes any pattern)
    return list(map(Path, found))


class _Content(io.RawIOBase):
    """The bytes of an object. What fails is no damage of the file: so it is no OSError."""

    def __init__(self, content: Any, file: StoredFile) -> None:
        self._content = content
        self._file = file

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        with _told(self._file):
            count: int = self._content.readinto(buffer)
        return count

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        with _told(self._file):
            position: int = self._content.seek(offset, whence)
        return position

    def tell(self) -> int:
        position: int = self._content.tell()
        return position

    def close(self) -> None:
        self._content.close()
        super().close()


@contextmanager
def _told(file: StoredFile) -> Iterator[None]:
    try:
        yield
    except (OSError, pa.ArrowException) as error:
        raise StoreError(str(file), f"the object store says: {error}") from error


@lru_cache(maxsize=1024)
def _located(uri: str) -> tuple[Any, str]:
    filesystem, path = fs.FileSystem.from_uri(uri)
    return filesystem, path
