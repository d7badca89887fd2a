"""Finds the model that a run is to use. BentoML is imported only where its store is asked."""

from adapters.label_studio.labeling_config import Labels
from adapters.preannotate.errors import ModelError
from adapters.preannotate.model import ModelReference
from model_store import artifact
from model_store.errors import ModelStoreError


def find(tag: str | None) -> ModelReference:
    """The model of this tag in the BentoML store, or the one that ships; raises ModelError."""
    version, directory = artifact.tag_of(artifact.PRETRAINED), artifact.PRETRAINED
    try:
        if tag is not None:
            from model_store import store

            version, directory = store.find(tag)
        manifest = artifact.read_manifest(directory)
        heads = tuple((name, head.labels) for name, head in sorted(manifest.heads.items()))
        return ModelReference(directory, version, Labels(manifest.labels, heads))
    except ModelStoreError as error:
        raise ModelError(str(error)) from error
