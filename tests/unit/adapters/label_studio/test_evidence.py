"""Regions for evidence, as the editor of Label Studio counts: see tests/e2e/test_browser.py."""

import base64
from typing import Any

import numpy as np
import pytest

from adapters.label_studio import labeling_config
from adapters.label_studio.controls import Control
from adapters.label_studio.editor.html_text import located_text, visible_text
from adapters.label_studio.predictions import prediction_of
from adapters.label_studio.task_text import task_text
from model_store.model.classification import Classification
from model_store.model.evidence import Contributions, Evidence

LABELS = labeling_config.Labels(("Negative", "Positive"))
CHOICES = """<Choices name="{name}" toName="text">
<Choice value="Good" alias="Positive"/><Choice value="Bad" alias="Negative"/></Choices>"""
SHOWING = '<{tag} name="{name}" toName="text">{labels}</{tag}>'


def config(
    *labels: str,
    name: str = "evidence",
    tag: str = "Labels",
    shows: str = '<Text name="text" value="$review"/>',
    controls: int = 1,
) -> str:
    inner = "".join(f'<Label value="{label}"/>' for label in labels)
    showing = SHOWING.format(tag=tag, name=name, labels=inner)
    choices = "".join(CHOICES.format(name=f"c{number}") for number in range(controls))
    return f"<View>{shows}{showing}{choices}</View>"


def controls_of(xml: str) -> tuple[Control, ...]:
    return labeling_config.parse(xml, LABELS).controls


def classified(text: str, **words: float) -> Classification:
    """Return Positive, with a weight for each of the words."""
    spans = sorted((text.index(word), text.index(word) + len(word), words[word]) for word in words)
    starts, ends, values = (np.array(column) for column in zip(*spans, strict=True))
    evidence = Evidence("Positive", "Negative", 0.0, Contributions(starts, ends, values))
    return Classification("Positive", 0.9, {"Negative": 0.1, "Positive": 0.9}, evidence=evidence)


def regions(xml: str, review: Any, **words: float) -> list[Any]:
    (control,) = controls_of(xml)
    data = {"review": review}
    found = classified(task_text(data, control), **words)
    first, *evidence = prediction_of(7, data, [(control, found)], "v")["result"]
    assert first["type"] == "choices"
    return evidence


def test_words_are_regions_with_their_part_of_the_weight() -> None:
    (region,) = regions(config("Evidence"), "👍 A good film.", good=3.0, film=-1.0)
    assert region.pop("id")
    assert region == {
        "from_name": "evidence",
        "to_name": "text",
        "type": "labels",
        "value": {"start": 4, "end": 8, "text": "good", "labels": ["Evidence"]},
        "score": 0.75,
    }


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (("Evidence",), {"good": "Evidence"}),
        (("Other", "Evidence"), {"good": "Evidence"}),
        (("Words",), {"good": "Words"}),
        (("Evidence against", "Evidence for"), {"good": "Evidence for", "bad": "Evidence against"}),
        (("Positive", "Negative"), {"good": "Positive", "bad": "Negative"}),
        (("Positive",), {"good": "Positive"}),
    ],
)
def test_the_label_says_what_the_words_speak_for(
    labels: tuple[str, ...], expected: dict[str, str]
) -> None:
    found = regions(config(*labels), "good and bad", good=2.0, bad=-2.0)
    values = [region["value"] for region in found]
    assert {value["text"]: value["labels"][0] for value in values} == expected
    assert len({region["id"] for region in found}) == len(found)


@pytest.mark.parametrize(
    "xml",
    [
        config("Evidence", tag="HyperTextLabels"),
        config("Person", name="people"),
        config(),
        config("Evidence").replace('toName="text"', 'toName="other"', 1),
    ],
    ids=["of another object", "without the word", "without labels", "without an object"],
)
def test_other_controls_show_no_evidence(xml: str) -> None:
    (control,) = controls_of(xml)
    assert control.evidence is None


def test_a_label_can_say_evidence_instead_of_the_name() -> None:
    (control,) = controls_of(config("My evidence", name="marks"))
    assert control.evidence is not None
    assert control.evidence.name == "marks"


def test_the_first_control_of_a_text_has_the_evidence() -> None:
    found = controls_of(config("Evidence", controls=2))
    assert [control.evidence is None for control in found] == [False, True]


def test_without_a_place_for_it_evidence_is_left_out() -> None:
    assert regions(config("Person", name="people"), "good", good=1.0) == []


@pytest.mark.parametrize(("encoding", "shown"), [("base64", 0), ("base64unicode", 1)])
def test_a_text_that_the_editor_shows_as_other_characters_has_no_evidence(
    encoding: str, shown: int
) -> None:
    shows = f'<Text name="text" value="$review" encoding="{encoding}"/>'
    review = base64.b64encode("é good".encode()).decode()
    found = regions(config("Evidence", shows=shows), review, good=1.0)
    assert len(found) == shown


def test_html_has_global_offsets() -> None:
    shows = '<HyperText name="text" value="$review"/>'
    xml = config("Evidence", tag="HyperTextLabels", shows=shows)
    (region,) = regions(xml, "<p>Tom &amp; 👍</p>A<br/>good film", good=1.0)
    assert region["value"]["globalOffsets"] == {"start": 9, "end": 13}
    assert region["value"]["text"] == "good"


MARKUP = {
    "<pre>\nA</pre><pre>\n\nword</pre>": 2,
    "<pre>\r\nA</pre>word": 1,
    "\n <p>a\r\nb</p>\n\nword": 5,
    " \n a word": 2,
    "<!DOCTYPE html>\n<html>\n<head>\n<title>T</title><style>p {}</style></head>\n<body>\nword": 1,
    "a<script>xx</script><style>p {}</style><!-- xx -->word": 5,
    "a<textarea>x&amp;y</textarea><iframe>xx</iframe><title>TT</title>word": 6,
    "<select><option>x y</option></select>word": 3,
    "a<br>b<br/>c<br />word": 6,
    "👍&#128077;&nbsp;word": 3,
}
"""Where the editor of Label Studio 1.23.2 was seen to count the word."""


@pytest.mark.parametrize(("markup", "expected"), MARKUP.items())
def test_html_is_counted_as_the_editor_counts(markup: str, expected: int) -> None:
    text, offsets = located_text(markup)
    assert text == visible_text(markup)
    assert len(offsets) == len(text)
    start = text.index("word")
    assert offsets[start : start + 4] == list(range(expected, expected + 4))


def test_an_entity_that_a_tag_divides_has_no_offsets() -> None:
    shows = '<HyperText name="text" value="$review"/>'
    xml = config("Evidence", tag="HyperTextLabels", shows=shows)
    assert regions(xml, "&am<b>p; good</b>", good=1.0) == []
