"""How a command ends: its exit codes, and the errors that end it early.

A bad row is not an error: see `records.Rejection`.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

DONE, SOME_REJECTED, COULD_NOT_RUN = 0, 1, 2


class PreannotateError(Exception):
    """Base of every error that ends a command; the message says what to do."""


class _FileError(PreannotateError):
    """A file cannot be used; the message begins with its name."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name}: {reason}.")


class InputError(_FileError):
    """An input cannot be read."""


class OutputError(_FileError):
    """An output cannot be written."""


class StoreError(_FileError):
    """A request to an object store failed."""


class LabelingConfigError(PreannotateError):
    """The model supports no control of the labeling config."""

    def __init__(self, problems: Iterable[str]) -> None:
        super().__init__("\n".join(problems))


class WorkFolderError(PreannotateError):
    """The work folder of an interrupted run cannot be used."""

    def __init__(self, folder: Path, reason: str) -> None:
        super().__init__(f"{folder} {reason}.")


class ModelError(PreannotateError):
    """The model cannot be found or loaded."""


class EngineError(PreannotateError):
    """The workers or the cluster failed."""


@contextmanager
def naming(file: object) -> Iterator[None]:
    """Name the file in an OSError that names none, as that of a full disk."""
    try:
        yield
    except OSError as error:
        if error.filename is None:
            error.filename = str(file)
        raise


@contextmanager
def interrupted_as(message: str) -> Iterator[None]:
    """Turn Ctrl-C inside the block into a PreannotateError with this message."""
    try:
        yield
    except KeyboardInterrupt:
        raise PreannotateError(message) from None
