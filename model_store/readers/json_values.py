"""Read the rows of JSON and JSONL files. This module finds the values; workers parse them.

Why it does not use a streaming parser: docs/decisions/0012.
"""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import orjson

from model_store.readers import exact_json
from model_store.readers.rows import (
    MAX_CHARACTERS,
    TOO_LONG,
    Row,
    RowError,
    Table,
    Unreadable,
)
from model_store.readers.text import is_encodable

_READ_CHARACTERS = 256 * 1024
_STRUCTURE = re.compile(r'["\[\]{},]')
_IN_STRING = re.compile(r'[^"\\\n]*(?:\\.[^"\\\n]*)*', re.DOTALL)
_BLANK = " \t\r\n"
_TOO_LONG = Unreadable(TOO_LONG)
_FEW = 2
_NEAR = 256
"""Characters to look back for the end of a line."""
_MOST_BREAKS = 100
"""Lines of one value that can end inside a string: each is searched from its start."""
_COLUMNS = "holds columns instead of rows: write an object for each row, as orient='records' does"
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
        value = exact_json.loads(text)
    except orjson.JSONDecodeError as error:
        value = _lenient(text, error)
    except RecursionError as error:
        raise RowError("holds objects nested too deeply") from error
    if not isinstance(value, dict):
        raise RowError("is not a JSON object")
    if _is_columns(value):
        raise RowError(_COLUMNS)
    return value


def _lenient(text: str, error: Exception) -> Any:
    """Parse what orjson refuses and Label Studio takes: NaN, which becomes null."""
    invalid = RowError("is not valid JSON in UTF-8")
    if not is_encodable(text):
        raise invalid from error
    try:
        value = json.loads(text, parse_constant=lambda _: None)
    except (ValueError, RecursionError):
        raise invalid from error
    if not is_encodable(json.dumps(value, ensure_ascii=False)):
        raise RowError("holds half of a character: a surrogate without its other half") from error
    return value


def _is_columns(value: dict[str, Any]) -> bool:
    """Whether an object holds whole columns: lists of one length, or objects with the same keys."""
    columns = list(value.values())
    if len(columns) < _FEW or "data" in value:
        return False
    if all(isinstance(column, list) for column in columns):
        return len(columns[0]) > 1 and len(set(map(len, columns))) == 1
    return all(isinstance(column, dict) and len(column) > 1 for column in columns) and all(
        column.keys() == columns[0].keys() for column in columns
    )


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
        self._open = ["["] * is_array
        """The brackets that are open here."""
        self._in_string = False
        self._after_backslash = False
        self._count = 0
        self._is_over = False
        self._breaks = 0
        """Lines of the current value that end inside a string."""
        self._may_restart = False
        self._pieces: list[str] = []
        self._size = 0

    def feed(self, text: str) -> Iterator[str | Unreadable]:
        """Yield the values that end in this piece of the file."""
        start = position = 0
        while position < len(text):
            if self._is_over:
                start = position = self._resume(text, position)
            elif self._in_string:
                position = self._skip_string(text, position)
                if not self._in_string and text[position - 1] == "\n":
                    self._break_string(text[start : position - 1])
            else:
                match = _STRUCTURE.search(text, position)
                if text[position : match.start() if match else None].strip(_BLANK):
                    self._may_restart = False
                if match is None:
                    break
                mark = match.group()
                if mark in "{]" and (self._may_restart or self._is_damaged(text, start, match)):
                    self._keep(text[start : match.start()])
                    start = match.start()
                    yield from self._value()
                    self._open = ["["] * self._is_array
                    if mark == "]":
                        self._is_over, start, position = True, match.end(), match.end()
                        continue
                self._may_restart = False
                position = match.end()
                if self._ends_value(mark):
                    self._keep(text[start : position - self._is_array])
                    start = position
                    yield from self._value()
        self._keep(text[start:])

    def _resume(self, text: str, position: int) -> int:
        """Return where the array goes on after its end: what closed it was a bracket too many."""
        rest = text[position:].lstrip(_BLANK)
        if self._size or not rest.startswith(","):
            self._keep(rest)
            return len(text)
        self._is_over, self._open = False, ["["]
        return len(text) - len(rest) + 1

    def end(self) -> Iterator[str | Unreadable]:
        """Yield what remains at the end of the file."""
        has_rest = self._size > MAX_CHARACTERS or "".join(self._pieces).strip(_BLANK)
        if self._is_over and has_rest:
            yield _AFTER_END
        elif not self._is_over and (has_rest or self._is_array):
            if has_rest and self._open == ["["] and self._is_array and not self._in_string:
                yield from self._value()  # it is complete: only the closing bracket is missing
            yield _CUT_OFF

    def _break_string(self, piece: str) -> None:
        """Note that a line ends inside a string, which lacks its closing quote.

        In a file with an object on each line, the next line starts the next value.
        """
        if self._breaks < _MOST_BREAKS:
            value = "".join([*self._pieces, piece]).lstrip(_BLANK)
            self._may_restart = value.count("\n") == self._breaks
        self._breaks += 1

    def _is_damaged(self, text: str, start: int, match: re.Match[str]) -> bool:
        """Whether a line begins with the next value, or the end, while an object is still open.

        Inside an object, valid JSON has a `{` only after a colon, and no `]`.
        """
        if not self._open or self._open[-1] != "{":
            return False
        if match.group() == "]" and self._open.count("[") > self._is_array:
            return False  # it closes a list of the object, of which another bracket is missing
        before = text[max(start, match.start() - _NEAR) : match.start()]
        content = before.rstrip(_BLANK)
        if not content:
            before = "".join(self._pieces)[-_NEAR:] + before
            content = before.rstrip(_BLANK)
        return "\n" in before[len(content) :] and content[-1:] not in ("", ":")

    def _ends_value(self, mark: str) -> bool:
        if mark in "[{":
            self._open.append(mark)
        elif mark in "]}":
            self._close("[" if mark == "]" else "{")
            self._is_over = self._is_array and not self._open
            return not self._open
        elif mark == ",":
            return self._is_array and len(self._open) == 1
        else:
            self._in_string = True
        return False

    def _close(self, opening: str) -> None:
        """Close a bracket, and those inside of it that lack theirs; ignore one too many."""
        if self._open and self._open[-1] == opening:
            self._open.pop()
        elif opening in self._open[self._is_array :]:
            while self._open.pop() != opening:
                """Look further out."""

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
        self._pieces, self._size, self._breaks = [], 0, 0
        is_empty_array = self._is_over and not self._count and not value.strip(_BLANK)
        if not is_empty_array or is_too_long:
            self._count += 1
            yield _TOO_LONG if is_too_long else value
