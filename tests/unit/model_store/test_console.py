"""A report is printed as far as that is possible, and never ends a command."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

SAY = r"""
import os, sys
from model_store import console
console.prepare()
numbers = [os.open(os.devnull, os.O_RDONLY), os.open(os.devnull, os.O_RDONLY)]
assert min(numbers) > 2, numbers
console.say("gr\xf6\xdfer \udcff")
console.say("a problem", err=True)
"""


def say(encoding: str = "ascii", **options: Any) -> "subprocess.CompletedProcess[bytes]":
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    command = [sys.executable, "-c", SAY]
    return subprocess.run(command, env=environment, check=False, **options)


def test_characters_that_the_terminal_lacks_are_escaped() -> None:
    for encoding, printed in (("latin-1", "größer \\udcff"), ("ascii", "größer ?")):
        said = say(encoding, capture_output=True)
        assert (said.returncode, said.stderr) == (0, b"a problem\n")
        assert said.stdout in {f"{printed}\n".encode(name) for name in ("latin-1", "utf-8")}


def closed(number: int) -> Callable[[], None]:
    return lambda: os.close(number)


@pytest.mark.parametrize("number", [1, 2])
def test_a_closed_stream_is_no_failure(number: int) -> None:
    assert say(preexec_fn=closed(number)).returncode == 0


@pytest.mark.parametrize("name", ["stdout", "stderr"])
def test_a_reader_that_is_gone_or_a_full_disk_is_no_failure(name: str) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with Path("/dev/full").open("wb") as full, os.fdopen(writing, "wb") as pipe:
        streams: list[dict[str, Any]] = [{name: pipe}, {name: full}]
        assert [say(**stream).returncode for stream in streams] == [0, 0]


@pytest.mark.parametrize("arguments", [["--help"], ["versions", "--help"]])
def test_the_reader_of_a_report_of_the_model_store_may_leave(arguments: list[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as pipe:
        ended = subprocess.run(
            [sys.executable, "-m", "model_store", *arguments],
            check=False,
            stdout=pipe,
            stderr=subprocess.PIPE,
        )
    assert (ended.returncode, ended.stderr) == (0, b"")
