"""Processes of their own, for tests of what several of them do to one database."""

import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[1]


@contextmanager
def python(code: str, *arguments: str) -> "Iterator[subprocess.Popen[str]]":
    """A Python that runs this code with our modules, and is killed at the end."""
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), *arguments],
        cwd=ROOT,
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def all_at_once(code: str, *arguments: str, count: int) -> list[str]:
    """What each of several processes says in the end, which wait for each other in the beginning.

    The code prints `ready`, reads a line, does its work and prints a line.
    """
    with ExitStack() as stack:
        processes = [stack.enter_context(python(code, *arguments)) for _ in range(count)]
        for process in processes:
            assert process.stdout
            assert process.stdout.readline() == "ready\n"
        for process in processes:
            assert process.stdin
            process.stdin.write("go\n")
            process.stdin.flush()
        return [process.stdout.readline() for process in processes if process.stdout]
