"""Which labeling configs are served, and which problems the others get."""

from pathlib import Path

import pytest

from adapters.label_studio.controls.choices import Choices
from adapters.label_studio.labeling_config import Labels, parse

LABELS = ("Negative", "Positive")
EXAMPLE = Path(__file__).parents[4] / "examples" / "labeling_interface.xml"


def choices(inner: str, attributes: str = "") -> str:
    return (
        f'<View><Text name="text" value="$review"/>'
        f'<Choices name="sentiment" toName="text" {attributes}>{inner}</Choices></View>'
    )


BOTH = '<Choice value="Positive"/><Choice value="Negative"/>'


def test_the_example_interface_is_served() -> None:
    config = parse(EXAMPLE.read_text(), Labels(LABELS))
    assert config.problems == ()
    assert config.controls == (
        Choices(
            name="sentiment",
            to_name="text",
            data_key="review",
            is_html=False,
            options=("Positive", "Negative"),
            option_of={"Positive": "Positive", "Negative": "Negative"},
        ),
    )


@pytest.mark.parametrize(
    "xml",
    [
        choices(BOTH) + "<!-- {\n 'data': {'text': '<b>'}\n} -->",
        '<?xml version="1.0" encoding="utf-8"?>' + choices(BOTH),
        "<!-- first -->\n" + choices("<!-- in between -->" + BOTH),
        choices(f'<View style="x"><Header value="h"/><View>{BOTH}</View></View>'),
        f"<View><Unknown/><Style>.a {{ color: red }}</Style>{choices(BOTH)}</View>",
        choices(BOTH, 'choice="multiple" showInLine="true" required="true"'),
        choices(BOTH).replace("Choice", "choice").replace("Text", "text"),
        choices(BOTH).replace('toName="text"', 'toName="image,text"'),
    ],
)
def test_variations_around_the_same_control_are_served(xml: str) -> None:
    config = parse(xml, Labels(LABELS))
    assert [control.name for control in config.controls] == ["sentiment"]


@pytest.mark.parametrize(
    ("inner", "stored"),
    [
        (BOTH, ("Negative", "Positive")),
        ('<Choice value="positive"/><Choice value="NEGATIVE"/>', ("NEGATIVE", "positive")),
        (
            (
                '<Choice value="Good" predicted_values="pos, Positive"/>'
                '<Choice value="Bad" predicted_values="Negative,neg"/>'
            ),
            ("Bad", "Good"),
        ),
        (
            '<Choice value="Good" alias="positive"/><Choice value="Bad" alias="Negative"/>',
            ("Negative", "positive"),
        ),
        (
            '<Choice value="Positive" alias="pos"/><Choice value="Negative" alias="neg"/>',
            ("neg", "pos"),
        ),
        # predicted_values go before names: these two are swapped on purpose.
        (
            (
                '<Choice value="Positive" predicted_values="Negative"/>'
                '<Choice value="Negative" predicted_values="Positive"/>'
            ),
            ("Positive", "Negative"),
        ),
    ],
)
def test_choices_are_matched_to_the_models_labels(inner: str, stored: tuple[str, str]) -> None:
    (control,) = parse(choices(inner), Labels(LABELS)).controls
    assert control.option_of == dict(zip(LABELS, stored, strict=True))


def test_every_control_is_served_on_its_own_text() -> None:
    xml = (
        '<View><Text name="a" value="$title"/><HyperText name="b" value="$page.body"/>'
        f'<Choices name="x" toName="a">{BOTH}</Choices>'
        f'<Choices name="y" toName="b">{BOTH}</Choices>'
        f'<Choices name="z" toName="b"><Choice value="Spam"/><Choice value="Ham"/></Choices></View>'
    )
    config = parse(xml, Labels(LABELS))
    assert [(c.name, c.data_key, c.is_html) for c in config.controls] == [
        ("x", "title", False),
        ("y", "page.body", True),
    ]
    assert len(config.problems) == 1
    assert "Spam, Ham" in config.problems[0]


@pytest.mark.parametrize(
    ("xml", "reason"),
    [
        ("", "not well-formed XML"),
        ("<View>", "not well-formed XML"),
        ('<!DOCTYPE a [<!ENTITY e "x">]><View>&e;</View>', "entities"),
        ("<View/>", "no Choices control"),
        ('<View><Text name="text" value="$review"/></View>', "Positive"),
        (choices('<Choice value="Spam"/><Choice value="Ham"/>'), "offers Spam, Ham"),
        (choices(BOTH + '<Choice value="Neutral"/>'), "Neutral"),
        (choices(BOTH + '<Choice value="Other" alias="Positive"/>'), "all different"),
        (choices('<Choice value="Positive"/>'), "needs two choices or more"),
        (choices(""), "offers nothing"),
        (choices(BOTH).replace('toName="text"', 'toName="image"'), "no Text or HyperText"),
        (choices(BOTH).replace('name="sentiment"', ""), "has no name"),
        (choices(BOTH).replace("$review", "review"), "names no field"),
        (choices(BOTH).replace("$review", "$"), "names no field"),
        (choices(BOTH).replace("<Text", '<Text valueType="url"'), "loaded from a URL"),
        (choices(BOTH, 'perRegion="true"'), "per region"),
        (choices("", 'value="$options"'), "takes its choices from the task"),
    ],
)
def test_a_config_that_cannot_be_served_gets_one_sentence_with_the_reason(
    xml: str, reason: str
) -> None:
    config = parse(xml, Labels(LABELS))
    assert config.controls == ()
    (problem,) = config.problems
    assert reason in problem
    assert problem.endswith(".")
    assert "\n" not in problem


def test_a_control_with_other_choices_can_be_trained() -> None:
    xml = choices('<Choice value="Spam" alias="s"/><Choice value="Ham"/>')
    config = parse(xml, Labels(LABELS))
    (control,) = config.unknown
    assert (control.options, control.option_of, control.label_of) == (("s", "Ham"), {}, {})
    assert "press Start Training" in config.problems[0]


def test_a_trained_control_is_served_with_its_own_labels() -> None:
    xml = choices('<Choice value="Spam" alias="s"/><Choice value="Ham"/>')
    config = parse(xml, Labels(LABELS, (("sentiment", ("Ham", "s")),)))
    (control,) = config.controls
    assert control.option_of == {"Ham": "Ham", "s": "s"}
    assert (config.unknown, config.problems) == ((), ())


def test_a_control_whose_choices_changed_must_be_trained_again() -> None:
    xml = choices('<Choice value="Spam"/><Choice value="Ham"/><Choice value="Eggs"/>')
    config = parse(xml, Labels(LABELS, (("sentiment", ("Ham", "Spam")),)))
    assert config.controls == ()
    assert "the model knows Ham, Spam" in config.problems[0]


def test_the_default_labels_are_served_by_a_version_trained_for_others() -> None:
    config = parse(choices(BOTH), Labels(LABELS, (("sentiment", ("Ham", "Spam")),)))
    assert [control.name for control in config.controls] == ["sentiment"]
