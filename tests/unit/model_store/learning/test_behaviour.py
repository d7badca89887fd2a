"""The behaviour suite passes a model that understands plain opinions, and no other."""

from collections.abc import Callable, Sequence

from model_store.learning.behaviour import LABELS, run, suite
from model_store.model.classification import Classification


def answering(choose: Callable[[str], str]) -> Callable[[Sequence[str]], list[Classification]]:
    return lambda texts: [Classification(choose(text), 1.0, {}) for text in texts]


def test_its_texts_are_many_and_different() -> None:
    texts = [case.text for case in suite()]
    assert len(texts) == len(set(texts)) > 200
    assert {case.label for case in suite()} == set(LABELS)


def test_right_labels_pass() -> None:
    known = {case.text: case.label for case in suite()}
    result = run(answering(known.__getitem__))
    assert result.share == 1.0
    assert result.failed == ()


def test_one_label_for_every_text_fails() -> None:
    assert run(answering(lambda _: "Positive")).share < 0.7
    assert run(answering(lambda _: "Negative")).share < 0.7


def test_failed_kinds_are_named() -> None:
    known = {case.text: case.label for case in suite()}
    result = run(answering(lambda text: "Positive" if " not " in text else known[text]))
    assert result.failed == ("negation",)
