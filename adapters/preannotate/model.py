"""Find the model of a run, load it and classify texts.

The only module of the package that imports the model store. It imports the database only if a
project is asked for.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from adapters.label_studio import labeling_config
from adapters.label_studio.controls import Control
from adapters.label_studio.labeling_config import LabelingConfig, Labels
from adapters.label_studio.served_config import classifier_for
from adapters.preannotate.errors import ModelError
from model_store import artifact, manifests, store
from model_store.errors import ModelStoreError
from model_store.model import inference
from model_store.model.classification import Classification
from model_store.model.classifier import Classifier, Query, classify_together
from model_store.serving import data_dir


@dataclass(frozen=True)
class ModelReference:
    """A verified model on disk, not loaded yet. It can be pickled for another process."""

    directory: Path
    version: str
    labels: Labels

    def labeling_config(self, xml: str) -> LabelingConfig:
        """Parse a labeling config and find the controls that this model supports."""
        return labeling_config.parse(xml, self.labels)

    def load(self, compiled: Path | None) -> "LoadedModel":
        """Load the model for prediction with one thread.

        Processes that pass the same folder `compiled` share one compiled table, as a file in it.
        With None, the table is built in the memory of this process.
        """
        use_one_thread()
        classifier = artifact.load(self.directory, device="cpu", compiled=compiled)
        return LoadedModel(self.version, classifier)


class LoadedModel:
    """A model in memory."""

    def __init__(self, version: str, classifier: Classifier) -> None:
        self.version = version
        self._classifier = classifier

    def classify(
        self, subjects: Sequence[tuple[Control, str]], *, with_evidence: bool = False
    ) -> list[Classification]:
        """Classify each text for its control; one classification per text, in order.

        with_evidence: whether to say which words speak for it, where a control shows them. Raises
        ModelError.
        """
        queries = [
            Query(
                text,
                (classifier_for(self._classifier, control),),
                with_evidence=with_evidence and control.evidence is not None,
            )
            for control, text in subjects
        ]
        try:
            return [answer for (answer,) in classify_together(queries)]
        except ModelStoreError as error:
            raise ModelError(str(error)) from error


def use_one_thread() -> None:
    """Limit this process to one thread for inference: each core has its own process."""
    inference.use_threads(1)


def find(tag: str | None) -> ModelReference:
    """Find the version with this tag in the BentoML store, or the model that ships.

    Verifies the hashes of its files. Raises ModelError.
    """
    try:
        version, directory = store.find_or_shipped(tag)
        manifest = manifests.verify(directory)
        return ModelReference(directory, version, Labels.of_model(manifest))
    except ModelStoreError as error:
        raise ModelError(str(error)) from error


def deployed_version(project: str, folder: Path) -> str | None:
    """Return the version that the server with this data directory serves a project with.

    None stands for the model that ships, also if no server uses `folder`. Raises ModelError if the
    database cannot be read.
    """
    data_dir.use_store(folder)
    if not (folder / "sentiment.db").exists() and "SENTIMENT_DATABASE_URL" not in os.environ:
        return None
    from model_store.serving.database import connect
    from model_store.serving.deployments import DeploymentLog, latest

    try:
        entries = DeploymentLog(connect(data_dir.database_url(folder))).since(0)
    except ModelStoreError as error:
        raise ModelError(str(error)) from error
    entry = latest(entries).get(project)
    return entry.version if entry else None
