"""`model-store evaluate`: measure an artifact on labelled reviews."""

from pathlib import Path

import click

from model_store.cli.labelled_data import finish, labelled_data_options, report_rejected

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
@labelled_data_options
def evaluate(
    *,
    artifact: Path,
    data: Path,
    out: Path,
    part: str,
    text: str | None,
    label: str | None,
    encoding: str,
) -> None:
    """Measure the model in the directory ARTIFACT on the labelled reviews DATA.

    Writes metrics.json, plots as PNG, and report.html, which contains all of it, to the folder OUT.
    DATA is what `model-store train` reads. The exit code is 1 if rows of it were left out.
    """
    from model_store import artifact as artifacts
    from model_store import manifests
    from model_store.errors import CorpusError
    from model_store.pretraining import corpus, report
    from model_store.pretraining.labelled_files import Columns
    from model_store.pretraining.recipe import predict

    classifier = artifacts.load(artifact)
    report.prepare(out)
    reviews = corpus.read(data, Columns(text, label), encoding)
    report_rejected(reviews.rejected)
    chosen = reviews.labelled() if part == "all" else reviews.part(corpus.Part(part))
    if not chosen.texts:
        raise CorpusError(data, f"none of its {len(reviews):,} reviews is in the part {part}")
    predictions = predict(classifier, chosen)
    left_out = f", {len(reviews.rejected):,} rows left out" if reviews.rejected else ""
    metrics = report.write(
        out,
        predictions,
        title=f"Sentiment model {manifests.version(artifact)}",
        subtitle=f"{len(predictions.classes):,} labelled reviews of {data.name}, part: {part}"
        f"{left_out}",
    )
    finish(metrics, reviews.rejected)
