"""`preannotate project ID`: predict the tasks of a project in Label Studio."""

from pathlib import Path
from tempfile import TemporaryDirectory

import click

from adapters.preannotate.engines import processes
from adapters.preannotate.errors import (
    DONE,
    SOME_REJECTED,
    OutputError,
    PreannotateError,
    interrupted_as,
)
from adapters.preannotate.verbs import (
    data_dir_option,
    model_option,
    quiet_option,
    summary_option,
    withhold_option,
)
from model_store import console

_HELP = """\
Predict all tasks of a project in Label Studio and store the predictions there.

ID is the number in the project's address. Tasks that already have a prediction of this version are
skipped: the same command continues where it stopped, and does nothing when all is done.

LABEL_STUDIO_URL and LABEL_STUDIO_API_KEY (a personal access token or a legacy token) name the
Label Studio and the user."""

_EPILOG = """\
Exit codes: 0 all tasks are done, 1 some have no text, 2 the run stopped; run it again.

More: docs/preannotate.md"""


@click.command(
    help=_HELP, epilog=_EPILOG, short_help="Predict the tasks of a project in Label Studio."
)
@click.argument("number", metavar="ID", type=int)
@model_option
@data_dir_option
@click.option(
    "--evidence",
    is_flag=True,
    help="Add regions for the words that speak for each prediction: the labeling config needs a "
    "Labels or HyperTextLabels control for them.",
)
@click.option("--dry-run", is_flag=True, help="Print the plan; store nothing.")
@click.option(
    "--rejects",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="List tasks without a prediction in this file, as JSONL.",
)
@withhold_option
@summary_option
@quiet_option
def project(
    *,
    number: int,
    model: str | None,
    data_dir: Path,
    evidence: bool,
    dry_run: bool,
    rejects: Path | None,
    withhold: float,
    summary: str | None,
    quiet: bool,
) -> int:
    """Run the verb and return its exit code; raises PreannotateError and OSError."""
    with interrupted_as("Interrupted: the same command continues where it stopped."):
        with processes.interrupts_held_back():  # an import can lose an interrupt
            from adapters.label_studio.client import LabelStudioClient
            from adapters.label_studio.client_errors import ClientError
            from adapters.label_studio.events import EventError
            from adapters.preannotate import storage
            from adapters.preannotate.project import ProjectRun, chosen_model, credentials
            from adapters.preannotate.summary import write_summary
        url, key = credentials()
        summary_file = storage.at_target(summary) if summary else None
        if rejects and summary_file and rejects in storage.Places([summary_file]):
            raise OutputError(str(rejects), "is --rejects and --summary: name two files")
        for file in (rejects, summary_file):
            if file is not None:
                storage.prepare(file)
        try:
            with LabelStudioClient(url, key) as client:
                found = client.project(number)
                run = ProjectRun(
                    client,
                    found,
                    chosen_model(found, model, data_dir),
                    dry_run=dry_run,
                    rejects=rejects,
                    quiet=quiet,
                    with_evidence=evidence,
                    withhold=withhold,
                )
                done = run(data_dir / "compiled")
        except (ClientError, EventError) as error:
            raise PreannotateError(str(error)) from error
    if summary_file:
        with TemporaryDirectory(prefix="preannotate-") as scratch:
            write_summary(done.to_json(), summary_file, Path(scratch))
    if not quiet:
        to_standard_output = summary_file is not None and storage.is_standard_output(summary_file)
        console.say(str(done), err=to_standard_output)
    return SOME_REJECTED if done.rejected else DONE
