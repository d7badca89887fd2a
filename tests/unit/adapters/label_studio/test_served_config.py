"""Which versions serve which controls of a labeling config."""

from dataclasses import replace

import pytest

from adapters.label_studio.served_config import serve
from model_store.model.classifier import Classifier
from model_store.serving.registry import Deployment, Version
from tests.conftest import ClassifierFactory

OWN_LABELS = (
    '<View><Text name="text" value="$review"/><Choices name="kind" toName="text">'
    '<Choice value="Praise"/><Choice value="Complaint"/></Choices></View>'
)
NO_CONTROL = "<View/>"


def trained(base: Classifier) -> Classifier:
    """Return a classifier with a head for the control `kind`."""
    head = replace(base.head, labels=("Praise", "Complaint"))
    return Classifier(base.encoder, base.head, {"kind": head})


def test_a_version_that_serves_no_control_is_left_out(
    make_classifier: ClassifierFactory,
) -> None:
    base = make_classifier()
    versions = Version("base", base), Version("trained", trained(base))
    served = serve(OWN_LABELS, Deployment(versions, "ensemble:1"))
    assert served.versions == ("trained",)
    assert [control.name for control in served.config.controls] == ["kind"]
    assert [predictor.version for predictor in served.by_control["kind"].predictors] == ["trained"]


def test_if_no_version_serves_the_first_is_named(
    make_classifier: ClassifierFactory,
) -> None:
    base = make_classifier()
    versions = Version("first", base), Version("second", trained(base))
    served = serve(NO_CONTROL, Deployment(versions))
    assert (served.versions, served.controls) == (("first",), ())


@pytest.mark.parametrize(
    ("inner", "what"),
    [
        ('<Choices name="a" toName="text">' * 2500 + "</Choices>" * 2500, "2501 controls"),
        ("<Header/>" * 20_000, "20005 tags"),
        (f"<!-- {'x' * 2**20} -->", "characters"),
    ],
    ids=["nested controls", "tags", "characters"],
)
def test_a_config_that_is_too_large_is_not_parsed_and_says_what_to_shorten(
    make_classifier: ClassifierFactory, inner: str, what: str
) -> None:
    xml = OWN_LABELS.replace("</View>", f"{inner}</View>")
    served = serve(xml, Deployment((Version("first", make_classifier()),)))
    (problem,) = served.config.problems
    assert what in problem
    assert problem.endswith("shorten it in Settings, Labeling Interface.")
    assert served.controls == ()


def test_ten_thousand_choices_are_read(make_classifier: ClassifierFactory) -> None:
    choices = "".join(f'<Choice value="{number}"/>' for number in range(10_000))
    xml = OWN_LABELS.replace('<Choice value="Praise"/>', choices)
    served = serve(xml, Deployment((Version("first", make_classifier()),)))
    (control,) = served.config.unknown
    assert len(control.options) == 10_001
