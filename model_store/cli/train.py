"""`model-store train`: train an artifact from labelled reviews."""

import json
from pathlib import Path

import click


@click.command(short_help="Train a model on labelled reviews.")
@click.argument("data", type=click.Path(path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
@click.option(
    "--seed", default=1, show_default=True, help="Seed of all random numbers of the training."
)
def train(data: Path, out: Path, seed: int) -> None:
    """Train a model on DATA and write it to the new directory OUT.

    DATA is a CSV or Parquet file with the columns text and label, a folder of such files, or the
    folder aclImdb. If the training is killed, the same command resumes it.
    """
    from model_store.pretraining.recipe import Recipe, train

    manifest = train(data, out, Recipe(seed=seed))
    click.echo(json.dumps(manifest.model_dump(mode="json")["metrics"], indent=2))
