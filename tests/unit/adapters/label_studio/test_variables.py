"""Variables of a labeling config, as the editor of Label Studio looks them up."""

from typing import Any

import pytest

from adapters.label_studio.editor.variables import is_one_variable, look_up, variables_in

DATA: dict[str, Any] = {
    "items": [{"body": "first"}, {"body": "second"}],
    "grid": [["a", "b"]],
    "a.b": "flat",
    "a": {"b": "nested", "0": "zero"},
    "größe": "with an umlaut",
}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("items[0].body", "first"),
        ("items[1].body", "second"),
        ("items.1.body", "second"),
        ("grid[0][1]", "b"),
        ("a.b", "flat"),
        ("a[0]", "zero"),
        ("größe", "with an umlaut"),
    ],
)
def test_a_path_leads_into_objects_and_lists(name: str, value: str) -> None:
    assert look_up(DATA, name) == value


@pytest.mark.parametrize(
    "name", ["items[2].body", "items[-1].body", "items.body", "a.c", "a.b.c", "[]", "", "items[²]"]
)
def test_a_path_to_nothing_is_a_key_error(name: str) -> None:
    with pytest.raises(KeyError):
        look_up(DATA, name)


@pytest.mark.parametrize("data", [None, [], "text", 3])
def test_data_that_is_no_object_has_no_fields(data: Any) -> None:
    with pytest.raises(KeyError):
        look_up(data, "review")


def test_a_value_is_one_variable_or_a_text_with_variables() -> None:
    assert is_one_variable("$items[0].body")
    assert not is_one_variable("Review: $review")
    assert variables_in("$title: $page.body (US$ 5)") == ["title", "page.body"]
