"""Read texts and labels from files with the readers of `preannotate`."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from model_store.errors import CorpusError
from model_store.readers import INPUT_SUFFIXES
from model_store.readers.content import BROKEN, FOREIGN_SUFFIXES, decompressed, reason_of
from model_store.readers.labels import NO_LABEL, class_of
from model_store.readers.reading import Reading, format_of, until_broken
from model_store.readers.rows import RowError, Table, Unreadable
from model_store.readers.text import NOT_TEXT, decoded, is_encodable, problem_of

_TEXT_NAMES = ("text", "review", "sentence", "content", "comment", "body", "message")
_LABEL_NAMES = ("label", "sentiment", "class", "polarity", "target")
_ACL_FOLDERS = {"neg": 0, "pos": 1, "unsup": NO_LABEL}
_UNLABELLED = re.compile(r"-1(?:\.0+)?")
"""What data sets write for texts without a label."""
_SHOWN = 40
"""Names of columns, and characters of each, in a message."""

Names = Sequence[Collection[str]]
"""The names of each class."""


@dataclass(frozen=True)
class Columns:
    """The columns of text and label; None to find them by usual names, such as text and label."""

    text: str | None = None
    label: str | None = None


class Labelled(NamedTuple):
    """A text and its class, NO_LABEL if it has none."""

    text: str
    label: int


@dataclass(frozen=True)
class Rejected:
    """A row that was left out, with the reason. Contains none of its data."""

    file: str
    unit: str
    number: int
    reason: str

    def __str__(self) -> str:
        return f"{self.file}, {self.unit} {self.number}: {self.reason}"


def read(
    path: Path, columns: Columns, encoding: str, names: Names
) -> Iterator[Labelled | Rejected]:
    """Yield the rows of a file, a folder of files, or the folder aclImdb, in a fixed order.

    Raises CorpusError.
    """
    if problem := problem_of(encoding):
        raise CorpusError(path, f"{encoding}: {problem}")
    if not path.exists():
        raise CorpusError(path, "it does not exist")
    if not path.is_dir():
        yield from _read_table(path, columns, encoding, names)
        return
    if (path / "train" / "pos").is_dir():
        yield from _read_acl_imdb(path / "train", encoding)
        return
    files = sorted(file for file in path.iterdir() if _is_table(file))
    if not files:
        raise CorpusError(
            path, "it is neither the folder aclImdb nor does it contain a .csv or .parquet file"
        )
    for file in files:
        yield from _read_table(file, columns, encoding, names)


def _is_table(file: Path) -> bool:
    is_visible = not file.name.startswith((".", "_"))
    return is_visible and file.is_file() and ".txt" not in file.suffixes and _format(file) != ""


def _format(file: Path) -> str:
    """Return the format of a file; empty if no reader reads it. A pipe has no suffix."""
    return format_of(file.suffixes) or ("" if file.is_file() else "csv")


def _read_acl_imdb(folder: Path, encoding: str) -> Iterator[Labelled | Rejected]:
    for name, label in _ACL_FOLDERS.items():
        for file in sorted((folder / name).glob("*.txt")):
            with file.open("rb") as content, decoded(content, encoding, None) as stream:
                text = stream.read()
            if not is_encodable(text):
                yield Rejected(str(file), "line", 1, NOT_TEXT)
            elif not text.strip():
                yield Rejected(str(file), "line", 1, "has no text")
            else:
                yield Labelled(text, label)


def _read_table(
    path: Path, columns: Columns, encoding: str, names: Names
) -> Iterator[Labelled | Rejected]:
    format_name = _format(path)
    if not format_name:
        suffixes = ", ".join(sorted(INPUT_SUFFIXES))
        advice = f"its name must end in one of {suffixes}"
        raise CorpusError(path, FOREIGN_SUFFIXES.get(path.suffix.lower(), advice))
    wanted = [columns.text] if columns.text else _TEXT_NAMES
    try:
        with (
            path.open("rb") as raw,
            decompressed(raw) as content,
            Reading(encoding, wanted).table(format_name, content) as table,
        ):
            yield from _labelled(path, table, columns, names)
    except BROKEN as error:
        raise CorpusError(path, reason_of(error)) from error


def _labelled(
    path: Path, table: Table, columns: Columns, names: Names
) -> Iterator[Labelled | Rejected]:
    found: tuple[str, str] | None = None
    for row in until_broken(table.rows):
        if isinstance(row.raw, Unreadable):
            yield Rejected(str(path), table.unit, row.number, row.raw.reason)
            continue
        try:
            fields = table.decode(row.raw)
            found = found or (
                _column(path, fields, columns.text, _TEXT_NAMES, "text"),
                _column(path, fields, columns.label, _LABEL_NAMES, "label"),
            )
            text, label = found
            yield Labelled(_text(fields, text), _label(fields, label, table.class_names, names))
        except RowError as reason:
            yield Rejected(str(path), table.unit, row.number, str(reason))


def _column(
    path: Path, fields: Iterable[str], given: str | None, usual: Sequence[str], option: str
) -> str:
    """Return the given column, or the first one with a usual name, in upper or lower case."""
    by_name = {name.strip().casefold(): name for name in reversed(list(fields))}
    if given is not None and given in fields:
        return given
    if given is None:
        for name in usual:
            if name in by_name:
                return by_name[name]
    listed = ", ".join(repr(name[:_SHOWN]) for name in list(fields)[:_SHOWN])
    missing = f"column {given!r}" if given is not None else f"column that is known as a {option}"
    raise CorpusError(path, f"it has no {missing}: name one with --{option}, of {listed}")


def _text(fields: Mapping[str, Any], column: str) -> str:
    value = fields.get(column)
    if not isinstance(value, str):
        raise RowError(f'column "{column}" holds no text')
    if not value.strip():
        raise RowError(f'column "{column}" is empty')
    return value


def _label(
    fields: Mapping[str, Any],
    column: str,
    class_names: Mapping[str, Sequence[str]],
    names: Names,
) -> int:
    value = fields.get(column)
    own = class_names.get(column, ())
    if isinstance(value, int) and 0 <= value < len(own):
        value = own[value]
    if _UNLABELLED.fullmatch(str(value).strip()):
        return NO_LABEL
    label = class_of(value, names)
    if label is None:
        listed = ", ".join(name for alternatives in names for name in alternatives)
        raise RowError(f'column "{column}" holds another label than {listed}, or their numbers')
    return label
