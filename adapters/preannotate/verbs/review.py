"""`preannotate review ID`: tabs with annotations that are likely wrong, and with disputed tasks."""

from pathlib import Path

import click

from adapters.preannotate.engines import processes
from adapters.preannotate.errors import DONE, interrupted_as
from adapters.preannotate.verbs import (
    check_opposites,
    data_dir_option,
    do_option,
    quiet_option,
    undo_option,
)
from model_store import console

_HELP = """\
Show the annotations that are likely wrong, and the tasks that annotators dispute, in two tabs of
Label Studio's Data Manager, the worst first.

ID is the number in the project's address. The tabs show tasks with a mark, which is a field of
their data: review_suspect is how likely the annotation is wrong, review_suggestion what the model
says. Whoever updates an annotation takes the task out of its tab; an answer that was chosen again
is not flagged again.

Without --do it says what would change."""

_EPILOG = """\
Exit codes: 0 done, 2 the run stopped; run it again.

More: docs/budget.md"""


@click.command(
    help=_HELP, epilog=_EPILOG, short_help="Put annotations that are likely wrong into a tab."
)
@click.argument("number", metavar="ID", type=int)
@do_option
@undo_option
@click.option(
    "--most", type=click.IntRange(1), metavar="N", help="Show the worst N suspects; by default all."
)
@data_dir_option
@quiet_option
def review(
    *, number: int, do: bool, undo: bool, most: int | None, data_dir: Path, quiet: bool
) -> int:
    """Run the verb and return its exit code; raises PreannotateError."""
    check_opposites(do=do, undo=undo)
    with interrupted_as("Interrupted: the same command continues where it stopped."):
        with processes.interrupts_held_back():  # an import can lose an interrupt
            from adapters.preannotate.budget.access import opened
            from adapters.preannotate.budget.review import review as put_into_tabs
            from adapters.preannotate.budget.review import undo as put_back
        with opened(number, data_dir) as access:
            if undo:
                said = put_back(access, quiet=quiet)
            else:
                said = str(put_into_tabs(access, most=most, do=do, quiet=quiet))
    if not quiet:
        console.say(said)
    return DONE
