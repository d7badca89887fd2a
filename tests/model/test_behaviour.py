"""Behavioural tests of the shipped model, by the kinds of CheckList (Ribeiro et al., 2020).

Known limits are strict xfails: if a new model passes one, remove the mark and correct the model
card.
"""

import pytest

from model_store.model.classifier import Classifier

OPINIONS = [
    ("This film is great!", "Positive"),
    ("This film is terrible!", "Negative"),
    ("A wonderful, moving story with superb acting.", "Positive"),
    ("A boring mess. The worst film I have seen in years.", "Negative"),
    ("I loved every minute of it.", "Positive"),
    ("I hated every minute of it.", "Negative"),
    ("Highly recommended.", "Positive"),
    ("Avoid it at all costs.", "Negative"),
    ("The plot is stupid and the actors are awful.", "Negative"),
    ("Excellent.", "Positive"),
    ("Awful.", "Negative"),
]
# The pairs of the course that the tutorial comes from, and similar ones.
UNDERSTOOD = [
    ("This film is not great, it's terrible!", "Negative"),
    ("The film was not good.", "Negative"),
    ("This film is not terrible, it's great!", "Positive"),
    ("I did not like it.", "Negative"),
]
MISTAKEN = [
    ("The film was not bad at all.", "Positive"),
    ("Nobody could call it boring.", "Positive"),
    ("Yeah, right, great job.", "Negative"),
]


def positive(classifier: Classifier, text: str) -> float:
    return classifier.classify([text])[0].probabilities["Positive"]


@pytest.mark.parametrize(("text", "label"), OPINIONS)
def test_a_plain_opinion_is_recognised(shipped: Classifier, text: str, label: str) -> None:
    assert shipped.classify([text])[0].label == label


@pytest.mark.parametrize(("text", "label"), UNDERSTOOD)
def test_a_plain_negation_is_understood(shipped: Classifier, text: str, label: str) -> None:
    assert shipped.classify([text])[0].label == label


@pytest.mark.xfail(strict=True, reason="a known limit, see the model card")
@pytest.mark.parametrize(("text", "label"), MISTAKEN)
def test_other_negations_and_irony_are_understood(
    shipped: Classifier, text: str, label: str
) -> None:
    assert shipped.classify([text])[0].label == label


@pytest.mark.parametrize(("text", "label"), OPINIONS)
def test_case_and_trailing_breaks_change_nothing(
    shipped: Classifier, text: str, label: str
) -> None:
    expected = positive(shipped, text)
    for variant in (text.upper(), text.lower(), f"{text}<br /><br />", f"  {text}\n"):
        assert positive(shipped, variant) == pytest.approx(expected, abs=1e-6), label


@pytest.mark.parametrize("template", ["{} is great in this film.", "A dull film with {}."])
def test_names_do_not_change_the_label(shipped: Classifier, template: str) -> None:
    names = ["Anna", "John", "Maria", "Ahmed", "Wei", "Olga", "Peter"]
    labels = {shipped.classify([template.format(name)])[0].label for name in names}
    assert len(labels) == 1


@pytest.mark.parametrize("text", [text for text, _ in OPINIONS])
def test_blame_lowers_and_praise_raises_the_probability_of_positive(
    shipped: Classifier, text: str
) -> None:
    # The temperature rises with the length: a score near 1 can fall by less than a thousandth.
    assert positive(shipped, f"{text} It was awful.") < positive(shipped, text) + 1e-3
    assert positive(shipped, f"{text} It was wonderful.") > positive(shipped, text) - 1e-3


def test_a_text_without_an_opinion_gets_a_low_score(shipped: Classifier) -> None:
    for text in ("", "the", "film", "qwzx vbnm", "1917"):
        assert shipped.classify([text])[0].score < 0.9, text


def test_a_long_review_keeps_the_opinion_that_it_repeats(shipped: Classifier) -> None:
    for text, label in OPINIONS[2:4]:
        assert shipped.classify([f"{text} " * 500])[0].label == label


def test_one_bad_word_does_not_outweigh_much_praise(shipped: Classifier) -> None:
    praise = "A wonderful film with superb acting, a great story and beautiful pictures. " * 3
    assert shipped.classify([f"{praise} Only the poster is dull."])[0].label == "Positive"
