"""Decode bytes to text, and text to lines of bounded length.

Decoding never fails: bytes that are invalid in the encoding become surrogates, one for each byte.
The user of a row finds them there, so that a bad row does not affect the others.
"""

import codecs
import io
from collections.abc import Iterator

from model_store.readers.rows import MAX_CHARACTERS

NOT_TEXT = "is not text in the encoding of the file: name another with --encoding"

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    # Before UTF-16, whose mark is a prefix of this one.
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def _mark(error: UnicodeError) -> tuple[str, int]:
    """Escape invalid bytes, like `surrogateescape`, but ASCII too: those can break UTF-16."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return "".join(chr(0xDC00 + byte) for byte in error.object[error.start : error.end]), error.end


_MARKING = "readers.mark"
codecs.register_error(_MARKING, _mark)


def problem_of(encoding: str) -> str | None:
    """Return why files cannot be read in an encoding; None if they can."""
    try:
        b"a".decode(encoding, _MARKING)  # an empty string needs no codec
    except LookupError:
        return "this is not the name of a text encoding"
    except UnicodeError:
        return "files cannot be read in this encoding"
    return None


def decoded(stream: io.BufferedReader, encoding: str, newline: str | None) -> io.TextIOWrapper:
    """Decode a stream. A byte order mark overrides `encoding` and is removed."""
    start = stream.peek(4)
    marked = next((name for mark, name in _MARKS if start.startswith(mark)), encoding)
    return io.TextIOWrapper(stream, marked, errors=_MARKING, newline=newline)


def lines(text: io.TextIOWrapper) -> Iterator[tuple[int, str | None]]:
    """Yield each line's number from 1 and its content with the line end; None if it is too long."""
    number = 0
    while line := text.readline(MAX_CHARACTERS):
        number += 1
        if len(line) < MAX_CHARACTERS or line.endswith(("\n", "\r")):
            yield number, line
            continue
        while line and not line.endswith(("\n", "\r")):
            line = text.readline(MAX_CHARACTERS)
        yield number, None


def is_encodable(text: str) -> bool:
    """Whether the text was decoded without invalid bytes."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
