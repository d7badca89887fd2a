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


class ModelNotFoundError(ModelStoreError):
    """The model store has no such version."""

    def __init__(self, tag: str) -> None:
        super().__init__(
            f"The BentoML model store has no {tag}: `python -m model_store import` puts one there, "
            "and BENTOML_HOME says where it is."
        )
        self.tag = tag


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
