"""`preannotate active ID`: let the label stream begin with the tasks that teach most."""

from pathlib import Path

import click

from adapters.preannotate.engines import processes
from adapters.preannotate.errors import DONE, interrupted_as
from adapters.preannotate.verbs import (
    check_opposites,
    data_dir_option,
    do_option,
    model_option,
    quiet_option,
    undo_option,
    withhold_option,
)
from model_store import console

_HELP = """\
Let Label Studio's label stream begin with the tasks that teach a model most.

ID is the number in the project's address. All tasks get a prediction of the version that serves the
project, and a cluster of similar texts; the stream then takes the least certain task of the cluster
of which an annotator has labelled the fewest. Before there is a model, it begins with the most
different tasks. Works in the free edition. Run it again after a training, or set
SENTIMENT_ACTIVE_LEARNING.

Without --do it says what would change."""

_EPILOG = """\
Exit codes: 0 done, 2 the run stopped; run it again.

More: docs/budget.md"""


@click.command(
    help=_HELP, epilog=_EPILOG, short_help="Order the label stream by what teaches a model most."
)
@click.argument("number", metavar="ID", type=int)
@do_option
@undo_option
@model_option
@data_dir_option
@withhold_option
@quiet_option
def active(
    *,
    number: int,
    do: bool,
    undo: bool,
    model: str | None,
    data_dir: Path,
    withhold: float,
    quiet: bool,
) -> int:
    """Run the verb and return its exit code; raises PreannotateError."""
    check_opposites(do=do, undo=undo)
    with interrupted_as("Interrupted: the same command continues where it stopped."):
        with processes.interrupts_held_back():  # an import can lose an interrupt
            from adapters.preannotate.budget.access import opened
            from adapters.preannotate.budget.active import activate
            from adapters.preannotate.budget.active import undo as put_back
            from adapters.preannotate.project import chosen_model
        with opened(number, data_dir) as access:
            if undo:
                said = put_back(access)
            else:
                found = chosen_model(access.project, model, data_dir)
                said = str(activate(access, found, withhold=withhold, do=do, quiet=quiet))
    if not quiet:
        console.say(said)
    return DONE
