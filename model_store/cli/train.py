"""`model-store train`: train an artifact from labelled reviews."""

from pathlib import Path

import click

from model_store.cli.labelled_data import finish, labelled_data_options, report_rejected


@click.command(short_help="Train a model on labelled reviews.")
@click.argument("data", type=click.Path(path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
@click.option(
    "--seed", default=1, show_default=True, help="Seed of all random numbers of the training."
)
@click.option(
    "--transformer",
    metavar="NAME",
    help="A sentence transformer that teaches passages: a folder, or a name on the Hugging Face "
    "hub, such as sentence-transformers/all-MiniLM-L6-v2. Without it, the model learns from whole "
    "texts only, and knows less of short ones.",
)
@labelled_data_options
def train(
    *,
    data: Path,
    out: Path,
    seed: int,
    transformer: str | None,
    text: str | None,
    label: str | None,
    encoding: str,
) -> None:
    """Train a model on DATA and write it to the new directory OUT.

    DATA is a file that preannotate reads, with a column of texts and one of labels, a folder of
    such files, or the folder aclImdb. If the training is killed, the same command resumes it.
    The exit code is 1 if rows of DATA were left out; the model is written all the same.
    """
    from model_store.errors import ArtifactExistsError
    from model_store.pretraining import corpus
    from model_store.pretraining.labelled_files import Columns
    from model_store.pretraining.recipe import Recipe, train_on

    if out.exists():
        raise ArtifactExistsError(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    reviews = corpus.read(data, Columns(text, label), encoding)
    report_rejected(reviews.rejected)
    manifest = train_on(reviews, data, out, Recipe(seed=seed, transformer=transformer))
    finish(manifest.model_dump(mode="json")["metrics"], reviews.rejected)
