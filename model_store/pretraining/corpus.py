"""Read labelled reviews and split them into parts. Reading needs the `train` extra."""

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from model_store.errors import CorpusError

LABELS = ("Negative", "Positive")
UNLABELLED = -1
_ACL_FOLDERS = {"neg": 0, "pos": 1, "unsup": UNLABELLED}
_TABLES = (".csv", ".parquet")


class Part(Enum):
    """The use of a text."""

    TRAIN = "train"
    VALIDATION = "validation"
    """A twentieth: chooses the epoch and calibrates."""
    HELD_OUT = "held-out"
    """A tenth: is measured and reported only."""


@dataclass(frozen=True)
class Corpus:
    """Texts and their classes: 0 Negative, 1 Positive, -1 unlabelled.

    >>> corpus = Corpus(["good", "bad", "unknown"], [1, 0, -1])
    >>> corpus.labelled().texts
    ['good', 'bad']
    """

    texts: list[str]
    labels: list[int]

    def __len__(self) -> int:
        return len(self.texts)

    def part(self, part: Part) -> "Corpus":
        """Return the labelled texts of one part."""
        return self._where(lambda text, label: label != UNLABELLED and part_of(text) is part)

    def labelled(self) -> "Corpus":
        """Return the texts with a label."""
        return self._where(lambda _, label: label != UNLABELLED)

    def unlabelled(self) -> "Corpus":
        """Return the texts without a label."""
        return self._where(lambda _, label: label == UNLABELLED)

    def without(self, *others: "Corpus") -> "Corpus":
        """Return the texts that occur in none of the others."""
        held = {text.strip() for other in others for text in other.texts}
        return self._where(lambda text, _: text.strip() not in held)

    def sha256(self) -> str:
        """Return the SHA-256 of all texts and classes, in hexadecimal."""
        digest = hashlib.sha256()
        for text, label in zip(self.texts, self.labels, strict=True):
            content = text.encode("utf-8", "surrogatepass")
            digest.update(f"{label} {len(content)} ".encode() + content)
        return digest.hexdigest()

    def _where(self, condition: Any) -> "Corpus":
        pairs = zip(self.texts, self.labels, strict=True)
        kept = [pair for pair in pairs if condition(*pair)]
        return Corpus([text for text, _ in kept], [label for _, label in kept])


def part_of(text: str) -> Part:
    """Return the part of a text, by its hash: duplicates belong to the same part.

    >>> part_of("a film") is part_of(" a film ")
    True
    """
    digest = hashlib.sha256(text.strip().encode("utf-8", "surrogatepass")).digest()
    match int.from_bytes(digest[:4]) % 20:
        case 0 | 1:
            return Part.HELD_OUT
        case 2:
            return Part.VALIDATION
    return Part.TRAIN


def read(path: Path) -> Corpus:
    """Read a corpus in a fixed order.

    path: a CSV or Parquet file with the columns `text` and `label` (0 or Negative, 1 or Positive,
    -1 or empty for unlabelled), a folder of such files, or the published folder aclImdb, whose
    training half is read. Raises CorpusError.
    """
    if not path.exists():
        raise CorpusError(path, "it does not exist")
    if path.is_file():
        rows = list(_read_table(path))
    elif (path / "train" / "pos").is_dir():
        rows = list(_read_acl_imdb(path / "train"))
    else:
        files = sorted(file for file in path.iterdir() if file.suffix in _TABLES)
        if not files:
            raise CorpusError(
                path, "it is neither the folder aclImdb nor does it contain a .csv or .parquet file"
            )
        rows = [row for file in files for row in _read_table(file)]
    corpus = Corpus([text for text, _ in rows], [label for _, label in rows])
    count = Counter(corpus.labels)
    if not (count[0] and count[1]):
        raise CorpusError(
            path, f"it needs reviews of both labels, and has {count[0]} and {count[1]}"
        )
    return corpus


def _read_acl_imdb(folder: Path) -> Iterator[tuple[str, int]]:
    for name, label in _ACL_FOLDERS.items():
        for file in sorted((folder / name).glob("*.txt")):
            yield file.read_text(encoding="utf-8"), label


def _read_table(path: Path) -> Iterator[tuple[str, int]]:
    try:
        if path.suffix == ".parquet":
            table = pyarrow.parquet.read_table(path, columns=["text", "label"])
        elif path.suffix == ".csv":
            table = pyarrow.csv.read_csv(
                path,
                parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True),
                convert_options=pyarrow.csv.ConvertOptions(
                    include_columns=["text", "label"],
                    column_types={"text": pa.string(), "label": pa.string()},
                ),
            )
        else:
            raise CorpusError(path, "its name must end in .csv or .parquet")
    except (pa.ArrowException, KeyError, OSError) as error:
        raise CorpusError(path, str(error)) from error
    names = {str(value): value for value in (0, 1, UNLABELLED)}
    names |= {label.lower(): value for value, label in enumerate(LABELS)}
    names |= {"none": UNLABELLED, "": UNLABELLED}
    columns = zip(table["text"].to_pylist(), table["label"].to_pylist(), strict=True)
    for row, (text, label) in enumerate(columns, start=1):
        value = names.get(str(label).strip().lower())
        if not isinstance(text, str) or value is None:
            raise CorpusError(
                path, f"row {row} has no text, or its label is not one of {list(names)}"
            )
        yield text, value
