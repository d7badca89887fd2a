"""The model as this package uses it: the only module here that knows classifiers.

Parsing a labeling config and classifying a text for a control are here and nowhere else in the
package: what a classifier offers for a control is asked in one place.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from adapters.label_studio import labeling_config
from adapters.label_studio.controls import Control
from adapters.label_studio.labeling_config import LabelingConfig, Labels
from adapters.label_studio.served_config import classifier_for
from model_store import artifact
from model_store.model import inference
from model_store.model.classification import Classification
from model_store.model.classifier import Classifier, Query, classify_together


@dataclass(frozen=True)
class ModelReference:
    """A model on disk that is not loaded."""

    directory: Path
    version: str
    labels: Labels

    def labeling_config(self, xml: str) -> LabelingConfig:
        """Which controls of a labeling config this model can fill in."""
        return labeling_config.parse(xml, self.labels)

    def load(self, compiled: Path | None) -> "LoadedModel":
        """Load it; its table is shared by all processes that name the folder `compiled`.

        Without a folder the table is in the memory of this process alone.
        """
        use_one_thread()
        classifier = artifact.load(self.directory, device="cpu", compiled=compiled)
        return LoadedModel(self.version, classifier)


def use_one_thread() -> None:
    """Predict with one thread in this process: there is a process for each core."""
    inference.use_threads(1)


class LoadedModel:
    """A model that classifies."""

    def __init__(self, version: str, classifier: Classifier) -> None:
        self.version = version
        self._classifier = classifier

    def classify(self, subjects: Sequence[tuple[Control, str]]) -> list[Classification]:
        """One classification for each text, by the control that it is for; in order."""
        queries = [
            Query(text, (classifier_for(self._classifier, control),)) for control, text in subjects
        ]
        return [answer for (answer,) in classify_together(queries)]
