"""Split texts into words and punctuation marks, for the static embedding and the n-grams."""

import re
import unicodedata

_CHARACTERS_PER_WORD = 16
# Signs of Chinese and Japanese are words of their own, as for BERT's tokenizer.
_WORD = re.compile(
    r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]|[^\W_\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]+|[^\w\s]|_"
)


def words(text: str, limit: int) -> list[str]:
    """Return the first `limit` words and punctuation marks, in lower case without accents.

    >>> words("It's a café_bar!", 100)
    ['it', "'", 's', 'a', 'cafe', '_', 'bar', '!']
    """
    text = text[: limit * _CHARACTERS_PER_WORD].lower()
    if not text.isascii():
        decomposed = unicodedata.normalize("NFD", text)
        text = "".join(sign for sign in decomposed if unicodedata.category(sign) != "Mn")
    return _WORD.findall(text)[:limit]
