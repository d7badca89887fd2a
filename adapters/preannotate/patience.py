"""Repeat calls of Label Studio that fail for a while."""

import time
from collections.abc import Callable
from typing import TypeVar

from adapters.label_studio.client_errors import ClientError

PAUSES = (1, 2, 4, 8, 16, 30, 30, 30, 60, 60, 60)
"""Seconds before each retry of a failed call: five minutes in total, enough for a restart."""

R = TypeVar("R")


def patiently(call: Callable[..., R], *arguments: object) -> R:
    """Return what a call returns; call again after errors that may pass. Raises ClientError."""
    for pause in PAUSES:
        try:
            return call(*arguments)
        except ClientError as error:
            if not error.is_passing:
                raise
            time.sleep(pause)
    return call(*arguments)
