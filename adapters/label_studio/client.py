"""stub until the real one is there."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any


class ClientError(Exception):
    """."""


class LabelStudioClient:
    """."""

    def __init__(self, url: str, api_key: str) -> None: ...
    def tasks_with_annotations(self, project: int) -> Iterator[Sequence[Mapping[str, Any]]]:
        """."""
        raise ClientError("stub")

    def project(self, number: int) -> Mapping[str, Any]:
        """."""
        raise ClientError(str(number))
