"""Finds the model that a run is to use. Workers have no need of it, nor of BentoML."""

from adapters.preannotate.errors import ModelError
from adapters.preannotate.model import ModelReference
from model_store import artifact, store
from model_store.errors import ModelStoreError


def find(tag: str | None) -> ModelReference:
    """The model of this tag in the BentoML store, or the one that ships; raises ModelError."""
    try:
        if tag is None:
            version, directory = store.tag_of(store.PRETRAINED), store.PRETRAINED
        else:
            version, directory = store.find(tag)
        return ModelReference(directory, version, artifact.read_manifest(directory).labels)
    except ModelStoreError as error:
        raise ModelError(str(error)) from error
