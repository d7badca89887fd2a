"""Tokens to ids, kept in a text file that a person can read. Does not tokenize."""

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
    """Looks up any token: faster than asking `get` with a default for each."""

    def __missing__(self, token: str) -> int:
        return UNKNOWN_ID


class Vocabulary:
    """An ordered set of tokens; the first two are `<unk>` (id 0) and `<pad>` (id 1).

    Raises ValueError for a token that is there twice or holds white space, and where the first
    two are not the special ones.
    """

    def __init__(self, tokens: Iterable[str]) -> None:
        self.tokens = tuple(tokens)
        if self.tokens[:2] != (UNKNOWN, PADDING):
            raise ValueError(f"the first two tokens must be {UNKNOWN} and {PADDING}")
        self._ids = _Ids({token: index for index, token in enumerate(self.tokens)})
        if len(self._ids) != len(self.tokens):
            raise ValueError("a token is there twice")
        if any(token.split() != [token] for token in self.tokens):
            raise ValueError("a token is empty or holds white space")

    def __len__(self) -> int:
        return len(self.tokens)

    def encode(self, tokens: Sequence[str]) -> NDArray[np.int32]:
        """(tokens,) the id of each token; unknown ones get the id of `<unk>`."""
        return np.fromiter(map(self._ids.__getitem__, tokens), np.int32, len(tokens))

    def save(self, path: Path) -> None:
        """Write the vocabulary to a new text file in UTF-8."""
        with path.open("x", encoding="utf-8", newline="\n") as file:
            file.write("\n".join((HEADER, *self.tokens, "")))

    @classmethod
    def load(cls, path: Path) -> "Vocabulary":
        """Read what `save` wrote; raises ArtifactError for anything else."""
        try:
            # Not splitlines(): a token may hold characters that it takes for line ends.
            header, *tokens, last = path.read_bytes().decode("utf-8").split("\n")
        except ValueError as error:
            raise ArtifactError(
                path, f"it is not a text in UTF-8 with a header ({error})"
            ) from error
        if header != HEADER:
            raise ArtifactError(path, f"its first line is not {HEADER!r}")
        if last:
            raise ArtifactError(path, "it is cut short: its last line has no end")
        try:
            return cls(tokens)
        except ValueError as error:
            raise ArtifactError(path, str(error)) from error
