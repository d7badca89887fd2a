"""Log lines as JSON objects: level, logger, message, time, and the fields of `extra`."""

import logging
from contextvars import ContextVar
from typing import Any

from pythonjsonlogger.core import RESERVED_ATTRS
from pythonjsonlogger.orjson import OrjsonFormatter

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
"""The id of the current request."""

_OF_BENTOML = ("levelname_bracketed", "component", "trace_msg", "request_id", "service_name")
"""Attributes that BentoML adds to every record, for lines of text."""


class JsonFormatter(OrjsonFormatter):
    """Format a record as JSON, with the attributes that `extra` gave it."""

    def __init__(self) -> None:
        super().__init__(
            "levelname,name,message",
            style=",",
            rename_fields={"levelname": "level", "name": "logger"},
            timestamp="time",
            reserved_attrs=[*RESERVED_ATTRS, *_OF_BENTOML],
        )

    def add_fields(
        self, log_data: dict[str, Any], record: logging.LogRecord, message_dict: dict[str, Any]
    ) -> None:
        """Add the id of the current request, if there is one."""
        super().add_fields(log_data, record, message_dict)
        current = request_id.get()
        if current is not None:
            log_data["request_id"] = current


def use_json() -> None:
    """Make all existing handlers write JSON, and log the warnings of Python."""
    formatter = JsonFormatter()
    logging.captureWarnings(capture=True)
    named = [logging.getLogger(name) for name in list(logging.root.manager.loggerDict)]
    for logger in (logging.root, *named):
        for handler in logger.handlers:
            handler.setFormatter(formatter)
