"""The errors of the model store. Each one carries its facts and composes its message."""

from collections.abc import Sequence
from pathlib import Path


class ModelStoreError(Exception):
    """Base of every error that this package raises on purpose."""


class ArtifactError(ModelStoreError):
    """An artifact cannot be used."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"The artifact file {path} cannot be used: {reason}.")
        self.path = path
        self.reason = reason


class ArtifactExistsError(ModelStoreError):
    """Saving an artifact would overwrite something."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path} already exists: name a new directory, or remove it first.")
        self.path = path


class CorpusError(ModelStoreError):
    """A file cannot be read as labelled reviews."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path} cannot be read as labelled reviews: {reason}.")
        self.path = path
        self.reason = reason


class ModelNotReadyError(ModelStoreError):
    """A request came before the model was loaded, or after it was closed."""

    def __init__(self) -> None:
        super().__init__("The model is not loaded: retry in a few seconds.")


class InferenceError(ModelStoreError):
    """The model failed on a batch; the log has the cause."""

    def __init__(self) -> None:
        super().__init__("The model failed on this request; see the server log.")


class NotFiniteError(ModelStoreError):
    """The probabilities of a text are not numbers."""

    def __init__(self) -> None:
        super().__init__(
            "The model computed a probability that is not a finite number, so its files may be "
            "damaged: restart, and import the model again if the error returns."
        )


class TextClassifierError(ModelStoreError):
    """A model of your own cannot be loaded, or returns something that is not probabilities."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"The classifier {name} cannot be used: {reason}.")
        self.name = name
        self.reason = reason


class NotTrainableError(ModelStoreError):
    """A training would start from a model of your own, which only you can train."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"{name} is a model of your own and cannot be trained here: train it with your own "
            "code and restart the server, or unset SENTIMENT_CLASSIFIER to train the model that "
            "ships."
        )
        self.name = name


class ImportFileError(ModelStoreError):
    """A file of the tutorial cannot be imported."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path} cannot be imported: {reason}.")
        self.path = path
        self.reason = reason


class StoreError(ModelStoreError):
    """A model cannot be written into the model store."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(
            f"The model cannot be stored in {path}: {reason}. Make room there, or allow this "
            "process to write there."
        )
        self.path = path
        self.reason = reason


class UnknownVersionError(ModelStoreError):
    """The model store has no version of this name."""

    def __init__(self, version: str) -> None:
        super().__init__(f"There is no version {version!r}: list them with `model-store versions`.")
        self.version = version


class NoEarlierVersionError(ModelStoreError):
    """A project has no version to roll back to."""

    def __init__(self, project: str) -> None:
        super().__init__(f"Project {project} has no earlier version to roll back to.")
        self.project = project


class AmbiguousProjectError(ModelStoreError):
    """Several projects have the number that stands for a project."""

    def __init__(self, number: str, projects: Sequence[str]) -> None:
        super().__init__(
            f"Several projects have the number {number}: name one of {', '.join(projects)}."
        )
        self.projects = projects


class DatabaseError(ModelStoreError):
    """The database cannot be used; the reason never contains its password."""

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(f"The database {url} cannot be used: {reason}.")
        self.url = url
        self.reason = reason


class UnknownProjectError(ModelStoreError):
    """A version without a project of its own is promoted without naming one."""

    def __init__(self, version: str) -> None:
        super().__init__(f"{version} was not trained for a project: name one with --project.")
        self.version = version
