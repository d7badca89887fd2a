"""Text to tokens, exactly as torchtext's `basic_english` does it.

Not torchtext's own function: the same rules as plain string replacements take less than half its
time, and the server need not install torchtext. A test holds the two against each other.
"""

_SEPARATED = ("'", ".", ",", "(", ")", "!", "?")
_DROPPED = (";", ":")


def tokenize(text: str) -> list[str]:
    """Split `text` into lower-case tokens; punctuation marks become tokens of their own.

    Same result as `torchtext.data.utils.get_tokenizer("basic_english")` of torchtext 0.6.0.
    """
    text = text.lower().replace('"', "").replace("<br />", " ")
    for mark in _SEPARATED:
        text = text.replace(mark, f" {mark} ")
    for mark in _DROPPED:
        text = text.replace(mark, " ")
    return text.split()
