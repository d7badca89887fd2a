"""Finds the model that a run is to use. BentoML is imported only where its store is asked."""

import os
from pathlib import Path

from adapters.label_studio.labeling_config import Labels
from adapters.preannotate.errors import ModelError
from adapters.preannotate.model import ModelReference
from model_store import artifact
from model_store.errors import ModelStoreError
from model_store.serving import data_dir


def find(tag: str | None) -> ModelReference:
    """The model of this tag in the BentoML store, or the one that ships; raises ModelError."""
    try:
        version, directory = artifact.tag_of(artifact.PRETRAINED), artifact.PRETRAINED
        # In a Bento the weights that ship are in its store, and not beside the code.
        if tag is not None or not (directory / artifact.WEIGHTS).exists():
            from model_store import store

            version, directory = store.find(tag or version)
        manifest = artifact.verify(directory)
        return ModelReference(directory, version, Labels.of_model(manifest))
    except ModelStoreError as error:
        raise ModelError(str(error)) from error


def active_of(project: str, folder: Path) -> str | None:
    """The version that the server with this data directory serves a project with.

    None is the model that ships: so it is where there is no server. Raises ModelError.
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
