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
_OF_HEAD = frozenset(("", "html", "head", "/head", "base", "link", "meta"))
_WITHOUT_FIRST_LINE = frozenset(("pre", "listing"))
_COUNTED = frozenset(("style", "textarea", "title"))
"""Elements whose content the editor counts; it removes scripts and embedded documents."""
_START_TAG = re.compile(rf"<[a-z]+ {_REST_OF_TAG}", re.ASCII | re.IGNORECASE | re.VERBOSE)
_BLANKS = " \t\n\f\r"
_HIDDEN = frozenset(("audio", "canvas", "datalist", "noscript", "select", "template", "video"))


def visible_text(markup: str) -> str:
    """Return the text of HTML that a reader sees, with blanks between blocks but not inside words.

    Never fails, and takes time linear in the size.

    >>> visible_text("<p>A dread<b>ful</b> film.</p>").strip()
    'A dreadful film.'
    """
    texts, tags = _split(markup)
    if not _HIDDEN.isdisjoint(tags):
        _hide(texts, tags)
    separator = {tag: " " if tag.lstrip("/") in _BLOCKS else "" for tag in set(tags)}
    pieces = [""] * (len(texts) + len(tags))
    pieces[::2] = texts
    pieces[1::2] = [separator[tag] for tag in tags]
    return _INVISIBLE.sub("", _unescaped("".join(pieces)))


def located_text(markup: str) -> tuple[str, list[int]]:
    """Return `visible_text`, and where the editor of Label Studio counts each of its characters.

    The editor counts the code points of all texts in the body of the document that a browser makes,
    visible or not, and one for each `<br>`. Offsets: (characters,), or empty where a tag divides an
    entity.

    >>> located_text("<p>Tom &amp; Jerry</p>A<br>b")
    (' Tom & Jerry A b', [0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 11, 12, 13])
    """
    texts, tags = _split(markup)
    counted = [_counted(found) for found in _MARKUP.finditer(markup)]
    shown, separators = list(texts), list(tags)
    _hide(shown, separators)
    characters: list[str] = []
    offsets: list[int] = []
    count, in_body = 0, False
    for index, raw in enumerate(texts):
        text, before = _unescaped(raw), 0
        if index:
            tag = tags[index - 1]
            if separators[index - 1].lstrip("/") in _BLOCKS:
                characters.append(" ")
                offsets.append(count)
            in_body = in_body or tag not in _OF_HEAD
            count += counted[index - 1] if in_body else 0
            if tag in _WITHOUT_FIRST_LINE:
                before = len(text) - len(text.removeprefix("\r").removeprefix("\n"))
        if not in_body and text:
            before = len(text) - len(text.lstrip(_BLANKS))
            in_body = before < len(text)
        for place, char in enumerate(text):
            if shown[index]:
                characters.append(char)
                offsets.append(count)
            count += place >= before and char != "\r"  # a browser reads CR LF as LF
    visible = visible_text(markup)
    kept = [index for index, char in enumerate(characters) if not _INVISIBLE.match(char)]
    if visible != "".join([characters[index] for index in kept]):
        return visible, []
    return visible, [offsets[index] for index in kept]


def _counted(found: re.Match[str]) -> int:
    """Return how many characters the editor counts for a piece of markup."""
    name = (found[1] or found[2] or "").lower()
    if name == "br":
        return 1
    if name not in _COUNTED:
        return 0
    content = _START_TAG.sub("", found[0], count=1)
    content = content[: content.lower().rfind(f"</{name}")]
    content = content.removeprefix("\n" if name == "textarea" else "")
    return len(content if name == "style" else _unescaped(content))


def _split(markup: str) -> tuple[list[str], list[str]]:
    """Return the texts of HTML, and the tag before each but the first, in lower case."""
    found = _MARKUP.split(markup)  # A text, the names of two groups, a text, and so on.
    return found[::3], [tag.lower() if tag else "" for tag in found[2::3]]


def _unescaped(text: str) -> str:
    # Python refuses to parse thousands of digits. No character has more than eight.
    return html.unescape(_NUMBER.sub(r"&#\1", text))


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
