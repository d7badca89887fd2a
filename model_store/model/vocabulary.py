"""Map tokens to ids; the vocabulary is a text file. Does not tokenize."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from model_store.errors import ArtifactError

HEADER = "# sentiment vocabulary, format 1: one token a line, its id is the line's number from 0"
UNKNOWN = "<unk>"
PADDING = "<pad>"
UNKNOWN_ID = 0
PADDING_ID = 1


class _Ids(dict[str, int]):
    """Returns the id of `<unk>` for unknown tokens: faster than `get` with a default."""

    def __missing__(self, token: str) -> int:
        return UNKNOWN_ID


class Vocabulary:
    """An ordered set of tokens; the first two are `<unk>` (id 0) and `<pad>` (id 1).

    Raises ValueError if the first two tokens are others, if a token occurs twice, or if one
    contains white space.

    >>> Vocabulary(["<unk>", "<pad>", "good", "film"]).encode(["good", "cinema"]).tolist()
    [2, 0]
    """

    def __init__(self, tokens: Iterable[str]) -> None:
        self.tokens = tuple(tokens)
        if self.tokens[:2] != (UNKNOWN, PADDING):
            raise ValueError(f"the first two tokens must be {UNKNOWN} and {PADDING}")
        self._ids = _Ids({token: index for index, token in enumerate(self.tokens)})
        if len(self._ids) != len(self.tokens):
            raise ValueError("a token occurs twice")
        if any(token.split() != [token] for token in self.tokens):
            raise ValueError("a token is empty or contains white space")

    def __len__(self) -> int:
        return len(self.tokens)

    def encode(self, tokens: Sequence[str]) -> NDArray[np.int32]:
        """Return (tokens,) ids; unknown tokens get the id of `<unk>`."""
        return np.fromiter(map(self._ids.__getitem__, tokens), np.int32, len(tokens))

    def save(self, path: Path) -> None:
        """Write the vocabulary to a new text file in UTF-8."""
        with path.open("x", encoding="utf-8", newline="\n") as file:
            file.write("\n".join((HEADER, *self.tokens, "")))

    @classmethod
    def load(cls, path: Path) -> "Vocabulary":
        """Read a file that `save` wrote; raises ArtifactError for any other file."""
        try:
            # Not splitlines(): tokens may contain characters that it treats as line ends.
            header, *tokens, last = path.read_bytes().decode("utf-8").split("\n")
        except ValueError as error:
            raise ArtifactError(path, f"it is not UTF-8 text with a header ({error})") from error
        if header != HEADER:
            raise ArtifactError(path, f"its first line is not {HEADER!r}")
        if last:
            raise ArtifactError(path, "it is cut short: its last line does not end")
        try:
            return cls(tokens)
        except ValueError as error:
            raise ArtifactError(path, str(error)) from error
