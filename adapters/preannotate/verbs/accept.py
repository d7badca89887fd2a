"""`preannotate accept ID`: make annotations of the predictions that are certain enough."""

from pathlib import Path

import click

from adapters.preannotate.engines import processes
from adapters.preannotate.errors import DONE, interrupted_as
from adapters.preannotate.verbs import (
    check_opposites,
    confidence_option,
    data_dir_option,
    do_option,
    max_error_option,
    quiet_option,
    undo_option,
    withhold_option,
)
from model_store import console

_HELP = """\
Make annotations of the predictions that are certain enough, with a promise about their errors.

ID is the number in the project's address. The lowest score is chosen from which on at most the
share --max-error is wrong, with the confidence --confidence, by your annotated tasks, which models
predicted that had not learned from them. A random part of the accepted tasks stays in the queue,
in the tab Audit. Run the command again when these are annotated: if they contradict the promise,
it withdraws what was accepted.

Without --do it says what would change."""

_EPILOG = """\
Exit codes: 0 done, 2 the run stopped; run it again.

More: docs/budget.md"""


@click.command(help=_HELP, epilog=_EPILOG, short_help="Accept predictions that are certain enough.")
@click.argument("number", metavar="ID", type=int)
@max_error_option
@confidence_option
@do_option
@undo_option
@data_dir_option
@withhold_option
@quiet_option
def accept(
    *,
    number: int,
    max_error: float,
    confidence: float,
    do: bool,
    undo: bool,
    data_dir: Path,
    withhold: float,
    quiet: bool,
) -> int:
    """Run the verb and return its exit code; raises PreannotateError."""
    check_opposites(do=do, undo=undo)
    with interrupted_as("Interrupted: the same command continues where it stopped."):
        with processes.interrupts_held_back():  # an import can lose an interrupt
            from adapters.preannotate.budget.accept import Acceptor
            from adapters.preannotate.budget.access import opened
            from adapters.preannotate.project import chosen_model
            from model_store.budget.acceptance import Promise
        with opened(number, data_dir) as access:
            acceptor = Acceptor(
                access,
                chosen_model(access.project, None, data_dir),
                Promise(max_error, confidence),
                withhold=withhold,
                quiet=quiet,
            )
            said = acceptor.withdraw() if undo else str(acceptor(do=do))
    if not quiet:
        console.say(said)
    return DONE
