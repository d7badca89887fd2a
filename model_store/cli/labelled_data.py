"""The options of `train` and `evaluate` for labelled files, and their reports and exit codes."""

import json
import sys
from collections.abc import Callable, Sequence
from typing import Any

import click

from model_store import console

SOME_REJECTED = 1
"""The exit code of a command that has done its work without some of the rows."""

_LISTED = 20
_OPTIONS = (
    click.option(
        "--text",
        metavar="COLUMN",
        help="The column of the texts. By default, one with a usual name: text, review.",
    ),
    click.option(
        "--label",
        metavar="COLUMN",
        help="The column of the labels. By default, one with a usual name: label, sentiment.",
    ),
    click.option(
        "--encoding",
        default="utf-8",
        show_default=True,
        metavar="NAME",
        help="Encoding of text files without a byte order mark.",
    ),
)


def labelled_data_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say how to read labelled files."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def report_rejected(rejected: Sequence[object]) -> None:
    """Print how many rows were left out, and the first of them with their reasons."""
    if rejected:
        console.say(f"{len(rejected):,} rows were left out:", err=True)
    for row in rejected[:_LISTED]:
        console.say(f"  {row}", err=True)


def finish(metrics: object, rejected: Sequence[object]) -> None:
    """Print the metrics, and end with exit code 1 if rows were left out."""
    console.say(json.dumps(metrics, indent=2))
    if rejected:
        sys.exit(SOME_REJECTED)
