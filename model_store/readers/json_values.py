"""Read the rows of JSON and JSONL files. This module finds the values; workers parse them.

Why it does not use a streaming parser: docs/decisions/0012.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any

import orjson

from model_store.readers.rows import (
    MAX_CHARACTERS,
    TOO_LONG,
    Row,
    RowError,
    Table,
    Unreadable,
)

_READ_CHARACTERS = 256 * 1024
_STRUCTURE = re.compile(r'["\[\]{},]')
_IN_STRING = re.compile(r'[^"\\]*(?:\\.[^"\\]*)*', re.DOTALL)
_BLANK = " \t\r\n"
_TOO_LONG = Unreadable(TOO_LONG)
_CUT_OFF = Unreadable("is cut off: the file ends inside of it", ends_file=True)
_AFTER_END = Unreadable(
    "comes after the end of the array: the rest of the file was not read", ends_file=True
)


def read_lines(lines: Iterator[tuple[int, str | None]]) -> Table:
    """Read JSONL: one value per line, without blank lines."""
    rows = (
        Row(number, _TOO_LONG if line is None else line, len(line or ""))
        for number, line in lines
        if line is None or not line.isspace()
    )
    return Table("line", _fields, rows)


def read_values(read: Callable[[int], str]) -> Table:
    """Read JSON: an array of values, or concatenated values."""
    rows = (
        Row(number, value, len(value) if isinstance(value, str) else 0)
        for number, value in enumerate(split(read), start=1)
    )
    return Table("row", _fields, rows)


def _fields(text: str) -> dict[str, Any]:
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise RowError("is not valid JSON in UTF-8") from error
    if not isinstance(value, dict):
        raise RowError("is not a JSON object")
    return value


def split(read: Callable[[int], str]) -> Iterator[str | Unreadable]:
    """Yield the text of each value of an array, or of each concatenated value.

    `read(n)` returns up to n more characters, none at the end. Only quotes, brackets and commas
    are examined: values are not validated, so an invalid value does not affect the others.
    """
    text = read(_READ_CHARACTERS).lstrip(_BLANK)
    while not text and (text := read(_READ_CHARACTERS)):
        text = text.lstrip(_BLANK)
    if not text:
        yield Unreadable("the file is empty")
        return
    splitter = _Splitter(is_array=text.startswith("["))
    text = text.removeprefix("[") or read(_READ_CHARACTERS)
    while text:
        yield from splitter.feed(text)
        text = read(_READ_CHARACTERS)
    yield from splitter.end()


class _Splitter:
    def __init__(self, *, is_array: bool) -> None:
        self._is_array = is_array
        self._depth = int(is_array)
        self._in_string = False
        self._after_backslash = False
        self._count = 0
        self._is_over = False
        self._pieces: list[str] = []
        self._size = 0

    def feed(self, text: str) -> Iterator[str | Unreadable]:
        """Yield the values that end in this piece of the file."""
        start = position = 0
        while position < len(text) and not self._is_over:
            if self._in_string:
                position = self._skip_string(text, position)
                continue
            match = _STRUCTURE.search(text, position)
            if match is None:
                break
            position = match.end()
            if self._ends_value(match.group()):
                self._keep(text[start : position - self._is_array])
                start = position
                yield from self._value()
        self._keep(text[start:])

    def end(self) -> Iterator[str | Unreadable]:
        """Yield what remains at the end of the file."""
        has_rest = self._size > MAX_CHARACTERS or "".join(self._pieces).strip(_BLANK)
        if self._is_over and has_rest:
            yield _AFTER_END
        elif not self._is_over and (has_rest or self._is_array):
            if has_rest and self._is_array and self._depth == 1 and not self._in_string:
                yield from self._value()  # it is complete: only the closing bracket is missing
            yield _CUT_OFF

    def _ends_value(self, mark: str) -> bool:
        if mark in "[{":
            self._depth += 1
        elif mark in "]}":
            self._depth = max(self._depth - 1, 0)
            self._is_over = self._is_array and not self._depth
            return not self._depth
        elif mark == ",":
            return self._is_array and self._depth == 1
        else:
            self._in_string = True
        return False

    def _skip_string(self, text: str, position: int) -> int:
        """Return the position where the string, or this piece of the file, ends."""
        if self._after_backslash:
            self._after_backslash = False
            position += 1
        match = _IN_STRING.match(text, position)
        assert match is not None
        position = match.end()
        if position < len(text):
            self._after_backslash = text[position] == "\\"  # the last character of the piece
            self._in_string = self._after_backslash
            position += 1
        return position

    def _keep(self, piece: str) -> None:
        self._size += len(piece)
        if self._size > MAX_CHARACTERS:
            self._pieces.clear()
        elif piece:
            self._pieces.append(piece)

    def _value(self) -> Iterator[str | Unreadable]:
        value = "".join(self._pieces)
        is_too_long = self._size > MAX_CHARACTERS
        self._pieces, self._size = [], 0
        is_empty_array = self._is_over and not self._count and not value.strip(_BLANK)
        if not is_empty_array or is_too_long:
            self._count += 1
            yield _TOO_LONG if is_too_long else value
