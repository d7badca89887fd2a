"""No text from outside can forge a line of the log or reach a terminal as a command."""

import io
import json
import logging
import unicodedata
from collections.abc import Iterator
from typing import Literal

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from adapters.observability import logs

FORGED = "name\n2026-01-01 [INFO] forged\x1b[2J\x9b2J\x85\u2028\u202e\x7f\ud800"


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """What the handler of a logger of its own writes."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
    logger = logging.getLogger("forged")
    logger.addHandler(handler)
    yield stream
    logger.removeHandler(handler)


def assert_has_no_controls(text: str) -> None:
    assert not [
        character
        for character in text
        if character != "\n" and unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp")
    ]
    text.encode()


def raise_error() -> None:
    raise ValueError(FORGED)


@pytest.fixture
def kept() -> Iterator[None]:
    """Put the formatters of all handlers back."""
    named = [logging.getLogger(name) for name in list(logging.root.manager.loggerDict)]
    handlers = [item for logger in (logging.root, *named) for item in logger.handlers]
    before = [(handler, handler.formatter) for handler in handlers]
    yield
    for handler, formatter in before:
        handler.setFormatter(formatter)
    logging.captureWarnings(capture=False)


@pytest.mark.usefixtures("kept")
@pytest.mark.parametrize("log_format", ["text", "json"])
def test_a_message_from_outside_stays_one_line(
    stream: io.StringIO, log_format: Literal["text", "json"]
) -> None:
    logs.use(log_format)
    logging.getLogger("forged").warning("Project %s: %s", 3, FORGED)
    (line,) = stream.getvalue().split("\n")[:-1]
    assert_has_no_controls(line)
    if log_format == "json":
        assert json.loads(line)["message"].startswith("Project 3: name\n2026-01-01")
    else:
        assert line.startswith(r"WARNING Project 3: name\n2026-01-01 [INFO] forged\x1b[2J\x9b2J")


@pytest.mark.usefixtures("kept")
@pytest.mark.parametrize("log_format", ["text", "json"])
def test_no_line_of_a_traceback_begins_like_one_of_the_log(
    stream: io.StringIO, log_format: Literal["text", "json"]
) -> None:
    logs.use(log_format)
    try:
        raise_error()
    except ValueError:
        logging.getLogger("forged").exception("It failed")
    first, *others = stream.getvalue().removesuffix("\n").split("\n")
    assert_has_no_controls(stream.getvalue())
    assert "It failed" in first
    assert all(line.startswith("  ") for line in others)
    assert "ValueError: name" in stream.getvalue()


@given(st.text())
@example("tab\tand\rreturn")
@settings(max_examples=50)
def test_printable_texts_are_unchanged_and_others_have_no_controls(text: str) -> None:
    assert_has_no_controls(logs.escaped(text))
    assert "\n" not in logs.escaped(text)
    if text.isprintable():
        assert logs.escaped(text) == text
