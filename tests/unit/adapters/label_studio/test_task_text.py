"""The rule that says what the text of a task is."""

from typing import Any

import pytest

from adapters.label_studio.labeling_config import ChoicesControl
from adapters.label_studio.task_text import NoTextError, task_text


def control(key: str = "review", *, is_html: bool = False) -> ChoicesControl:
    return ChoicesControl("sentiment", "text", key, is_html, (), {})


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("A film.", "A film."),
        (" padded ", " padded "),
        (7, "7"),
        (2.5, "2.5"),
        (["One.", "Two."], "One.\nTwo."),
        ("half \ud83d", "half \ud83d"),
        ("\0", "\0"),
    ],
)
def test_strings_numbers_and_lists_of_strings_are_text(value: Any, text: str) -> None:
    assert task_text({"review": value}, control()) == text


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("", "is empty"),
        (" \n\t", "is empty"),
        ([""], "is empty"),
        ([], "an empty list"),
        (["a", 1], "a list of other things"),
        (None, "null"),
        (True, "true or false"),
        ({"text": "secret"}, "an object"),
        (float("nan"), "no finite number"),
    ],
)
def test_anything_else_is_none_and_the_reason_never_quotes_it(value: Any, reason: str) -> None:
    with pytest.raises(NoTextError, match=reason) as caught:
        task_text({"review": value}, control())
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("data", [{}, {"text": "a"}, None, "review", ["review"], 3])
def test_data_without_the_key_is_no_text(data: Any) -> None:
    with pytest.raises(NoTextError, match='"review" is missing'):
        task_text(data, control())


def test_dots_lead_into_nested_objects_unless_the_key_has_them_itself() -> None:
    assert task_text({"page": {"body": "nested"}}, control("page.body")) == "nested"
    assert task_text({"page.body": "flat", "page": {}}, control("page.body")) == "flat"


def test_of_a_hypertext_only_what_a_reader_sees_is_text() -> None:
    html = "<style>p {}</style><p>Good &amp; <b>bad</b></p><script>x</script>"
    assert task_text({"review": html}, control(is_html=True)).split() == ["Good", "&", "bad"]


def test_a_hypertext_of_tags_alone_is_no_text() -> None:
    with pytest.raises(NoTextError, match="is empty"):
        task_text({"review": "<p><br/></p>"}, control(is_html=True))
