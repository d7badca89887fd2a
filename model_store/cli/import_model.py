"""`model-store import`: put an artifact, or the tutorial's files, into the store."""

from pathlib import Path
from tempfile import TemporaryDirectory

import click

from model_store.cli.data_dir_option import data_dir_option
from model_store.serving import data_dir as data_dirs

_PATH = click.Path(path_type=Path)


@click.command("import", short_help="Put a model into the store and print its tag.")
@click.argument("artifact", type=_PATH, required=False)
@click.option("--state-dict", type=_PATH, help="The tutorial's cnn.pt.")
@click.option("--vocab", type=_PATH, help="The tutorial's vocab_obj.pt.")
@click.option("--out", type=_PATH, help="A new directory to keep the artifact in.")
@data_dir_option
def import_model(
    artifact: Path | None,
    state_dict: Path | None,
    vocab: Path | None,
    out: Path | None,
    data_dir: Path,
) -> None:
    """Put a model into the store of BentoML and print its tag.

    The model is the artifact in the directory ARTIFACT, or it is made from the tutorial's two files
    with --state-dict and --vocab.
    """
    given = artifact is not None, state_dict is not None, vocab is not None
    if given not in {(True, False, False), (False, True, True)}:
        raise click.UsageError("Name an artifact, or both --state-dict and --vocab.")
    data_dirs.use_store(data_dir)
    from model_store.store import import_artifact

    if artifact is not None:
        click.echo(import_artifact(artifact))
        return
    assert state_dict is not None
    assert vocab is not None
    from model_store import artifact as artifacts
    from model_store.pretraining import tutorial

    with TemporaryDirectory() as scratch:
        directory = out or Path(scratch) / "artifact"
        classifier = tutorial.load(state_dict, vocab)
        artifacts.save(directory, classifier, training={"source": "the tutorial"}, metrics={})
        click.echo(import_artifact(directory))
