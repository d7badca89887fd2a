"""What can go wrong in the model store. Errors carry facts and compose their messages."""

from pathlib import Path


class ModelStoreError(Exception):
    """Base of every error this package raises on purpose."""


class ArtifactError(ModelStoreError):
    """An artifact cannot be used."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"The artifact file {path} cannot be used: {reason}.")
        self.path = path
        self.reason = reason


class ArtifactExistsError(ModelStoreError):
    """An artifact would be written over something that is already there."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path} already exists: name a new directory, or remove it first.")
        self.path = path


class CorpusError(ModelStoreError):
    """A labelled file cannot be read as a corpus."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path} cannot be read as labelled reviews: {reason}.")
        self.path = path
        self.reason = reason


class ModelNotReadyError(ModelStoreError):
    """A text came before the model was loaded, or after it was closed."""

    def __init__(self) -> None:
        super().__init__("The model is not loaded: ask again in a few seconds.")


class InferenceError(ModelStoreError):
    """The network failed on a batch; the cause is in the log."""

    def __init__(self) -> None:
        super().__init__("The model failed on this request: the server's log says why.")


class ImportFileError(ModelStoreError):
    """A file of the tutorial cannot be imported."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path} cannot be imported: {reason}.")
        self.path = path
        self.reason = reason


class UnknownVersionError(ModelStoreError):
    """A version is named that is not in the model store."""

    def __init__(self, version: str) -> None:
        super().__init__(f"There is no version {version!r}: list them with `model_store versions`.")
        self.version = version


class NoEarlierVersionError(ModelStoreError):
    """A project has nothing to go back to."""

    def __init__(self, project: str) -> None:
        super().__init__(f"Project {project} has no earlier version: nothing was changed.")
        self.project = project


class DatabaseError(ModelStoreError):
    """The database cannot be used; the reason never holds its password."""

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(f"The database {url} cannot be used: {reason}.")
        self.url = url
        self.reason = reason


class UnknownProjectError(ModelStoreError):
    """It is not said which project a version shall serve."""

    def __init__(self, version: str) -> None:
        super().__init__(f"{version} was trained for no project: name one with --project.")
        self.version = version
