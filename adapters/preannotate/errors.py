"""Why a run cannot go on. What is wrong with one row is no error: see `records.Rejection`."""

from collections.abc import Iterable
from pathlib import Path


class PreannotateError(Exception):
    """Base of every error that ends a run; the message says what to do."""


class _FileError(PreannotateError):
    """What is wrong with a file, by its name."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name}: {reason}.")


class InputError(_FileError):
    """An input cannot be used."""


class OutputError(_FileError):
    """The output cannot be written as it is asked for."""


class StoreError(_FileError):
    """An object store cannot do what it is asked for."""


class LabelingConfigError(PreannotateError):
    """The model can fill in no control of the labeling config."""

    def __init__(self, problems: Iterable[str]) -> None:
        super().__init__("\n".join(problems))


class WorkFolderError(PreannotateError):
    """The folder of an interrupted run stands in the way."""

    def __init__(self, folder: Path, reason: str) -> None:
        super().__init__(f"{folder} {reason}.")


class ModelError(PreannotateError):
    """The model cannot be used."""


class EngineError(PreannotateError):
    """What runs the step failed, not the step itself."""
