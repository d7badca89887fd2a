"""The same fifth of the tasks is always held out, and missing annotations are counted."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_store.learning.split import MIN_EXAMPLES, MIN_PER_LABEL, is_held_out, missing

LABELS = ("Praise", "Complaint")
HELD_OUT = [0, 5, 18, 21, 22, 33, 36]


def test_a_fifth_of_the_tasks_is_held_out() -> None:
    share = sum(is_held_out("7", task) for task in range(10_000)) / 10_000
    assert share == pytest.approx(0.2, abs=0.015)


def test_a_held_out_task_stays_held_out() -> None:
    assert [task for task in range(40) if is_held_out("host/1", task)] == HELD_OUT


def test_projects_hold_out_different_tasks() -> None:
    first, second = ({t for t in range(1000) if is_held_out(p, t)} for p in ("1", "2"))
    assert len(first & second) < 100


def test_twenty_examples_with_five_of_each_label_are_enough() -> None:
    assert missing({"Praise": 15, "Complaint": 5}, LABELS) is None


def test_the_sentence_says_how_many_of_which_label_are_missing() -> None:
    assert missing({"Praise": 30, "Complaint": 2}, LABELS) == (
        "3 more annotations are needed, 3 of them Complaint: "
        "there are 32, and training takes 20, with 5 of each label"
    )
    assert missing({}, LABELS) == (
        "20 more annotations are needed, 5 of them Praise, 5 of them Complaint, 10 of any label: "
        "there are 0, and training takes 20, with 5 of each label"
    )
    assert str(missing({"Praise": 9, "Complaint": 10}, LABELS)).startswith(
        "1 more annotation is needed: there are 19"
    )


@given(st.lists(st.integers(0, 30), min_size=2, max_size=6))
def test_the_missing_annotations_are_enough_and_not_one_too_many(counts: list[int]) -> None:
    labels = [f"label {index}" for index in range(len(counts))]
    sentence = missing(dict(zip(labels, counts, strict=True)), labels)
    enough = sum(counts) >= MIN_EXAMPLES and min(counts) >= MIN_PER_LABEL
    assert (sentence is None) == enough
    if sentence:
        more = int(sentence.split()[0])
        filled = [max(count, MIN_PER_LABEL) for count in counts]
        filled[0] += max(0, more - (sum(filled) - sum(counts)))
        assert sum(filled) - sum(counts) == more
        assert missing(dict(zip(labels, filled, strict=True)), labels) is None
