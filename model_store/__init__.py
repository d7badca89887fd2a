"""Sentiment models: load one, classify texts, store versions. Knows neither HTTP nor Label Studio.

>>> from model_store import load
>>> classifier = load()
>>> classifier.classify(["A wonderful film!"])[0].label
'Positive'

Importing the package is cheap: it imports torch when something needs it.
"""

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from model_store.errors import (
    ArtifactError,
    ArtifactExistsError,
    CorpusError,
    DatabaseError,
    ImportFileError,
    InferenceError,
    ModelNotReadyError,
    ModelStoreError,
    NoEarlierVersionError,
    NotTrainableError,
    TextClassifierError,
    UnknownProjectError,
    UnknownVersionError,
)
from model_store.model.classification import Classification

if TYPE_CHECKING:
    from model_store.model.classifier import Classifier
    from model_store.model.text_classifier import TextClassifier

__all__ = [
    "ArtifactError",
    "ArtifactExistsError",
    "Classification",
    "Classifier",
    "CorpusError",
    "DatabaseError",
    "ImportFileError",
    "InferenceError",
    "ModelNotReadyError",
    "ModelStoreError",
    "NoEarlierVersionError",
    "NotTrainableError",
    "TextClassifier",
    "TextClassifierError",
    "UnknownProjectError",
    "UnknownVersionError",
    "load",
]

_IMPORTED_ON_USE = {
    "Classifier": "model_store.model.classifier",
    "TextClassifier": "model_store.model.text_classifier",
}


def load(path: Path | str | None = None) -> "Classifier":
    """Load the artifact in the directory `path`, or the model that ships.

    Raises ArtifactError if a file is missing, damaged, or written by a newer release.

    >>> result = load().classify(["A wonderful film!"])[0]
    >>> result.label, round(result.score, 1)
    ('Positive', 1.0)
    """
    from model_store import artifact, manifests  # noqa: PLC0415 (it imports torch)

    return artifact.load(manifests.PRETRAINED if path is None else Path(path))


def __getattr__(name: str) -> Any:
    if name not in _IMPORTED_ON_USE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_IMPORTED_ON_USE[name]), name)
