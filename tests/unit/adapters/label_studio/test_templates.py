"""Each template of Label Studio with a text is served, learnable, or refused with advice."""

from pathlib import Path

import pytest
import yaml

from adapters.label_studio.labeling_config import LabelingConfig, Labels, parse

FOLDERS = (
    Path(__file__)
    .parents[4]
    .glob(".venv-label-studio/lib/python*/site-packages/label_studio/annotation_templates")
)
LABELS = Labels(("Negative", "Positive"))


@pytest.fixture(scope="module")
def templates() -> dict[str, LabelingConfig]:
    """The templates with a Text or HyperText object, as the shipped model sees them."""
    folder = next(FOLDERS, None)
    if folder is None:
        pytest.skip("Label Studio is not installed: `make environments`")
    found = {}
    for path in sorted(folder.rglob("config.yml")):
        xml = yaml.safe_load(path.read_text(encoding="utf-8")).get("config", "")
        if "<Text" in xml or "<HyperText" in xml:
            found[path.parent.name] = parse(xml, LABELS)
    return found


def test_every_template_has_a_control_that_is_learned_or_a_sentence_with_advice(
    templates: dict[str, LabelingConfig],
) -> None:
    assert len(templates) > 20
    for name, config in templates.items():
        assert config.trainable or config.problems, name
        for problem in config.problems:
            assert problem.endswith("."), name
            assert ":" in problem, f"{name}: {problem} does not say what to do"


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("text-classification", ["single"]),
        ("content-moderation", ["multiple"]),
        ("taxonomy", ["multiple"]),
    ],
)
def test_templates_for_whole_texts_are_learned(
    templates: dict[str, LabelingConfig], name: str, kinds: list[str]
) -> None:
    assert [control.kind for control in templates[name].trainable][: len(kinds)] == kinds


def test_the_template_for_sentiment_is_served_from_the_first_day(
    templates: dict[str, LabelingConfig],
) -> None:
    (control,) = templates["text-classification"].controls
    assert control.is_partial
