"""The command `preannotate`: which of its commands is asked for, and how it ends.

What takes long to import is imported when it is needed.
"""

import sys
import traceback
from importlib import import_module
from pathlib import Path
from types import ModuleType

from adapters.preannotate.engines import processes
from adapters.preannotate.errors import PreannotateError
from adapters.preannotate.exit_codes import COULD_NOT_RUN


def main(arguments: list[str] | None = None) -> int:
    """Run it; returns its exit code. What ends it early is told in a sentence."""
    given = sys.argv[1:] if arguments is None else arguments
    interrupted = "Interrupted."
    try:
        command = _command(given)
        interrupted = command.INTERRUPTED
        code: int = command.main(given)
    except PreannotateError as error:
        return _refuse(str(error))
    except OSError as error:
        name = f"{error.filename}: " if error.filename else ""
        return _refuse(f"{name}{error.strerror or error}.")
    except KeyboardInterrupt:
        return _refuse(interrupted)
    except Exception as error:  # noqa: BLE001 (its own message may hold some of a row)
        *_, place = traceback.extract_tb(error.__traceback__)
        return _refuse(
            f"preannotate failed with {type(error).__name__} ({Path(place.filename).name}, line "
            f"{place.lineno}), which is a fault of its own: please report it."
        )
    return code


def _command(given: list[str]) -> ModuleType:
    if given[:1] == ["doctor"]:
        name = "doctor_cli"
    elif any(option.partition("=")[0] == "--project" for option in given):
        name = "project_cli"
    else:
        name = "files_cli"
    # Amid an import, an interrupt can be lost, or be taken for a module that is missing.
    with processes.interrupts_held_back():
        return import_module(f"adapters.preannotate.{name}")


def _refuse(message: str) -> int:
    print(message, file=sys.stderr)
    return COULD_NOT_RUN
