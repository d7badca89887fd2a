"""Which versions serve which controls of a labeling config."""

from dataclasses import replace

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
