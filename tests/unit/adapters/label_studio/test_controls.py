"""Controls of each kind: their options, what a region stores, and what an annotation answers."""

import pytest

from adapters.label_studio.controls import Control, answers_in
from adapters.label_studio.labeling_config import LabelingConfig, Labels, parse
from adapters.label_studio.predictions import prediction_of
from model_store.model.classification import Classification
from model_store.model.head import classification

DEFAULT = ("Negative", "Positive")
TREE = """
<Taxonomy name="c" toName="text" {}>
  <Choice value="Device"><Choice value="Battery"/><Choice value="Screen"/></Choice>
  <Choice value="Service"/>
</Taxonomy>
"""
TAGS = """
<Choices name="c" toName="text" choice="multiple" {}>
  <Choice value="Rude"/><Choice value="Spam"/><Choice value="Threat"/>
</Choices>
"""
THREE = """
<Choices name="c" toName="text">
  <Choice value="Positive"/><Choice value="Negative"/><Choice value="Neutral"/>
</Choices>
"""


def parsed(tag: str, *trained: str) -> LabelingConfig:
    """Parse a config for a model that has a head with these labels for the control, if any."""
    xml = f'<View><Text name="text" value="$text"/>{tag}</View>'
    return parse(xml, Labels(DEFAULT, (("c", trained),) if trained else ()))


def trained(tag: str) -> Control:
    """Return the control of a config, for which the model has a head."""
    (unknown,) = parsed(tag).unknown
    (control,) = parsed(tag, *unknown.options).controls
    return control


def test_several_one_or_no_choice_can_be_taken() -> None:
    control = trained(TAGS.format(""))
    assert control.kind == "multiple"
    assert control.given({"c": ("Threat", "Rude")}) == ("Rude", "Threat")
    assert control.given({}) == ()
    both, none = (
        classification(control.options, row, "multiple", [0.5] * 3)
        for row in ([0.9, 0.1, 0.8], [0.1, 0.2, 0.3])
    )
    prediction = prediction_of(1, {}, [(control, both)], "v")
    assert prediction["result"][0]["value"] == {"choices": ["Rude", "Threat"]}
    assert prediction["score"] == pytest.approx(0.8)
    prediction = prediction_of(1, {}, [(control, none)], "v")
    assert prediction["result"] == []
    assert prediction["score"] == pytest.approx(0.7)


@pytest.mark.parametrize("condition", ['visibleWhen="choice-selected"', 'whenTagName="other"'])
def test_a_control_that_may_not_be_shown_has_no_answer_without_a_choice(condition: str) -> None:
    assert trained(TAGS.format(condition)).given({}) is None


def test_nodes_of_a_taxonomy_are_paths() -> None:
    control = trained(TREE.format(""))
    assert control.kind == "multiple"
    assert control.options == ("Device", "Device / Battery", "Device / Screen", "Service")
    value = control.value_of(["Device / Screen", "Service"])
    assert value == {"taxonomy": [["Device", "Screen"], ["Service"]]}
    assert answers_in({"type": "taxonomy", "value": value}) == ("Device / Screen", "Service")
    malformed_values: list[object] = ["Device", [["Device", 1]], ["Device"], [[]]]
    for malformed in malformed_values:
        assert answers_in({"type": "taxonomy", "value": {"taxonomy": malformed}}) is None


def test_a_taxonomy_can_have_leaves_or_a_single_node_alone() -> None:
    control = trained(TREE.format('leafsOnly="true" maxUsages="1"'))
    assert control.kind == "single"
    assert control.options == ("Device / Battery", "Device / Screen", "Service")


def test_a_rating_has_as_many_options_as_stars() -> None:
    control = trained('<Rating name="c" toName="text" maxRating="3"/>')
    assert (control.kind, control.options) == ("rating", ("1", "2", "3"))
    assert control.value_of(["2"]) == {"rating": 2}
    assert len(trained('<Rating name="c" toName="text"/>').options) == 5
    for rating, expected in ((3, ("3",)), (3.0, ("3",)), ("3", None), (True, None), (None, None)):
        assert answers_in({"type": "rating", "value": {"rating": rating}}) == expected
    assert control.given({"c": ("2",)}) == ("2",)
    assert control.given({}) is None


@pytest.mark.parametrize(
    ("tag", "reason"),
    [
        ('<Taxonomy name="c" toName="text" apiUrl="http://x"/>', "loads its choices from a URL"),
        ('<Taxonomy name="c" toName="text" value="$tree"/>', "takes its choices from the task"),
        ('<Taxonomy name="c" toName="text"><Choice value="$a"/></Taxonomy>', "write the choice"),
        ('<Taxonomy name="c" toName="text"><Choice value="a"/></Taxonomy>', "two choices or more"),
        ('<Rating name="c" toName="text" maxRating="many"/>', "a number from 2 to 100"),
        ('<Rating name="c" toName="text" maxRating="1"/>', "two choices or more"),
    ],
)
def test_what_cannot_be_served_is_refused_with_the_reason(tag: str, reason: str) -> None:
    config = parsed(tag)
    assert not config.trainable
    assert reason in config.problems[0]


def test_a_control_with_more_options_than_the_model_knows_is_served_with_those_it_knows() -> None:
    config = parsed(THREE)
    (control,) = config.controls
    assert control.is_partial
    assert config.untrained == (control,)
    assert "never predicts Neutral: annotate tasks and press Start Training" in config.problems[0]
    found = Classification("Negative", 0.9, {"Negative": 0.9, "Positive": 0.1})
    prediction = prediction_of(1, {}, [(control, found)], "v")
    assert prediction["result"][0]["value"] == {"choices": ["Negative"]}


def test_once_trained_it_has_all_its_options() -> None:
    config = parsed(THREE, "Positive", "Negative", "Neutral")
    (control,) = config.controls
    assert not control.is_partial
    assert set(control.option_of) == {"Positive", "Negative", "Neutral"}
    assert config.problems == ()
    assert config.untrained == ()


def test_a_control_without_one_of_the_labels_is_not_served() -> None:
    config = parsed(THREE.replace('"Positive"', '"Mixed"'))
    assert config.controls == ()
    assert config.untrained == config.unknown != ()
