"""Print reports where the terminal, or the program that reads them, may be less than perfect.

A command has done its work when it reports: a report that nobody reads is no failure.
"""

import os
import sys
from typing import TextIO

import click


def prepare() -> None:
    """Make the standard streams fit to print any text; call this first.

    A closed stream becomes the null device: the next file that is opened would take its number, and
    receive the messages. A character that the encoding lacks is printed as its escape; of ASCII
    terminals, click takes care.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number
    for name in ("stdout", "stderr"):
        stream: TextIO | None = getattr(sys, name)
        if stream is None:
            null = open(os.devnull, "w", encoding="utf-8", errors="replace")  # noqa: SIM115, PTH123
            setattr(sys, name, null)
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def say(text: str, *, err: bool = False) -> None:
    """Print a line on standard output or standard error, if that can be written."""
    try:
        click.echo(text, err=err)
    except OSError:
        silence(err=err)


def silence(*, err: bool = False) -> None:
    """Discard what a stream still holds and will receive.

    Otherwise Python writes it again at exit, and exits with 120 when that fails.
    """
    stream = sys.stderr if err else sys.stdout
    try:
        number = stream.fileno()
    except (OSError, ValueError):
        return
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, number)
    os.close(null)
