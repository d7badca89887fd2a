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
    | < (?=[inst]) (iframe|noembed|noframes|script|style|textarea|title) (?=[ \t\n\f\r/>])
      {_REST_OF_TAG} .*? (?: </\1 (?=[ \t\n\f\r/>]) {_REST_OF_TAG} | \Z )
    | < (/?+ [a-z] [^ \t\n\f\r/>]*+) {_REST_OF_TAG}
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
    found = _MARKUP.split(markup)  # A text, the names of two groups, a text, and so on.
    texts = found[::3]
    tags = [tag.lower() if tag else "" for tag in found[2::3]]
    if not _HIDDEN.isdisjoint(tags):
        _hide(texts, tags)
    separator = {tag: " " if tag.lstrip("/") in _BLOCKS else "" for tag in set(tags)}
    pieces = [""] * (len(texts) + len(tags))
    pieces[::2] = texts
    pieces[1::2] = [separator[tag] for tag in tags]
    # Python refuses to parse thousands of digits. No character has more than eight.
    text = html.unescape(_NUMBER.sub(r"&#\1", "".join(pieces)))
    return _INVISIBLE.sub("", text)


def _hide(texts: list[str], tags: list[str]) -> None:
    """Empty the texts and tags inside of hidden elements.

    tags: the tag before each text but the first.
    """
    hidden, depth = "", 0
    for position, tag in enumerate(tags):
        if hidden:
            depth += (tag == hidden) - (tag == f"/{hidden}")
            hidden = hidden if depth else ""
            tags[position] = ""
        elif tag in _HIDDEN:
            hidden, depth = tag, 1
        if hidden:
            texts[position + 1] = ""
