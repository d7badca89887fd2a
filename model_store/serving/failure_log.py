"""Keep a loop alive whose steps can fail, and log each outage once."""

import logging
from types import TracebackType

from model_store.errors import ModelStoreError


class FailureLog:
    """Suppresses failures of a repeated step; logs the first failure in a row, and the recovery.

    Use it as the context of each step, in a coroutine or in a thread. KeyboardInterrupt and
    cancellation pass through.

    >>> failures = FailureLog(logging.getLogger("example"), "Cannot read: %s", "Reads again.")
    >>> for step in range(3):
    ...     with failures:
    ...         raise OSError("the disk is gone")  # logged once
    """

    def __init__(self, logger: logging.Logger, failed: str, recovered: str) -> None:
        self._logger = logger
        self._failed = failed
        """The line to log for a failure; `%s` stands for the error."""
        self._recovered = recovered
        self._is_failing = False

    def __enter__(self) -> None:
        """Begin a step."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        """Log a change between failing and working, and suppress the failure."""
        if isinstance(error, Exception):
            if not self._is_failing:
                # Errors of this package explain themselves; others need their traceback.
                trace = None if isinstance(error, ModelStoreError) else error
                self._logger.warning(self._failed, error, exc_info=trace)
            self._is_failing = True
            return True
        if error is None and self._is_failing:
            self._logger.info(self._recovered)
            self._is_failing = False
        return False
