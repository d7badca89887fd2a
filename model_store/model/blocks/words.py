"""Split texts into words and punctuation marks, for the static embedding and the n-grams.

In two steps: what a token between blanks consists of need not be found out again for each text.
"""

import re
import unicodedata

_CHARACTERS_PER_TOKEN = 16
_LONGEST_TOKEN = 200
"""Characters of a token: tables of tokens stay small."""
# Signs of Chinese and Japanese are words of their own, as for BERT's tokenizer.
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
    if not token.isascii():
        decomposed = unicodedata.normalize("NFD", token)
        token = "".join(sign for sign in decomposed if unicodedata.category(sign) != "Mn")
    return _WORD.findall(token)
