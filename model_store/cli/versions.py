"""`model-store versions`: print a table of all versions and their states."""

from pathlib import Path

import click

from model_store.cli.data_dir_option import data_dir_option, open_deployments

_COLUMNS = ("version", "project", "created", "examples", "accuracy", "state")


@click.command(short_help="List the versions and which of them serve.")
@data_dir_option
def versions(data_dir: Path) -> None:
    """List the versions of all projects.

    A version is active (it serves its project), retired (it served before), candidate (it never
    served), or base (it was not trained for a project). The accuracy is measured on held-out
    examples.
    """
    log = open_deployments(data_dir)
    from model_store.serving.versions import table

    rows = [
        (
            row.version,
            _printable(row.project) or "-",
            _printable(row.created) or "-",
            "-" if row.examples is None else str(row.examples),
            "-" if row.accuracy is None else f"{row.accuracy:.3f}",
            row.state,
        )
        for row in table(log)
    ]
    widths = [max(map(len, column)) for column in zip(_COLUMNS, *rows, strict=True)]
    for row in (_COLUMNS, *rows):
        click.echo(" ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)))


def _printable(text: str) -> str:
    """Return text from a manifest without characters that change a terminal."""
    return "".join(char for char in text[:64] if char.isprintable())
