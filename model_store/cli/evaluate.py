"""`model-store evaluate`: measure an artifact on labelled reviews."""

import json
from pathlib import Path

import click

_PATH = click.Path(path_type=Path)


@click.command(short_help="Measure a model on labelled reviews.")
@click.argument("artifact", type=_PATH)
@click.argument("data", type=_PATH)
@click.argument("out", type=_PATH)
@click.option(
    "--part",
    type=click.Choice(("all", "held-out", "validation", "train")),
    default="all",
    show_default=True,
    help="The part of the reviews to measure on, by the split that training makes.",
)
def evaluate(artifact: Path, data: Path, out: Path, part: str) -> None:
    """Measure the model in the directory ARTIFACT on the labelled reviews DATA.

    Writes metrics.json, plots as PNG, and report.html, which contains all of it, to the folder OUT.
    DATA is what `model-store train` reads.
    """
    from model_store import artifact as artifacts
    from model_store.pretraining import corpus, report
    from model_store.pretraining.recipe import predict

    reviews = corpus.read(data)
    if part != "all":
        reviews = reviews.part(corpus.Part(part))
    predictions = predict(artifacts.load(artifact), reviews.labelled())
    metrics = report.write(
        out,
        predictions,
        title=f"Sentiment model {artifacts.version(artifact)}",
        subtitle=f"{len(predictions.classes):,} labelled reviews of {data.name}, part: {part}",
    )
    click.echo(json.dumps(metrics, indent=2))
