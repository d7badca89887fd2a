"""Copies of a text are found, and different texts are not taken for copies."""

from hypothesis import given
from hypothesis import strategies as st

from model_store.learning.duplicates import near_duplicates

REVIEW = "A long review of a film that nobody has seen, written by somebody who has not, either."


def test_copies_with_small_changes_are_one_group_and_other_texts_are_not() -> None:
    texts = [
        REVIEW,
        "What time is it?",
        REVIEW.replace("nobody", "no one").upper() + " Great!",
        "What time is lunch there?",
        "what time is it",
        "",
    ]
    groups = near_duplicates(texts).tolist()
    assert groups[0] == groups[2]
    assert groups[1] == groups[4]
    assert len(set(groups)) == 4


@given(st.lists(st.text(max_size=20), max_size=8))
def test_equal_texts_are_always_one_group(texts: list[str]) -> None:
    groups = near_duplicates([*texts, *texts])
    assert len(groups) == 2 * len(texts)
    assert groups[: len(texts)].tolist() == groups[len(texts) :].tolist()
