"""Which values of a task are text, and which texts are skipped."""

from typing import Any

import pytest

from adapters.label_studio.controls import Control
from adapters.label_studio.controls.choices import Choices
from adapters.label_studio.task_text import NoTextError, Skipped, Subject, subjects, task_text


def control(key: str = "review", *, is_html: bool = False) -> Control:
    return Choices("sentiment", "text", key, is_html, (), {})


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
        (float("nan"), "NaN or an infinite number"),
    ],
)
def test_other_values_are_rejected_without_quoting_them(value: Any, reason: str) -> None:
    with pytest.raises(NoTextError, match=reason) as caught:
        task_text({"review": value}, control())
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("data", [{}, {"text": "a"}, None, "review", ["review"], 3])
def test_data_without_the_key_has_no_text(data: Any) -> None:
    with pytest.raises(NoTextError, match='"review" is missing'):
        task_text(data, control())


def test_dots_lead_into_nested_objects_unless_a_key_contains_them() -> None:
    assert task_text({"page": {"body": "nested"}}, control("page.body")) == "nested"
    assert task_text({"page.body": "flat", "page": {}}, control("page.body")) == "flat"


def test_the_text_of_html_is_the_text_that_a_browser_shows() -> None:
    html = "<style>p {}</style><p>Good &amp; <b>bad</b></p><script>x</script>"
    assert task_text({"review": html}, control(is_html=True)).split() == ["Good", "&", "bad"]


def test_html_without_visible_text_is_empty() -> None:
    with pytest.raises(NoTextError, match="is empty"):
        task_text({"review": "<p><br/></p>"}, control(is_html=True))


def test_each_control_of_each_task_is_a_subject_or_is_skipped_with_a_reason() -> None:
    title, body = control("title"), control("body")
    found, skipped = subjects([{"title": "a", "body": "b"}, {"title": " "}, None], [title, body])
    assert found == [Subject(0, title, "a"), Subject(0, body, "b")]
    assert skipped == [
        Skipped(1, "empty", 'data key "title" is empty'),
        Skipped(1, "missing", 'data key "body" is missing'),
        Skipped(2, "missing", 'data key "title" is missing'),
        Skipped(2, "missing", 'data key "body" is missing'),
    ]
