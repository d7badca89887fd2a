"""Split texts into words and punctuation marks, for the static embedding and the n-grams.

In two steps: what a token between blanks consists of need not be found out again for each text.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence

from model_store.model.offsets import lowered

_CHARACTERS_PER_TOKEN = 16
_LONGEST_TOKEN = 200
"""Characters of a token: tables of tokens stay small."""
# Signs of Chinese and Japanese are words of their own, as for BERT's tokenizer.
_TOKEN = re.compile(r"\S+")
_WORD = re.compile(
    r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]|[^\W_\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]+|[^\w\s]|_"
)


def tokens(text: str, limit: int) -> list[str]:
    """Return the first `limit` runs of characters between blanks, in lower case.

    >>> tokens("It's a café_bar!", 100)
    ["it's", 'a', 'café_bar!']
    """
    found = text[: limit * _CHARACTERS_PER_TOKEN].lower().split()[:limit]
    if max(map(len, found), default=0) > _LONGEST_TOKEN:
        return [token[:_LONGEST_TOKEN] for token in found]
    return found


def words(token: str) -> list[str]:
    """Return the words and punctuation marks of a token, without accents.

    >>> words("it's"), words("café_bar!")
    (['it', "'", 's'], ['cafe', '_', 'bar', '!'])
    """
    return _WORD.findall(token if token.isascii() else _without_marks(token))


def word_spans(text: str, limit: int) -> Iterator[tuple[str, int, int]]:
    """Yield the words of the tokens of a text, each with its start and end in the text.

    >>> list(word_spans("A café!", 100))
    [('a', 0, 1), ('cafe', 2, 6), ('!', 6, 7)]
    """
    lower, indices = lowered(text[: limit * _CHARACTERS_PER_TOKEN])
    origins = indices.tolist()
    for token, _ in zip(_TOKEN.finditer(lower), range(limit), strict=False):
        yield from _words_in(token.group()[:_LONGEST_TOKEN], origins[token.start() : token.end()])


def _words_in(token: str, origins: Sequence[int]) -> Iterator[tuple[str, int, int]]:
    if not token.isascii():
        # Character by character: only marks, which are left out, depend on their neighbours.
        parts = [_without_marks(char) for char in token]
        origins = [origin for origin, part in zip(origins, parts, strict=False) for _ in part]
        token = "".join(parts)
    for found in _WORD.finditer(token):
        yield found.group(), origins[found.start()], origins[found.end() - 1] + 1


def _without_marks(text: str) -> str:
    decomposed = unicodedata.normalize("NFD", text)
    return "".join(sign for sign in decomposed if unicodedata.category(sign) != "Mn")
