"""`preannotate status ID`: what a project still needs."""

from pathlib import Path
from tempfile import TemporaryDirectory

import click

from adapters.preannotate.engines import processes
from adapters.preannotate.errors import DONE, interrupted_as
from adapters.preannotate.verbs import (
    confidence_option,
    data_dir_option,
    max_error_option,
    summary_option,
    withhold_option,
)
from model_store import console

_HELP = """\
Say what a project still needs: annotations, reviews, and what can be accepted unseen.

ID is the number in the project's address. Changes nothing."""

_EPILOG = """\
Exit codes: 0 done, 2 it could not be found out.

More: docs/budget.md"""


@click.command(help=_HELP, epilog=_EPILOG, short_help="Say what a project still needs.")
@click.argument("number", metavar="ID", type=int)
@max_error_option
@confidence_option
@click.option(
    "--annotators", is_flag=True, help="Say how far each pair of annotators agrees, by their ids."
)
@data_dir_option
@withhold_option
@summary_option
def status(
    *,
    number: int,
    max_error: float,
    confidence: float,
    annotators: bool,
    data_dir: Path,
    withhold: float,
    summary: str | None,
) -> int:
    """Run the verb and return its exit code; raises PreannotateError."""
    with interrupted_as("Interrupted."):
        with processes.interrupts_held_back():  # an import can lose an interrupt
            from adapters.preannotate import storage
            from adapters.preannotate.budget import status as of_project
            from adapters.preannotate.budget.access import opened
            from adapters.preannotate.project import chosen_model
            from adapters.preannotate.summary import write_summary
            from model_store.budget.acceptance import Promise
        summary_file = storage.at_target(summary) if summary else None
        if summary_file:
            storage.prepare(summary_file)
        with opened(number, data_dir) as access:
            found = of_project.status(
                access,
                chosen_model(access.project, None, data_dir),
                Promise(max_error, confidence),
                withhold=withhold,
                by_annotator=annotators,
            )
    if summary_file:
        with TemporaryDirectory(prefix="preannotate-") as scratch:
            write_summary(found.to_json(), summary_file, Path(scratch))
    to_standard_output = summary_file is not None and storage.is_standard_output(summary_file)
    console.say(str(found), err=to_standard_output)
    return DONE
