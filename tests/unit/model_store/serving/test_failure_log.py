"""A loop logs each outage once and continues."""

import asyncio
import logging

import pytest

from model_store.errors import DatabaseError
from model_store.serving.failure_log import FailureLog

logger = logging.getLogger(__name__)


def run(*steps: BaseException | None) -> None:
    failures = FailureLog(logger, "It fails: %s", "It works again.")
    for error in steps:
        with failures:
            if error is not None:
                raise error


def test_failures_in_a_row_are_logged_once_and_so_is_the_recovery(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    run(None, OSError("a"), OSError("b"), None, None, OSError("c"))
    assert caplog.messages == ["It fails: a", "It works again.", "It fails: c"]


def test_only_unexpected_errors_are_logged_with_their_traceback(
    caplog: pytest.LogCaptureFixture,
) -> None:
    run(DatabaseError("of the tests", "it is gone"))
    run(OSError("broken"))
    assert [record.exc_info is None for record in caplog.records] == [True, False]


def test_a_cancellation_is_neither_logged_nor_suppressed(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(asyncio.CancelledError):
        run(asyncio.CancelledError())
    assert caplog.messages == []
