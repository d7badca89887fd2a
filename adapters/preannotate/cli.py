"""The command `preannotate`: choose the verb, run it, report what ends it early.

`preannotate INPUT... OUT` annotates files; all other verbs have a name. The verbs
import what is slow when they run.
"""

import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

import click
from click.exceptions import Exit

from adapters.preannotate.errors import COULD_NOT_RUN, DONE, PreannotateError
from adapters.preannotate.verbs import Verbs
from adapters.preannotate.verbs.accept import accept
from adapters.preannotate.verbs.active import active
from adapters.preannotate.verbs.doctor import doctor
from adapters.preannotate.verbs.files import files
from adapters.preannotate.verbs.project import project
from adapters.preannotate.verbs.review import review
from adapters.preannotate.verbs.status import status
from model_store import console

COMMAND = Verbs(
    files,
    {
        "project": project,
        "active": active,
        "review": review,
        "accept": accept,
        "status": status,
        "doctor": doctor,
    },
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code; an error becomes a sentence on standard error."""
    console.prepare()
    given = sys.argv[1:] if arguments is None else arguments
    try:
        with COMMAND.make_context("preannotate", list(given)) as context:
            code: int = COMMAND.invoke(context)
    except Exit as ended:  # --help
        return ended.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except BrokenPipeError:  # the reader of --help has read enough
        console.silence()
        return DONE
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 (each becomes a sentence)
        console.say(_sentence(error), err=True)
        return COULD_NOT_RUN
    return code


def _sentence(error: BaseException) -> str:
    match error:
        case PreannotateError():
            return str(error)
        case OSError():
            name = f"{error.filename}: " if error.filename else ""
            return f"{name}{error.strerror or error}."
        case KeyboardInterrupt():
            return "Interrupted."
    # The error's own message can contain data.
    *_, place = traceback.extract_tb(error.__traceback__)
    return (
        f"preannotate failed with {type(error).__name__} ({Path(place.filename).name}, line "
        f"{place.lineno}). This is a bug: please report it."
    )
