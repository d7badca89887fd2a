"""Log lines as text, or as JSON objects: level, logger, message, time, the fields of `extra`.

Names of a labeling config, paths and errors come from outside. Their control characters are
escaped: a name with a line break could forge a line, and some terminals obey escape codes.
"""

import logging
import re
from contextvars import ContextVar
from typing import Any, Literal

from pythonjsonlogger.core import RESERVED_ATTRS
from pythonjsonlogger.orjson import OrjsonFormatter

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
"""The id of the current request."""

_OF_BENTOML = ("levelname_bracketed", "component", "trace_msg", "request_id", "service_name")
"""Attributes that BentoML adds to every record, for lines of text."""


_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""C0 and C1, separators of lines, overrides of the direction, and halves of surrogate pairs."""


def escaped(text: str) -> str:
    r"""Return a text without control characters, which become escapes.

    >>> print(escaped("one\nline"))
    one\nline
    """
    if text.isprintable():
        return text
    return _CONTROLS.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


class LineFormatter(logging.Formatter):
    """Format a record as a line of text; lines of a traceback are indented."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 (logging's name)
        """Return the line, without a traceback."""
        return escaped(super().formatMessage(record).rstrip("\n"))

    def formatException(self, ei: Any) -> str:  # noqa: N802 (logging's name)
        """Return a traceback, of which no line can be taken for one of the log."""
        lines = super().formatException(ei).splitlines()
        return "\n".join(f"  {escaped(line)}" for line in lines)


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
        for name, value in log_data.items():
            if isinstance(value, str) and not value.isascii():
                log_data[name] = value.encode(errors="backslashreplace").decode()

    def format(self, record: logging.LogRecord) -> str:
        """Return the object, with escapes for what JSON does not escape itself."""
        line = super().format(record)
        if line.isprintable():
            return line
        return _CONTROLS.sub(lambda found: f"\\u{ord(found[0]):04x}", line)


def use(log_format: Literal["text", "json"]) -> None:
    """Make all existing handlers write this format; JSON also holds the warnings of Python."""
    if log_format == "json":
        logging.captureWarnings(capture=True)
    named = [logging.getLogger(name) for name in list(logging.root.manager.loggerDict)]
    for logger in (logging.root, *named):
        for handler in logger.handlers:
            handler.setFormatter(
                JsonFormatter() if log_format == "json" else _lines_like(handler.formatter)
            )


def _lines_like(formatter: logging.Formatter | None) -> LineFormatter:
    if formatter is None:
        return LineFormatter()
    return LineFormatter(formatter._fmt, formatter.datefmt)  # noqa: SLF001 (there is no accessor)
