"""Text to tokens, exactly as torchtext's `basic_english` does it.

Not torchtext's own function: the same rules as plain string replacements take less than half its
time, and the server need not install torchtext. A test holds the two against each other.
"""

_SEPARATED = ("'", ".", ",", "(", ")", "!", "?")
_DROPPED = (";", ":")
_CHARACTERS_PER_TOKEN = 16


def tokenize(text: str, limit: int | None = None) -> list[str]:
    """Split `text` into lower-case tokens; punctuation marks become tokens of their own.

    Same result as `torchtext.data.utils.get_tokenizer("basic_english")` of torchtext 0.6.0; of its
    tokens, the first `limit`.
    """
    if limit is not None and len(text) > limit * _CHARACTERS_PER_TOKEN:
        head = _split(text[: limit * _CHARACTERS_PER_TOKEN])
        # Cut inside of a `<br />` or a word, its last two tokens can be others than those of the
        # whole.
        if len(head) >= limit + 2:
            return head[:limit]
    return _split(text)[:limit]


def _split(text: str) -> list[str]:
    text = text.lower().replace('"', "").replace("<br />", " ")
    for mark in _SEPARATED:
        text = text.replace(mark, f" {mark} ")
    for mark in _DROPPED:
        text = text.replace(mark, " ")
    return text.split()
