"""Labelled reviews, and their split into parts. `labelled_files` reads them."""

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from model_store.errors import CorpusError
from model_store.pretraining import labelled_files
from model_store.pretraining.labelled_files import Columns, Rejected
from model_store.readers.labels import NO_LABEL

LABELS = ("Negative", "Positive")
UNLABELLED = NO_LABEL


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
    rejected: Sequence[Rejected] = field(default=(), compare=False)
    """The rows that were left out when the corpus was read."""

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

    def _where(self, condition: Callable[[str, int], bool]) -> "Corpus":
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


def read(path: Path, columns: Columns | None = None, encoding: str = "utf-8") -> Corpus:
    """Read a corpus in a fixed order.

    path: a file that `preannotate` reads, a folder of such files, or the published folder aclImdb,
    whose training half is read. A label is 0 or Negative, 1 or Positive, -1 or blank for
    unlabelled. A row without text, or with another label, is left out; see `Corpus.rejected`.
    Raises CorpusError.
    """
    texts: list[str] = []
    labels: list[int] = []
    rejected: list[Rejected] = []
    names = [(label,) for label in LABELS]
    for row in labelled_files.read(path, columns or Columns(), encoding, names):
        if isinstance(row, Rejected):
            rejected.append(row)
        else:
            texts.append(row.text)
            labels.append(row.label)
    count = Counter(labels)
    if not (count[0] and count[1]):
        reason = f"it needs reviews of both labels, and has {count[0]} and {count[1]}"
        if rejected:
            reason += f"; {len(rejected):,} rows were left out, the first: {rejected[0]}"
        raise CorpusError(path, reason)
    return Corpus(texts, labels, rejected)
