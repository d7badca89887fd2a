"""The command line of the model store: parse, one call, print.

Each command imports what it needs: the server's installation has not the packages of training.
"""

import argparse
import json
import logging
import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from model_store.errors import ModelStoreError
from model_store.serving import data_dir

if TYPE_CHECKING:
    from model_store.serving.deployments import DeploymentLog, Entry


def main(arguments: list[str] | None = None) -> None:
    """Run `python -m model_store`; ends with 1 and one sentence if something is wrong."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(format="%(asctime)s %(message)s", level=logging.WARNING)
    logging.getLogger("model_store").setLevel(logging.INFO)
    try:
        options.run(options)
    except ModelStoreError as error:
        print(error, file=sys.stderr)
        sys.exit(1)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m model_store", description="Train, import and evaluate sentiment models."
    )
    commands = parser.add_subparsers(required=True, metavar="command")

    train = commands.add_parser(
        "train",
        help="labelled reviews in, an artifact out",
        description="Train an artifact. Killed, the same command goes on where it was.",
    )
    train.add_argument("data", type=Path, help="CSV or Parquet file, folder of them, or aclImdb")
    train.add_argument("out", type=Path, help="directory to make")
    train.add_argument("--seed", type=int, default=1, help="another seed, another model (1)")
    train.set_defaults(run=_train)

    evaluate = commands.add_parser(
        "evaluate",
        help="an artifact and labelled reviews in, metrics and plots out",
        description="Write metrics.json, plots as PNG and a self-contained report.html.",
    )
    evaluate.add_argument("artifact", type=Path, help="directory of an artifact")
    evaluate.add_argument("data", type=Path, help="labelled reviews, as for train")
    evaluate.add_argument("out", type=Path, help="directory to write into")
    evaluate.add_argument(
        "--part",
        choices=("all", "held-out", "validation", "train"),
        default="all",
        help="the part of the reviews, by the split that training makes (all)",
    )
    evaluate.set_defaults(run=_evaluate)

    simulate = commands.add_parser(
        "simulate",
        help="what annotating the lowest scores first is worth, as a plot",
        description="Play a project with labels of its own through, in two orders of annotating.",
    )
    simulate.add_argument("data", type=Path, help="labelled reviews, as for train")
    simulate.add_argument("out", type=Path, help="directory to write into")
    simulate.add_argument("--artifact", type=Path, help="the encoder's (the one that ships)")
    simulate.add_argument("--seeds", type=int, default=10, help="runs to take the mean of (10)")
    simulate.set_defaults(run=_simulate)

    data = _data_option()
    _add_version_commands(commands, data)
    importing = commands.add_parser(
        "import",
        parents=[data],
        help="an artifact, or the tutorial's own files, into the BentoML model store",
        description="Import an artifact, or make one of the tutorial's cnn.pt and vocab_obj.pt.",
    )
    importing.add_argument("artifact", type=Path, nargs="?", help="directory of an artifact")
    importing.add_argument("--state-dict", type=Path, help="the tutorial's cnn.pt")
    importing.add_argument("--vocab", type=Path, help="the tutorial's vocab_obj.pt")
    importing.add_argument("--out", type=Path, help="directory to keep the artifact in")
    importing.set_defaults(run=_import, parser=importing)
    return parser


def _data_option() -> argparse.ArgumentParser:
    data = argparse.ArgumentParser(add_help=False)
    data.add_argument(
        "--data-dir",
        type=Path,
        default=data_dir.default(),
        help="the data directory of the server ($SENTIMENT_DATA_DIR, or .data)",
    )
    return data


def _add_version_commands(commands: Any, data: argparse.ArgumentParser) -> None:
    versions = commands.add_parser(
        "versions",
        parents=[data],
        help="the versions of all projects, and which of them serve",
        description="List the versions in the BentoML store.",
    )
    versions.set_defaults(run=_versions)
    promote = commands.add_parser(
        "promote",
        parents=[data],
        help="let a version serve a project; a running server changes over by itself",
        description="Make a version the active one, even if the promotion gate refused it.",
    )
    promote.add_argument("version", help="as `versions` lists it")
    promote.add_argument("--project", help="by default that which it was trained for")
    promote.set_defaults(run=_promote)
    rollback = commands.add_parser(
        "rollback",
        parents=[data],
        help="let the version serve a project that did before",
        description="Go back to the version that was active before the active one.",
    )
    rollback.add_argument("project", help="as `versions` lists it: <id>.<unix time created>")
    rollback.set_defaults(run=_rollback)


def _deployments(options: argparse.Namespace) -> "DeploymentLog":
    data_dir.use_store(options.data_dir)
    from model_store.serving.database import connect
    from model_store.serving.deployments import DeploymentLog

    return DeploymentLog(connect(data_dir.database_url(options.data_dir)))


def _versions(options: argparse.Namespace) -> None:
    log = _deployments(options)
    from model_store.serving.versions import table

    names = ("version", "project", "created", "examples", "accuracy", "state")
    rows = [
        (
            row.version,
            row.project or "-",
            row.created or "-",
            "-" if row.examples is None else str(row.examples),
            "-" if row.accuracy is None else f"{row.accuracy:.3f}",
            row.state,
        )
        for row in table(log)
    ]
    widths = [max(map(len, column)) for column in zip(names, *rows, strict=True)]
    for row in (names, *rows):
        print(*(cell.ljust(width) for cell, width in zip(row, widths, strict=True)))


def _promote(options: argparse.Namespace) -> None:
    log = _deployments(options)
    from model_store.serving.versions import promote

    _print_change(promote(log, options.version, options.project))


def _rollback(options: argparse.Namespace) -> None:
    log = _deployments(options)
    from model_store.serving.versions import rollback

    _print_change(rollback(log, options.project))


def _print_change(entry: "Entry") -> None:
    name = entry.version or "the model that the server was started with"
    at = datetime.fromtimestamp(entry.effective_at).astimezone()
    print(f"Project {entry.project} is served by {name} from {at:%H:%M:%S} on ({entry.reason}).")


def _train(options: argparse.Namespace) -> None:
    from model_store.pretraining.recipe import Recipe, train

    manifest = train(options.data, options.out, Recipe(seed=options.seed))
    print(json.dumps(manifest.model_dump(mode="json")["metrics"], indent=2))


def _evaluate(options: argparse.Namespace) -> None:
    from model_store import artifact
    from model_store.pretraining import corpus, report
    from model_store.pretraining.recipe import predict

    reviews = corpus.read(options.data)
    if options.part != "all":
        reviews = reviews.part(corpus.Part(options.part))
    predictions = predict(artifact.load(options.artifact), reviews.labelled())
    metrics = report.write(
        options.out,
        predictions,
        title=f"Sentiment model {artifact.version(options.artifact)}",
        subtitle=f"{len(predictions.classes):,} labelled reviews of {options.data.name}, "
        f"part: {options.part}",
    )
    print(json.dumps(metrics, indent=2))


def _simulate(options: argparse.Namespace) -> None:
    from model_store import artifact, simulation
    from model_store.pretraining import corpus
    from model_store.store import PRETRAINED

    texts = corpus.read(options.data)
    classifier = artifact.load(options.artifact or PRETRAINED)
    reviews = simulation.unseen(classifier, texts, options.data)
    result = simulation.simulate(reviews, seeds=options.seeds)
    simulation.write(options.out, result)
    print(json.dumps(result, indent=2))


def _import(options: argparse.Namespace) -> None:
    data_dir.use_store(options.data_dir)
    from tempfile import TemporaryDirectory

    from model_store import artifact
    from model_store.pretraining import tutorial
    from model_store.store import import_artifact

    if (options.artifact is None) == (options.state_dict is None) or (
        (options.state_dict is None) != (options.vocab is None)
    ):
        options.parser.error("name an artifact, or both --state-dict and --vocab")
    if options.artifact:
        print(import_artifact(options.artifact))
        return
    with TemporaryDirectory() as scratch:
        directory = options.out or Path(scratch) / "artifact"
        classifier = tutorial.load(options.state_dict, options.vocab)
        artifact.save(directory, classifier, training={"source": "the tutorial"}, metrics={})
        print(import_artifact(directory))
