"""What a classifier can say of the controls of a labeling config."""

from collections.abc import Mapping
from typing import Protocol

from adapters.label_studio.labeling_config import ChoicesControl, Labels
from model_store.model.classifier import Classifier


class _Labelled(Protocol):
    @property
    def labels(self) -> tuple[str, ...]: ...


def labels_of(classifier: Classifier) -> Labels:
    """Its labels: of any control, and of those that it has heads for."""
    return labels_with(classifier.labels, classifier.heads)


def labels_with(default: tuple[str, ...], heads: Mapping[str, _Labelled]) -> Labels:
    """The same of heads that are loaded, or are only listed in a manifest."""
    by_control = ((control, head.labels) for control, head in sorted(heads.items()))
    return Labels(default, tuple(by_control))


def classifier_for(classifier: Classifier, control: ChoicesControl) -> Classifier:
    """The classifier of a control that it can fill in.

    That of the control's own head, unless the control's choices have changed since and stand for
    the default labels now.
    """
    own = classifier.for_control(control.name)
    return own if set(own.labels) == set(control.choices) else classifier
