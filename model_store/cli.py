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

    importing = commands.add_parser(
        "import",
        help="an artifact, or the tutorial's own files, into the BentoML model store",
        description="Import an artifact, or make one of the tutorial's cnn.pt and vocab_obj.pt.",
    )
    importing.add_argument("artifact", type=Path, nargs="?", help="directory of an artifact")
    importing.add_argument("--state-dict", type=Path, help="the tutorial's cnn.pt")
    importing.add_argument("--vocab", type=Path, help="the tutorial's vocab_obj.pt")
    importing.add_argument("--out", type=Path, help="directory to keep the artifact in")
    importing.set_defaults(run=_import, parser=importing)
    return parser


def _train(options: argparse.Namespace) -> None:
    from model_store.training import Recipe, train

    manifest = train(options.data, options.out, Recipe(seed=options.seed))
    print(json.dumps(manifest.model_dump(mode="json")["metrics"], indent=2))


def _evaluate(options: argparse.Namespace) -> None:
    from model_store import artifact, corpus, report
    from model_store.training import predict

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


def _import(options: argparse.Namespace) -> None:
    from tempfile import TemporaryDirectory

    from model_store import artifact, tutorial
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
