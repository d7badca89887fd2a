"""Split texts into tokens exactly as torchtext's `basic_english` does.

torchtext itself is not used: plain string replacements take less than half the time, and the server
does not have to install torchtext. A test compares the two.
"""

import numpy as np
from numpy.typing import NDArray

from model_store.model.offsets import Integers, lowered

_SEPARATED = ("'", ".", ",", "(", ")", "!", "?")
_DROPPED = (";", ":")
_CHARACTERS_PER_TOKEN = 16
_BREAK = "<br />"
_BLANK, _MARK, _LETTER = range(3)
_LAST_BLANK = 0x3000


def tokenize(text: str, limit: int | None = None) -> list[str]:
    """Split `text` into lower-case tokens and return the first `limit` of them.

    Punctuation marks are tokens. The tokens are those of
    `torchtext.data.utils.get_tokenizer("basic_english")` in torchtext 0.6.0.

    >>> tokenize("It's great!<br />Go.")
    ['it', "'", 's', 'great', '!', 'go', '.']
    """
    if limit is not None and len(text) > limit * _CHARACTERS_PER_TOKEN:
        head = _split(text[: limit * _CHARACTERS_PER_TOKEN])
        # The cut can fall inside a word or a `<br />`: the last two tokens may be wrong.
        if len(head) >= limit + 2:
            return head[:limit]
    return _split(text)[:limit]


def _split(text: str) -> list[str]:
    text = text.lower().replace('"', "").replace(_BREAK, " ")
    for mark in _SEPARATED:
        text = text.replace(mark, f" {mark} ")
    for mark in _DROPPED:
        text = text.replace(mark, " ")
    return text.split()


def token_spans(text: str, limit: int | None = None) -> tuple[Integers, Integers]:
    """Return where each token of `tokenize` starts and ends in the text, each (tokens,).

    A token can lack quotation marks that are between its start and end.

    >>> starts, ends = token_spans('A "dread"ful<br />film')
    >>> [*zip(starts.tolist(), ends.tolist())]
    [(0, 1), (3, 12), (18, 22)]
    """
    if limit is not None and len(text) > limit * _CHARACTERS_PER_TOKEN:
        starts, ends = _spans(text[: limit * _CHARACTERS_PER_TOKEN])
        if len(starts) >= limit + 2:
            return starts[:limit], ends[:limit]
    starts, ends = _spans(text)
    return starts[:limit], ends[:limit]


def _spans(text: str) -> tuple[Integers, Integers]:
    lower, origins = lowered(text)
    if '"' in lower:
        origins = origins[[char != '"' for char in lower]]
        lower = lower.replace('"', "")
    lower = lower.replace(_BREAK, " " * len(_BREAK))
    codes = np.frombuffer(lower.encode("utf-32-le", "surrogatepass"), np.uint32)
    kinds = _KINDS[np.minimum(codes, len(_KINDS) - 1)]
    is_mark, is_letter = kinds == _MARK, kinds == _LETTER
    before = np.append(False, is_letter[:-1])
    after = np.append(is_letter[1:], False)
    starts = origins[is_mark | (is_letter & ~before)]
    ends = origins[is_mark | (is_letter & ~after)] + 1
    return starts, ends


def _kinds() -> NDArray[np.uint8]:
    """Return the kind of each character, up to the last blank of Unicode and one beyond."""
    kinds = [_BLANK if chr(code).isspace() else _LETTER for code in range(_LAST_BLANK + 2)]
    for marks, kind in ((_SEPARATED, _MARK), (_DROPPED, _BLANK)):
        for mark in marks:
            kinds[ord(mark)] = kind
    return np.array(kinds, np.uint8)


_KINDS = _kinds()
