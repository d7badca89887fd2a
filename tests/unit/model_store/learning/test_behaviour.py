"""The suite of plain opinions that the gate puts to a head."""

from collections.abc import Callable, Sequence

from model_store.learning.behaviour import LABELS, run, suite
from model_store.model.classification import Classification


def answering(choose: Callable[[str], str]) -> Callable[[Sequence[str]], list[Classification]]:
    return lambda texts: [Classification(choose(text), 1.0, {}) for text in texts]


def test_its_texts_are_many_and_each_is_there_once() -> None:
    texts = [case.text for case in suite()]
    assert len(texts) == len(set(texts)) > 200
    assert {case.label for case in suite()} == set(LABELS)


def test_whoever_knows_the_labels_gets_all_of_them_right() -> None:
    known = {case.text: case.label for case in suite()}
    result = run(answering(known.__getitem__))
    assert result.share == 1.0
    assert result.failed == ()


def test_always_the_same_label_fails() -> None:
    assert run(answering(lambda _: "Positive")).share < 0.7
    assert run(answering(lambda _: "Negative")).share < 0.7


def test_what_fails_is_named_by_its_kind() -> None:
    known = {case.text: case.label for case in suite()}
    result = run(answering(lambda text: "Positive" if " not " in text else known[text]))
    assert result.failed == ("negation",)
