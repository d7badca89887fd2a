"""The command line of the model store: `model-store VERB`, one module for each verb.

Verbs import what they need when they run: the server's installation lacks the packages of training.
"""

import logging
import sys
from typing import Any

import click

from model_store.cli.evaluate import evaluate
from model_store.cli.import_model import import_model
from model_store.cli.promote import promote
from model_store.cli.rollback import rollback
from model_store.cli.train import train
from model_store.cli.versions import versions
from model_store.errors import ModelStoreError


class _Program(click.Group):
    def invoke(self, ctx: click.Context) -> Any:
        """Run a verb; an error of this package ends it with one sentence and exit code 1."""
        try:
            return super().invoke(ctx)
        except ModelStoreError as error:
            click.echo(str(error), err=True)
            sys.exit(1)
        except KeyboardInterrupt:
            sys.exit(130)


@click.group(
    cls=_Program,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80},
    commands=[train, evaluate, import_model, versions, promote, rollback],
)
def program() -> None:
    """Train, evaluate and import models, and choose the version that serves a project."""
    logging.basicConfig(format="%(asctime)s %(message)s", level=logging.WARNING)
    logging.getLogger("model_store").setLevel(logging.INFO)


def main() -> None:
    """Run `model-store`, which is also `python -m model_store`."""
    program(prog_name="model-store")
