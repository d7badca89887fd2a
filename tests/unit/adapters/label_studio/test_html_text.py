"""The text of HTML, compared with Python's parser on well-formed markup."""

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.label_studio.editor.html_text import located_text, visible_text


class Reference(HTMLParser):
    """Collects the text that a reader of the page sees."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._hidden = ""

    def handle_starttag(self, tag: str, _: list[tuple[str, str | None]]) -> None:
        if tag in ("script", "style"):
            self._hidden = tag
        self._separate(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag == self._hidden:
            self._hidden = ""
        self._separate(tag)

    def _separate(self, tag: str) -> None:
        if tag in ("p", "div", "h1", "br", "hr"):
            self.parts.append(" ")

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.parts.append(data)


def parsed(markup: str) -> list[str]:
    """Return the words that Python's parser finds."""
    reference = Reference()
    reference.feed(markup)
    reference.close()
    return "".join(reference.parts).split()


WORDS = st.text("abc üß&;#1/=\"'!?-\n", max_size=8)
ATTRIBUTES = st.sampled_from(
    ["", " a", " a=b", " a = 'x>y'", ' a="<b>" c', "\nhref=http://a/b", " /a", " /a", ' a="it\'s" ']
)
CLOSED = st.sampled_from(
    [
        "<!-- a > b -->",
        "<!DOCTYPE html>",
        "<?xml a?>",
        "<br/>",
        "</i>",
        "<hr>",
        "&amp;",
        "&lt;b&gt;",
    ]
)
SNIPPETS = st.recursive(
    WORDS | CLOSED,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4).map("".join),
        st.builds(
            "<{0}{1}>{2}</{0}>".format,
            st.sampled_from(["p", "DIV", "h1", "x-y", "B"]),
            ATTRIBUTES,
            inner,
        ),
        st.builds(
            "<{0}{1}>{2}</{0}\n>".format, st.sampled_from(["script", "Style"]), ATTRIBUTES, WORDS
        ),
    ),
)


@given(SNIPPETS)
def test_well_formed_markup_gives_the_text_that_pythons_parser_finds(markup: str) -> None:
    assert visible_text(markup).split() == parsed(markup)


@given(st.text("<>/!?-=\"'&#;[] \na1", max_size=40))
def test_any_markup_gives_a_text(markup: str) -> None:
    assert isinstance(visible_text(markup), str)


@pytest.mark.parametrize(
    ("markup", "words"),
    [
        ("1 < 2 <3 a<", "1 < 2 <3 a<"),
        ("a </ b> c </> d </", "a c d </"),
        ("good <![x[ bad", "good"),
        ("good <![CDATA[ bad ]]> film", "good film"),
        ("good <!-- bad", "good"),
        ("a <!--> b <!---> c <!-- > --!> d", "a b c d"),
        ("good <a href='bad> film", "good"),
        ("good <a b", "good"),
        ("<a title=it's>good</a> <a \">film</a>", "good film"),
        ('<a ="x>good', "good"),
        ("good <script>bad", "good"),
        ("<script>'<p>' </scripts> bad</SCRIPT >good", "good"),
        ("<scripts>good</scripts>", "good"),
        ("<p>A dread<b>ful</b> film.</p>", "A dreadful film."),
        (
            "un<B>believ</B>able dread<wbr>ful aw&shy;ful b<!-- x -->ad po<x-y>or</x-y>",
            "unbelievable dreadful awful bad poor",
        ),
        ("dull\u00adness gr&ZeroWidthSpace;im f<span\n>i</span\n>lm", "dullness grim film"),
        ("<p>one</p>two<br>three<div>four</div>five<hr/>six", "one two three four five six"),
        ("<table><tr><td>a<td>b<tr><th>c</table><ul><li>d<li>e</ul><h1>f</h1>g", "a b c d e f g"),
        ("<title>bad</title>go<title/>bad</TITLE >od", "good"),
        ("go<template>bad <template>bad</template> bad</template>od", "good"),
        ("go<noscript><p>bad</p></noscript>od<noscript>bad", "good"),
        ("go<textarea rows=3><p>bad</textarea>od <template/>bad", "good"),
        ("go<select><option>bad<option>bad</select>od<iframe src=x>bad</iframe>", "good"),
        ("</template>good </noscript>film <templates>too</templates>", "good film too"),
        ("&eacute; &#233; &#0000233; &amp;lt;", "é é é &lt;"),
        ("&#" + "9" * 5000 + "; &#" + "0" * 5000 + "65;", "\ufffd A"),
    ],
)
def test_tags_comments_and_references_follow_the_html_standard(markup: str, words: str) -> None:
    assert visible_text(markup).split() == words.split()


@pytest.mark.parametrize(
    "part",
    [
        *("<", "<a ", "<a/", "<a =", "<a b='", '<a b="x" ', "<a><b>", "</", "</a", "<!", "<?"),
        *("<!--", "<!-- --", "<![x[", "<script>", "<script></script>", "<style>x</style", "&#0"),
    ],
)
@pytest.mark.parametrize("start", ["", "<script>", "<a b='", "<!--"])
def test_megabytes_of_unclosed_markup_take_linear_time(start: str, part: str) -> None:
    # In quadratic time each of these would take hours.
    visible_text(start + part * (2_000_000 // len(part)))


@pytest.mark.parametrize("part", ["</a ", "</textarea", "<style>", "</style", "a<b>", "&amp;"])
@pytest.mark.parametrize("start", ["", "<style>", "<textarea>"])
def test_places_in_megabytes_of_unclosed_markup_take_linear_time(start: str, part: str) -> None:
    located_text(start + part * (1_000_000 // len(part)))
