"""Which labeling configs are served, and which problems the others get."""

from pathlib import Path

import pytest

from adapters.label_studio.controls.choices import Choices
from adapters.label_studio.labeling_config import Labels, parse
from adapters.label_studio.task_text import task_text

LABELS = ("Negative", "Positive")
EXAMPLE = Path(__file__).parents[4] / "examples" / "labeling_interface.xml"


def choices(inner: str, attributes: str = "") -> str:
    return (
        f'<View><Text name="text" value="$review"/>'
        f'<Choices name="sentiment" toName="text" {attributes}>{inner}</Choices></View>'
    )


BOTH = '<Choice value="Positive"/><Choice value="Negative"/>'
NESTED = (
    '<Choice value="Good"><Choice value="Positive"/></Choice>'
    '<View><Choice value="Bad" alias="b"><Choice value="Negative" alias="n"/></Choice></View>'
)


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
        choices(BOTH).replace('"text"', '"text "'),
        choices(BOTH).replace("value=", "VALUE=").replace("toName", "toname"),
        choices(BOTH).replace("<View>", '<View xmlns="http://example.org/config">'),
        choices(BOTH).replace("$review", "$items[0].body"),
        choices(BOTH).replace("$review", "Review: $review"),
        choices(BOTH).replace("<Text", '<Text encoding="base64"'),
        choices(BOTH, 'perRegion="false"'),
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


@pytest.mark.parametrize(
    ("inner", "attributes", "values"),
    [
        # Also without children, the editor stores a path.
        (BOTH, 'allowNested="true"', [["Negative"]]),
        (BOTH, 'ALLOWNESTED="true"', [["Negative"]]),
        (BOTH, 'allowNested="false"', ["Negative"]),
        (
            NESTED,
            'allowNested="true"',
            [["b", "n"]],
        ),
        # Without the attribute, the editor shows no choice inside of a choice.
        (
            '<Choice value="Positive"><Choice value="Very"/></Choice><Choice value="Negative"/>',
            "",
            ["Negative"],
        ),
        # The editor ticks a choice only by its whole value.
        ('<Choice value="Positive "/><Choice value=" Negative"/>', "", [" Negative"]),
        ('<Choice value="$good" alias="Positive"/><Choice value="Negative"/>', "", ["Negative"]),
        ('<Choice value="x">Positive</Choice><Choice value="Negative"/>', "", ["Negative"]),
        ('<Choice value="Positive"/><Choice value="Negative" alias=""/>', "", [""]),
    ],
)
def test_a_prediction_has_the_value_that_the_editor_stores(
    inner: str, attributes: str, values: list[str | list[str]]
) -> None:
    (control,) = parse(choices(inner, attributes), Labels(LABELS)).controls
    value = control.value_of([control.option_of["Negative"]])
    assert value == {"choices": values}
    assert control.answers_in(value) == (control.option_of["Negative"],)


def test_nested_choices_are_trained_and_served_by_their_paths() -> None:
    inner = "".join(
        f'<Choice value="{name}"><Choice value="Good"/><Choice value="Bad"/></Choice>'
        for name in ("Plot", "Sound")
    )
    xml = choices(inner, 'allowNested="true"')
    (control,) = parse(xml, Labels(LABELS)).unknown
    assert control.options == ("Plot / Good", "Plot / Bad", "Sound / Good", "Sound / Bad")
    (trained,) = parse(xml, Labels(LABELS, (("sentiment", control.options),))).controls
    assert trained.value_of([trained.option_of["Sound / Bad"]]) == {"choices": [["Sound", "Bad"]]}


@pytest.mark.parametrize(
    ("stored", "answers"),
    [
        ([["Positive"]], ("Positive",)),
        # The editor ticks a choice when all choices inside of it are ticked.
        ([["Good"], ["Good", "Positive"]], ("Good / Positive",)),
        ([["Good"], ["Good", "a"], ["Good", "b"]], ("Good / a", "Good / b")),
        ([["Good"], ["Bad"]], ("Good", "Bad")),
        ([], ()),
        ([[]], None),
        ([["Good", 1]], None),
        ("Good", None),
    ],
)
def test_answers_are_read_from_choices_and_from_paths(
    stored: object, answers: tuple[str, ...] | None
) -> None:
    assert Choices.answers_in({"choices": stored}) == answers


def test_problems_are_short_and_on_one_line_whatever_the_config_contains() -> None:
    forged = choices('<Choice value="Good&#10;ERROR: forged&#13;"/><Choice value="Bad"/>')
    (problem,) = parse(forged, Labels(LABELS)).problems
    assert r"Good\nERROR: forged\r" in problem
    assert problem.isprintable()
    many = choices("".join(f'<Choice value="{n} {"x" * 100}"/>' for n in range(3000)))
    (problem,) = parse(many, Labels(LABELS)).problems
    assert "and 2990 more" in problem
    assert len(problem) < 1200


def test_deeply_nested_tags_are_read() -> None:
    depth = 3000
    xml = choices("<View>" * depth + BOTH + "</View>" * depth)
    assert [control.name for control in parse(xml, Labels(LABELS)).controls] == ["sentiment"]


@pytest.mark.parametrize(
    ("value", "data", "text"),
    [
        ("$review", {"review": "A."}, "A."),
        ("Review: $review", {"review": "A."}, "Review: A."),
        ("$title, $items[0].body", {"title": "A", "items": [{"body": "B."}]}, "A, B."),
        ("$my review", {"my review": "A."}, "A."),
        ("$größe", {"größe": "A."}, "A."),
    ],
)
def test_the_text_is_the_one_that_the_value_of_the_object_describes(
    value: str, data: dict[str, object], text: str
) -> None:
    (control,) = parse(choices(BOTH).replace("$review", value), Labels(LABELS)).controls
    assert task_text(data, control) == text


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
        ("<View/>", "no Choices, Taxonomy or Rating control"),
        ('<View><Text name="text" value="$review"/></View>', "Positive"),
        (choices('<Choice value="Spam"/><Choice value="Ham"/>'), "offers Spam, Ham"),
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
        (choices(BOTH, 'perregion="true"'), "per region"),
        (choices(BOTH, 'PERITEM="true"'), "per region or per item"),
        (choices("", 'VALUE="$options"'), "takes its choices from the task"),
        (choices(BOTH).replace("<Text", '<Text valuetype="url"'), "loaded from a URL"),
        (choices(BOTH).replace("<Text", '<Text Resolver="csv"'), "loaded from a URL"),
        (choices(BOTH).replace("<Text", '<Text Encoding="rot13"'), 'encoding="rot13" is unknown'),
        (
            choices('<Choice value="$a"/><Choice value="Negative"/>'),
            'the choice "$a" from the task',
        ),
        (choices('<Choice value="It is $a"/><Choice value="b"/>'), "give it an alias"),
        (choices('<Choice value="Positive"/><Choice value="half \ud83d"/>'), "surrogate pair"),
        (
            f'<View><Repeater on="$items">{choices(BOTH)}</Repeater></View>',
            "in a Repeater",
        ),
        (
            choices(BOTH).replace("<Text", "<Repeater><Text").replace("/><C", "/></Repeater><C", 1),
            "on a text in one",
        ),
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
