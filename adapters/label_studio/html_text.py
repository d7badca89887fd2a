"""The text of HTML, in time that is linear in its size, whatever it holds. Never fails.

Not Python's HTMLParser: it raises on some texts, and takes quadratic time for others. Where a
tag, a comment or a script begins and ends is what the HTML standard says of its tokenizer,
https://html.spec.whatwg.org/multipage/parsing.html#tokenization; what is not closed goes on to
the end, as in a browser.
"""

import html
import re

_ATTRIBUTE = r"""
    [ \t\n\f\r/]*+ [^ \t\n\f\r/>] [^ \t\n\f\r/>=]*+
    (?: [ \t\n\f\r]*+ = [ \t\n\f\r]*+ (?: "[^"]*+(?:"|\Z) | '[^']*+(?:'|\Z) | [^ \t\n\f\r>]*+ ) )?+
"""
_REST_OF_TAG = rf"(?:{_ATTRIBUTE})*+ [ \t\n\f\r/]*+ (?:>|\Z)"

# No quantifier gives back what it took, and each alternative goes to the end where nothing closes
# it: so every character is looked at a few times at most.
_MARKUP = re.compile(
    rf"""
    <!-- (?: -?> | .*? (?:--!?>|\Z) )
    | < (script|style) (?=[ \t\n\f\r/>]) {_REST_OF_TAG} .*? (?= </\1[ \t\n\f\r/>] | \Z )
    | </?+ [a-z] [^ \t\n\f\r/>]*+ {_REST_OF_TAG}
    | < (?: [!?] | /(?![a-z]|\Z) ) [^>]*+ (?:>|\Z)
    """,
    re.ASCII | re.DOTALL | re.IGNORECASE | re.VERBOSE,
)
_NUMBER = re.compile("&#0*([0-9]{1,8})[0-9]*")


def text_of(markup: str) -> str:
    """What a reader of the page would see; between words are as many blanks as there is markup."""
    text = _MARKUP.sub(" ", markup)
    # A number of thousands of digits is an error for Python; eight are enough for no character.
    return html.unescape(_NUMBER.sub(r"&#\1", text))
