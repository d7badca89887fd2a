"""Bytes to text and to lines of bounded length. Never fails on what it cannot decode.

Bytes that are not of the encoding become surrogates, each by its value: whoever uses a row finds
them there, so that one bad row does not cost the others.
"""

import codecs
import io
from collections.abc import Iterator

from adapters.preannotate.errors import InputError
from adapters.preannotate.records import MAX_CHARACTERS

NOT_TEXT = "is not text in the encoding of the file: name another with --encoding"

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    # Before UTF-16, whose mark is the beginning of this one.
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def _mark(error: UnicodeError) -> tuple[str, int]:
    """As `surrogateescape`, which for ASCII bytes, such as UTF-16 can be broken by, fails."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return "".join(chr(0xDC00 + byte) for byte in error.object[error.start : error.end]), error.end


_MARKING = "preannotate.mark"
codecs.register_error(_MARKING, _mark)


def check_encoding(name: str) -> str:
    """The name, if it is that of a text encoding; else raises InputError."""
    try:
        b"a".decode(name, _MARKING)  # of nothing, no encoding would be looked for
    except LookupError as error:
        raise InputError(f"--encoding {name}", "there is no text encoding of this name") from error
    except UnicodeError as error:
        raise InputError(f"--encoding {name}", "files cannot be read in this encoding") from error
    return name


def decoded(stream: io.BufferedReader, encoding: str, newline: str) -> io.TextIOWrapper:
    """The stream as text. A byte order mark decides over `encoding`, and is left out."""
    start = stream.peek(4)
    marked = next((name for mark, name in _MARKS if start.startswith(mark)), encoding)
    return io.TextIOWrapper(stream, marked, errors=_MARKING, newline=newline)


def lines(text: io.TextIOWrapper) -> Iterator[tuple[int, str | None]]:
    """Number, from 1, and content with its line end; None for a line of more than the limit."""
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
    """Whether all of it could be decoded."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
