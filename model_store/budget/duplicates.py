"""Group texts that are nearly the same, any number of them in constant memory.

MinHash with banding (Broder, 1997; Leskovec et al., 2020, 3.4), by datasketch: texts that share
most of their phrases share a band of their signatures. Of pairs whose phrases are the same by 80 %
it finds 94 in 100, and takes 6 in 100 of those by 50 %. `learning/duplicates.py` compares all
pairs, which a few thousand texts allow.
"""

import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from datasketch import MinHash
from numpy.typing import NDArray

_BANDS, _ROWS = 16, 8
_PHRASE = 3
_MAX_WORDS = 400
_WORD = re.compile(r"\w+")
_BYTES = 8
"""Of the hash of a band."""
SIGNATURE_BYTES = _BANDS * _BYTES
_EMPTY = MinHash(num_perm=_BANDS * _ROWS)
_AT_ONCE = 10_000


def signature(text: str) -> bytes:
    """Return the hashes of the bands of a text: equal texts have equal ones.

    Compares phrases of three words, of the first 400 words, without case and punctuation.
    """
    words = _WORD.findall(text.lower())[:_MAX_WORDS]
    phrases = {
        " ".join(words[start : start + _PHRASE]).encode("utf-8", "surrogatepass")
        for start in range(max(1, len(words) - _PHRASE + 1))
    }
    hashes = _EMPTY.copy()
    hashes.update_batch(sorted(phrases))
    rows = np.asarray(hashes.hashvalues, dtype=np.uint64).reshape(_BANDS, _ROWS)
    # A polynomial in each band's own number: bands of different places never meet.
    mixed = np.arange(1, _BANDS + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    for column in rows.T:
        mixed = (mixed ^ column) * np.uint64(0x100000001B3) + np.uint64(0x9E3779B97F4A7C15)
    return mixed.tobytes()


class Groups:
    """Collects the signatures of texts in a folder, and groups them at the end.

    The files are deleted when the block ends.
    """

    def __init__(self, folder: Path) -> None:
        self._database = folder / ".duplicates.draft.db"
        self._parents = folder / ".parents.draft"
        self._size = 0
        self._waiting: list[tuple[int, int]] = []

    def __enter__(self) -> Self:
        self._database.unlink(missing_ok=True)
        self._connection = sqlite3.connect(self._database)
        self._connection.execute("PRAGMA journal_mode=OFF")
        self._connection.execute("PRAGMA synchronous=OFF")
        self._connection.execute("PRAGMA temp_store_directory = ''")
        self._connection.execute("CREATE TABLE bands (hash INTEGER, text INTEGER)")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._connection.close()
        for file in (self._database, self._parents):
            file.unlink(missing_ok=True)

    def add(self, found: bytes) -> None:
        """Add the signature of the next text."""
        bands = np.frombuffer(found, dtype=np.int64).tolist()
        self._waiting += [(each, self._size) for each in bands]
        self._size += 1
        if len(self._waiting) >= _AT_ONCE:
            self._flush()

    def solve(self) -> NDArray[np.int64]:
        """Return (texts,) numbers of the first text of each text's group, as a mapped file."""
        self._flush()
        parents = np.memmap(self._parents, np.int64, "w+", shape=(max(self._size, 1),))
        for start in range(0, len(parents), _AT_ONCE):
            stop = min(start + _AT_ONCE, len(parents))
            parents[start:stop] = np.arange(start, stop)
        for one, other in self._pairs():
            first, second = _root(parents, one), _root(parents, other)
            parents[max(first, second)] = min(first, second)
        for text in range(self._size):  # a parent comes before its children
            parents[text] = parents[parents[text]]
        return parents[: self._size]

    def _flush(self) -> None:
        self._connection.executemany("INSERT INTO bands VALUES (?, ?)", self._waiting)
        self._waiting = []

    def _pairs(self) -> Iterator[tuple[int, int]]:
        """Yield texts that share a band; SQLite sorts in files."""
        before: tuple[int, int] | None = None
        for row in self._connection.execute("SELECT hash, text FROM bands ORDER BY hash, text"):
            if before is not None and before[0] == row[0]:
                yield before[1], row[1]
            before = row


def _root(parents: NDArray[np.int64], text: int) -> int:
    while (parent := int(parents[text])) != text:
        parents[text] = parents[parent]
        text = parent
    return text
