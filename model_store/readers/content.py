"""Open the content of a file, decompressed. Its first bytes tell how, not its name."""

import bz2
import gzip
import io
import lzma
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO, cast

import pyarrow as pa

COMPRESSED_SUFFIXES = (".gz", ".bz2", ".xz", ".zst", ".zstd")

_BUFFER = 64 * 1024
"""Bytes decompressed at once."""

_CODECS: dict[bytes, Callable[[Any], Any]] = {
    b"\x1f\x8b": lambda raw: gzip.GzipFile(fileobj=raw),
    b"BZh": bz2.BZ2File,
    b"\xfd7zXZ\x00": lzma.LZMAFile,
    # Not the package zstandard: it does not detect a truncated file.
    b"\x28\xb5\x2f\xfd": lambda raw: pa.CompressedInputStream(raw, "zstd"),
}
"""How to decompress a file, by its first bytes."""

_SAVE_AS_CSV = "is a workbook: save its sheet as CSV in UTF-8"
_FOREIGN = {
    b"PK\x03\x04": "is a ZIP archive: unpack it",
    b"\xd0\xcf\x11\xe0": _SAVE_AS_CSV,
    b"7z\xbc\xaf\x27\x1c": "is a 7z archive: unpack it",
    b"Rar!": "is a RAR archive: unpack it",
    b"%PDF": "is a PDF document: save its texts as CSV in UTF-8",
}
_WORKBOOK_PARTS = (b"[Content_Types].xml", b"xl/", b"_rels/", b"docProps/", b"mimetype")
"""The names of the first entry in the ZIP archives that Excel and LibreOffice write."""
FOREIGN_SUFFIXES = dict.fromkeys((".xlsx", ".xls", ".xlsm", ".ods"), _SAVE_AS_CSV) | {
    ".zip": _FOREIGN[b"PK\x03\x04"],
    ".7z": _FOREIGN[b"7z\xbc\xaf\x27\x1c"],
    ".rar": _FOREIGN[b"Rar!"],
    ".pdf": _FOREIGN[b"%PDF"],
}
"""What a file is that no reader reads, and what to do, by its suffix."""

BROKEN = (OSError, EOFError, UnicodeError, pa.ArrowException, lzma.LZMAError, zlib.error)
"""Errors that reading a damaged file raises."""


class ForeignFormatError(OSError):
    """A file is in a format that no reader reads; the message says which, and what to do."""


@dataclass(frozen=True)
class Content:
    """A file while it is read."""

    stream: io.BufferedReader
    """The decompressed content."""
    raw: BinaryIO
    """The content as stored."""
    is_compressed: bool

    def position(self) -> int:
        """Number of stored bytes read so far; 0 if it is not known."""
        return self.raw.tell() if self.raw.seekable() else 0


@contextmanager
def decompressed(raw: BinaryIO) -> Iterator[Content]:
    """Decompress a stream with gzip, bzip2, xz or zstd, if it is compressed. Leaves `raw` open."""
    start = cast("io.BufferedReader", raw).peek(8)
    codec = next((codec for mark, codec in _CODECS.items() if start.startswith(mark)), None)
    if codec is None:
        yield Content(cast("io.BufferedReader", raw), raw, is_compressed=False)
        return
    with codec(raw) as content:
        yield Content(io.BufferedReader(content, _BUFFER), raw, is_compressed=True)


def is_compressed(raw: BinaryIO) -> bool:
    """Whether a stream, read from its start, is compressed as a whole."""
    return raw.read(8).startswith(tuple(_CODECS))


def check_format(content: Content, *, is_text: bool) -> None:
    """Raise ForeignFormatError if the first bytes are those of a format that no reader reads."""
    start = content.stream.peek(64)[:64]
    if is_text and start.startswith(b"PAR1"):
        raise ForeignFormatError("is a Parquet file: name it *.parquet")
    for mark, reason in _FOREIGN.items():
        if start.startswith(mark):
            is_workbook = mark == b"PK\x03\x04" and start[30:].startswith(_WORKBOOK_PARTS)
            raise ForeignFormatError(_SAVE_AS_CSV if is_workbook else reason)


def reason_of(error: Exception) -> str:
    """Say why a file cannot be read. The library's own message can contain data."""
    match error:
        case ForeignFormatError():
            return str(error)
        case pa.ArrowException() | UnicodeDecodeError():  # UnicodeDecodeError: of column names
            return "cannot be read: the file is not Parquet, or damaged from here on"
        case UnicodeError():
            return "cannot be read without a byte order mark: name its order, as in utf-16-le"
        case OSError() if error.errno is not None:
            return f"cannot be read: {error.strerror}"
    return "cannot be read: the file is damaged or cut off from here on"
