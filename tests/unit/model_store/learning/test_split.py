"""The same fifth of the tasks is always held out, and missing annotations are counted."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_store.learning.split import (
    HELD_OUT,
    MIN_EXAMPLES,
    MIN_LABELS,
    MIN_PER_LABEL,
    folds,
    learnable,
    missing,
    sample,
)

LABELS = ("Praise", "Complaint")
FIRST = [0, 5, 18, 21, 22, 33, 36]
"""The held-out tasks of the project `host/1`."""


def of(project: str, count: int) -> list[int]:
    return list(map(int, folds(project, range(count), range(count))))


def test_each_fold_has_a_fifth_of_the_tasks() -> None:
    counts = Counter(of("7", 10_000))
    assert sorted(counts) == [0, 1, 2, 3, 4]
    assert all(count / 10_000 == pytest.approx(0.2, abs=0.015) for count in counts.values())


def test_a_held_out_task_stays_held_out() -> None:
    assert [task for task, fold in enumerate(of("host/1", 40)) if fold == HELD_OUT] == FIRST


def test_projects_hold_out_different_tasks() -> None:
    first, second = ({t for t, fold in enumerate(of(p, 1000)) if fold == 0} for p in ("1", "2"))
    assert len(first & second) < 100


def test_tasks_of_a_group_are_in_the_fold_of_the_lowest() -> None:
    alone = of("1", 10)
    assert folds("1", [9, 3, 7], [5, 5, 6]).tolist() == [alone[3], alone[3], alone[7]]


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


def test_a_rare_label_does_not_hold_up_the_others() -> None:
    assert missing({"Praise": 15, "Complaint": 5}, (*LABELS, "Question")) is None
    assert missing({"Praise": 14, "Complaint": 5, "Question": 1}, (*LABELS, "Question"))
    assert missing({"Praise": 40, "Question": 1}, (*LABELS, "Question"))


def test_of_thousands_of_labels_the_sentence_names_a_few() -> None:
    sentence = str(missing({}, [f"label {number}" for number in range(10_000)]))
    assert sentence.startswith("50000 more annotations are needed, 5 of them label 0, 5 of them")
    assert "5 of them label 9, 49950 of 9990 other labels: there are 0" in sentence


@given(st.lists(st.integers(0, 30), min_size=2, max_size=6))
def test_the_missing_annotations_are_enough_and_not_one_too_many(counts: list[int]) -> None:
    labels = [f"label {index}" for index in range(len(counts))]
    sentence = missing(dict(zip(labels, counts, strict=True)), labels)
    learned = [count for count in counts if count >= MIN_PER_LABEL]
    enough = sum(learned) >= MIN_EXAMPLES and len(learned) >= MIN_LABELS
    assert (sentence is None) == enough
    if sentence:
        more = int(sentence.split()[0])
        filled = [max(count, MIN_PER_LABEL) for count in counts]
        filled[0] += max(0, more - (sum(filled) - sum(counts)))
        assert sum(filled) - sum(counts) == more
        assert missing(dict(zip(labels, filled, strict=True)), labels) is None


def test_a_sample_of_few_tasks_is_all_of_them() -> None:
    assert sample("1.1", {3: {"kind": ("a",)}, 1: {"kind": ("b", "a")}}, 2) == [1, 3]


def test_a_sample_keeps_shares_and_rare_labels_and_most_of_itself() -> None:
    answers = {n: {"kind": ("rare" if n % 100 == 0 else "ab"[n % 2],)} for n in range(4000)}
    chosen = sample("1.1", answers, 1000)
    counts = Counter(answers[task]["kind"][0] for task in chosen)
    assert 1000 <= len(chosen) < 1050
    assert counts["rare"] == 40
    assert abs(counts["a"] - counts["b"]) < 100
    assert chosen == sorted(chosen)
    held_out = int((folds("1.1", chosen, chosen) == HELD_OUT).sum())
    assert abs(held_out - len(chosen) / 5) < 50
    more = answers | {n: {"kind": ("a",)} for n in range(4000, 4400)}
    assert len(set(sample("1.1", more, 1000)) & set(chosen)) > 850


def test_a_sample_stays_bounded_when_every_label_is_rare() -> None:
    assert len(sample("1.1", {n: {"kind": (str(n),)} for n in range(500)}, 100)) == 200


def test_of_several_labels_one_with_enough_tasks_with_it_and_without_is_enough() -> None:
    counts = {"Rude": 6, "Spam": 1}
    assert missing(counts, ("Rude", "Spam"), "multiple", 30) is None
    assert learnable(counts, ("Rude", "Spam"), "multiple", 30) == ["Rude"]
    assert missing(counts, ("Rude", "Spam"), "multiple", 19) == (
        "1 more annotation is needed: there are 19, and training takes 20"
    )
    assert missing({"Rude": 3}, ("Rude", "Spam"), "multiple", 30) == (
        "2 more annotations are needed with a label such as Rude: training takes 5 tasks with a "
        "label and 5 without it"
    )
    assert missing({"Rude": 28}, ("Rude",), "multiple", 30) == (
        "3 more annotations are needed without a label such as Rude: training takes 5 tasks with a "
        "label and 5 without it"
    )


def test_a_rating_is_learned_with_labels_that_are_rare() -> None:
    counts = {"1": 1, "2": 5, "3": 14}
    assert missing(counts, ("1", "2", "3", "4"), "rating") is None
    assert learnable(counts, ("1", "2", "3", "4"), "rating") == ["1", "2", "3", "4"]
    assert missing({"1": 20}, ("1", "2"), "rating")
