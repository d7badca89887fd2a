"""What a classifier can say of the controls of a labeling config."""

from adapters.label_studio.labeling_config import ChoicesControl, Labels
from model_store.classifier import Classifier


def labels_of(classifier: Classifier) -> Labels:
    """Its labels: of any control, and of those that it has heads for."""
    heads = sorted(classifier.heads.items())
    return Labels(classifier.labels, tuple((control, head.labels) for control, head in heads))


def classifier_for(classifier: Classifier, control: ChoicesControl) -> Classifier:
    """The classifier of a control that it can fill in.

    That of the control's own head, unless the control's choices have changed since and stand for
    the default labels now.
    """
    own = classifier.for_control(control.name)
    return own if set(own.labels) == set(control.choices) else classifier
