"""Find the text of HTML that a reader sees.

Python's HTMLParser raises on some texts and takes quadratic time for others. The rules for where a
tag, a comment or a script begins and ends are those of the HTML standard,
https://html.spec.whatwg.org/multipage/parsing.html#tokenization. What is never closed extends to
the end, as in a browser.
"""

import html
import re

_ATTRIBUTE = r"""
    [ \t\n\f\r/]*+ [^ \t\n\f\r/>] [^ \t\n\f\r/>=]*+
    (?: [ \t\n\f\r]*+ = [ \t\n\f\r]*+ (?: "[^"]*+(?:"|\Z) | '[^']*+(?:'|\Z) | [^ \t\n\f\r>]*+ ) )?+
"""
_REST_OF_TAG = rf"(?:{_ATTRIBUTE})*+ [ \t\n\f\r/]*+ (?:>|\Z)"

# Possessive quantifiers never backtrack, and each alternative matches to the end where nothing
# closes it: each character is read only a few times.
_MARKUP = re.compile(
    rf"""
    <!-- (?: -?> | .*? (?:--!?>|\Z) )
    | < (script|style|textarea|title|iframe|noembed|noframes) (?=[ \t\n\f\r/>]) {_REST_OF_TAG}
      .*? (?: </\1 (?=[ \t\n\f\r/>]) {_REST_OF_TAG} | \Z )
    | < (?P<end>/?+) (?P<name>[a-z][^ \t\n\f\r/>]*+) {_REST_OF_TAG}
    | < (?: [!?] | /(?![a-z]|\Z) ) [^>]*+ (?:>|\Z)
    """,
    re.ASCII | re.DOTALL | re.IGNORECASE | re.VERBOSE,
)
_NUMBER = re.compile("&#0*([0-9]{1,8})[0-9]*")
# Characters that only allow or forbid a line break: they are invisible and split no word.
_INVISIBLE = re.compile("[\u00ad\u200b\u2060\ufeff]")

# Elements that a browser shows as blocks, lines or cells of their own:
# https://html.spec.whatwg.org/multipage/rendering.html
_BLOCK_NAMES = """
    address article aside blockquote body br caption center col colgroup dd details dialog dir div
    dl dt fieldset figcaption figure footer form frameset h1 h2 h3 h4 h5 h6 head header hgroup hr
    html legend li listing main menu nav ol optgroup option p plaintext pre search section summary
    table tbody td tfoot th thead tr ul xmp
"""
_BLOCKS = frozenset(_BLOCK_NAMES.split())
_HIDDEN = frozenset(("audio", "canvas", "datalist", "noscript", "select", "template", "video"))


def visible_text(markup: str) -> str:
    """Return the text of HTML that a reader sees, with blanks between blocks but not inside words.

    Never fails, and takes time linear in the size.

    >>> visible_text("<p>A dread<b>ful</b> film.</p>").strip()
    'A dreadful film.'
    """
    parts: list[str] = []
    end = depth = 0
    hidden = ""
    for found in _MARKUP.finditer(markup):
        if not hidden:
            parts.append(markup[end : found.start()])
        end = found.end()
        name = (found["name"] or "").lower()
        if hidden:
            depth += 0 if name != hidden else -1 if found["end"] else 1
            hidden = hidden if depth else ""
        elif name in _BLOCKS:
            parts.append(" ")
        elif name in _HIDDEN and not found["end"]:
            hidden, depth = name, 1
    if not hidden:
        parts.append(markup[end:])
    # Python refuses to parse thousands of digits. No character has more than eight.
    text = html.unescape(_NUMBER.sub(r"&#\1", "".join(parts)))
    return _INVISIBLE.sub("", text)
