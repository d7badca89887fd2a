"""Which values of a task are text, and which texts are skipped."""

import base64
from typing import Any

import pytest

from adapters.label_studio.controls import Control
from adapters.label_studio.controls.choices import Choices
from adapters.label_studio.task_text import NoTextError, Skipped, Subject, subjects, task_text


def control(
    key: str = "review", *, is_html: bool = False, template: str = "", encoding: str = ""
) -> Control:
    return Choices("sentiment", "text", key, is_html, (), {}, template, encoding)


def encoded(content: bytes) -> str:
    return base64.b64encode(content).decode()


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


def test_indices_lead_into_lists() -> None:
    data = {"items": [{"body": "first"}, {"body": "second"}]}
    assert task_text(data, control("items[1].body")) == "second"
    with pytest.raises(NoTextError, match=r'"items\[2\].body" is missing'):
        task_text(data, control("items[2].body"))


def test_variables_in_a_text_are_replaced() -> None:
    around = control("review", template="Review: $review")
    assert task_text({"review": "A."}, around) == "Review: A."
    both = control("title: $page.body!", template="$title: $page.body!")
    assert task_text({"title": "A", "page": {"body": "b"}}, both) == "A: b!"
    assert task_text({"title": 3, "page": {"body": ["b", "c"]}}, both) == "3: b\nc!"
    with pytest.raises(NoTextError, match=r'"page\.body" is missing'):
        task_text({"title": "A"}, both)
    with pytest.raises(NoTextError, match="is empty"):
        task_text({"title": "", "page": {"body": " "}}, both)


def test_a_field_whose_name_contains_blanks_goes_before_variables() -> None:
    named = control("my review", template="$my review")
    assert task_text({"my review": "A film."}, named) == "A film."
    assert task_text({"my": "A"}, named) == "A review"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (encoded(b"A dreadful film."), "A dreadful film."),
        (encoded("Größe – schön".encode()), "Größe – schön"),
        ("QSBmaWxtLg", "A film."),
        ("QSBm\naWxt Lg==\n", "A film."),
    ],
)
@pytest.mark.parametrize("encoding", ["base64", "base64unicode"])
def test_base64_is_decoded(value: str, text: str, encoding: str) -> None:
    assert task_text({"review": value}, control(encoding=encoding)) == text


def test_base64_of_bytes_that_are_not_utf8_is_latin_1_as_in_the_editor() -> None:
    value = encoded("schön".encode("latin-1"))
    assert task_text({"review": value}, control(encoding="base64")) == "schön"
    with pytest.raises(NoTextError, match="not text in base64unicode"):
        task_text({"review": value}, control(encoding="base64unicode"))


@pytest.mark.parametrize("value", ["A secret!", "QSBmaWxtLg__", "5", 5, "schön"])
def test_a_field_that_is_not_base64_has_no_text(value: Any) -> None:
    with pytest.raises(NoTextError, match='"review" is not text in base64') as caught:
        task_text({"review": value}, control(encoding="base64"))
    assert "secret" not in str(caught.value)


def test_the_reason_shows_the_name_of_a_field_on_one_line() -> None:
    with pytest.raises(NoTextError) as caught:
        task_text({}, control("a\nforged line " + "x" * 100))
    assert str(caught.value).isprintable()


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
