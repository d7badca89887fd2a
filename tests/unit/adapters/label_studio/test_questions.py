"""Which versions are asked about the tasks of a project."""

from dataclasses import replace

from adapters.label_studio.questions import ask
from model_store.model.classifier import Classifier
from model_store.serving.registry import Deployment, Version
from tests.conftest import ClassifierFactory

OWN_LABELS = (
    '<View><Text name="text" value="$review"/><Choices name="kind" toName="text">'
    '<Choice value="Praise"/><Choice value="Complaint"/></Choices></View>'
)
NO_CONTROL = "<View/>"


def trained(base: Classifier) -> Classifier:
    """With a head for the control `kind`."""
    head = replace(base.head, labels=("Praise", "Complaint"))
    return Classifier(base.encoder, base.head, {"kind": head})


def test_a_version_that_serves_no_control_is_not_asked_nor_told_of(
    make_classifier: ClassifierFactory,
) -> None:
    base = make_classifier()
    versions = Version("base", base), Version("trained", trained(base))
    questions = ask(OWN_LABELS, Deployment(versions, "ensemble:1"))
    assert questions.versions == ("trained",)
    assert [control.name for control in questions.config.controls] == ["kind"]
    (question,) = questions.questions
    assert [asked.version for asked in question.asked] == [0]


def test_where_none_serves_the_first_one_is_told_of(make_classifier: ClassifierFactory) -> None:
    base = make_classifier()
    versions = Version("first", base), Version("second", trained(base))
    questions = ask(NO_CONTROL, Deployment(versions))
    assert (questions.versions, questions.questions) == (("first",), ())
