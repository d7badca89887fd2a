"""Python processes for tests in which several use one database."""

import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[1]


@contextmanager
def python(code: str, *arguments: str) -> "Iterator[subprocess.Popen[str]]":
    """Run code in a Python that can import our modules; kill it at the end."""
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
    """Start several processes, let them go at the same time, and return the last line of each.

    The code must print `ready`, read a line, do its work and print a line.
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
