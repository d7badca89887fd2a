"""The command line of the model store: parse, one call, print.

Each command imports what it needs: the server's installation has not the packages of training.
"""

import argparse
import json
import logging
import sys
from pathlib import Path

from model_store.errors import ModelStoreError


def main(arguments: list[str] | None = None) -> None:
    """Run `python -m model_store`; ends with 1 and one sentence if something is wrong."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(format="%(asctime)s %(message)s", level=logging.INFO)
    try:
        options.run(options)
    except ModelStoreError as error:
        print(error, file=sys.stderr)
        sys.exit(1)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m model_store", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="command")

    train = commands.add_parser("train", help="labelled reviews in, an artifact out")
    train.add_argument("data", type=Path, help="CSV or Parquet file, folder of them, or aclImdb")
    train.add_argument("out", type=Path, help="directory to make")
    train.add_argument("--seed", type=int, default=1)
    train.set_defaults(run=_train)

    importing = commands.add_parser("import", help="an artifact into the BentoML model store")
    importing.add_argument("artifact", type=Path, help="directory of an artifact")
    importing.set_defaults(run=_import)
    return parser


def _train(options: argparse.Namespace) -> None:
    from model_store.training import Recipe, train

    manifest = train(options.data, options.out, Recipe(seed=options.seed))
    print(json.dumps(manifest.model_dump(mode="json")["metrics"], indent=2))


def _import(options: argparse.Namespace) -> None:
    from model_store.store import import_artifact

    print(import_artifact(options.artifact))
