"""The command line of the model store: `model-store VERB`, one module for each verb.

Verbs import what they need when they run: the server's installation lacks the packages of training.
"""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from model_store import console
from model_store.cli.evaluate import evaluate
from model_store.cli.explain import explain
from model_store.cli.import_model import import_model
from model_store.cli.promote import promote
from model_store.cli.rollback import rollback
from model_store.cli.train import train
from model_store.cli.versions import versions
from model_store.errors import ModelStoreError


class _Program(click.Group):
    def make_context(self, *args: Any, **options: Any) -> click.Context:
        """Parse the arguments, or print the help."""
        with _read_enough():
            return super().make_context(*args, **options)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a verb; an error of this package ends it with one sentence and exit code 1."""
        try:
            with _read_enough():
                return super().invoke(ctx)
        except ModelStoreError as error:
            console.say(str(error), err=True)
            sys.exit(1)
        except OSError as error:
            console.silence()  # what standard output still holds can be what does not fit
            name = f"{error.filename}: " if error.filename else ""
            console.say(f"{name}{error.strerror or error}.", err=True)
            sys.exit(1)
        except KeyboardInterrupt:
            sys.exit(130)


@contextmanager
def _read_enough() -> Iterator[None]:
    """End with exit code 0 where the reader of a report, such as `head`, closes the pipe."""
    try:
        yield
    except BrokenPipeError:
        console.silence()
        sys.exit()


@click.group(
    cls=_Program,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80},
    commands=[train, evaluate, explain, import_model, versions, promote, rollback],
)
def program() -> None:
    """Train, evaluate, explain and import models, and choose the version that serves a project."""
    logging.basicConfig(format="%(asctime)s %(message)s", level=logging.WARNING)
    logging.getLogger("model_store").setLevel(logging.INFO)


def main() -> None:
    """Run `model-store`, which is also `python -m model_store`."""
    console.prepare()
    program(prog_name="model-store")
