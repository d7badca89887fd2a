"""Measure how often the promotion gate errs, over simulated projects: `make bench-gate`.

Prints two tables in Markdown. In the first, projects with labels of their own: with the labels of
the data set, and with the same labels in random order, which must not pass. In the second, projects
with the labels of the shipped model: how often a head passes, and by how much those that pass
change the accuracy on texts that the projects do not have.
"""

import argparse
import json
import random
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

import numpy as np
import torch

from loadtests.bench.learning import DATA, RENAMED
from loadtests.bench.servers import ROOT
from model_store.learning.training import Learned, Parent, learn_control, load_parent
from model_store.learning.training_set import TrainingSet
from model_store.manifests import PRETRAINED
from model_store.model.classifier import Classifier
from model_store.pretraining.anchor import passages
from model_store.pretraining.corpus import LABELS, Corpus, Part, read

CORPUS = ROOT.parent / "shared/data/imdb/train.parquet"
SETS = ("trec", "emotion", "cr", "amazon_sentences")
SIZES = (20, 50, 100, 200)
_RARE = 20
"""Of so many texts one has the rare label, in the projects with a skew."""
_APART, _APART_FILMS = 400, 1200
"""Texts of each source that measure the change."""
_DOUBTFUL = 0.25
"""The share of reviews with the lowest scores."""


class Text(NamedTuple):
    """A text and its label."""

    text: str
    label: str


def main() -> None:
    """Simulate and print."""
    parser = argparse.ArgumentParser(prog="python -m loadtests.bench.gate", description=__doc__)
    parser.add_argument("--panel", type=Path, default=DATA, help="folder with *.jsonl files")
    parser.add_argument("--corpus", type=Path, default=CORPUS, help="file of labelled reviews")
    parser.add_argument("--projects", type=int, default=200, help="projects of each row")
    parser.add_argument("--own", type=int, default=100, help="projects of each row, own labels")
    options = parser.parse_args()
    torch.set_num_threads(1)
    parent = load_parent("shipped", PRETRAINED)
    if options.projects:
        new_labels(parent, options.panel, options.projects)
    if options.own:
        own_labels(parent, options.panel, read(options.corpus), options.own)


def new_labels(parent: Parent, panel: Path, projects: int) -> None:
    """Print how often heads for new labels pass."""
    rows: dict[str, list[Text]] = {name: _panel(panel / f"{name}.jsonl") for name in SETS}
    for name in ("cr", "amazon_sentences"):
        rows[name] = [Text(text, RENAMED[label]) for text, label in rows[name]]
    rows["amazon_sentences, 95 to 5"] = _skewed(rows["amazon_sentences"])
    print("| data set | annotations | passed | labels in random order: passed |")  # noqa: T201
    print("| --- | --- | --- | --- |")  # noqa: T201
    for name, texts in rows.items():
        for size in SIZES:
            passed = [0, 0]
            for seed in range(projects):
                chosen = random.Random(seed).sample(texts, size)
                shuffled = random.Random(seed).sample([label for _, label in chosen], size)
                given = [label for _, label in chosen]
                for column, labels in enumerate((given, shuffled)):
                    pairs = [
                        Text(text, label) for (text, _), label in zip(chosen, labels, strict=True)
                    ]
                    passed[column] += _learned(parent, pairs, seed).outcome.passed
            shares = " | ".join(f"{count / projects:.0%}" for count in passed)
            print(f"| {name} | {size} | {shares} |", flush=True)  # noqa: T201


def own_labels(parent: Parent, panel: Path, corpus: Corpus, projects: int) -> None:
    """Print how often heads for the labels of the shipped model pass, and what they change."""
    apart = dict(_apart(panel, corpus))
    before = {source: _accuracy(parent.classifier, texts) for source, texts in apart.items()}
    title = " | ".join(f"{source} ({before[source]:.1%})" for source in apart)
    print(f"\n| project | annotations | passed | {title} |")  # noqa: T201
    print(f"| --- | --- | --- |{' --- |' * len(apart)}")  # noqa: T201
    for name, size, choose in _projects(parent, panel, corpus):
        changes: list[dict[str, float]] = []
        for seed in range(projects):
            learned = _learned(parent, choose(random.Random(seed), size), seed, LABELS)
            if learned.outcome.passed and learned.outcome.head:
                encoder = learned.encoder or parent.classifier.encoder
                head = Classifier(encoder, learned.outcome.head)
                changes.append({key: _accuracy(head, apart[key]) - before[key] for key in apart})
        cells = [_change([each[source] for each in changes]) for source in apart]
        share = f"{len(changes) / projects:.0%}"
        print(f"| {name} | {size} | {share} | {' | '.join(cells)} |", flush=True)  # noqa: T201


def _projects(
    parent: Parent, panel: Path, corpus: Corpus
) -> Iterator[tuple[str, int, Callable[[random.Random, int], list[Text]]]]:
    # The shipped model has learned the reviews of the training part by heart.
    films = _of_corpus(corpus, Part.HELD_OUT)[_APART_FILMS:]
    found = parent.classifier.classify([text for text, _ in films])
    by_doubt = sorted(range(len(films)), key=lambda row: found[row].score)
    doubtful = [films[row] for row in by_doubt[: int(_DOUBTFUL * len(films))]]
    accepted = [Text(each.text, result.label) for each, result in zip(films, found, strict=True)]
    short = [
        Text(text, each.label)
        for text, each in zip(
            passages([text for text, _ in films], np.random.default_rng(0)), films, strict=True
        )
    ]
    positive = [each for each in films if each.label == LABELS[1]]
    negative = [each for each in films if each.label == LABELS[0]]
    yield "films", 200, _any(films)
    yield "accepted pre-labels of films", 56, _any(accepted)
    yield "doubtful films alone", 200, _any(doubtful)
    yield (
        "films, nine of ten Negative",
        200,
        lambda rng, size: rng.sample(negative, size * 9 // 10) + rng.sample(positive, size // 10),
    )
    yield "passages of films", 200, _any(short)
    yield (
        "films, random labels",
        200,
        lambda rng, size: [Text(text, rng.choice(LABELS)) for text, _ in rng.sample(films, size)],
    )
    for name in ("cr", "amazon_sentences"):
        texts = _panel(panel / f"{name}.jsonl")[_APART:]
        yield name, 200, _any(texts)


def _any(texts: Sequence[Text]) -> Callable[[random.Random, int], list[Text]]:
    return lambda rng, size: rng.sample(texts, size)


def _apart(panel: Path, corpus: Corpus) -> Iterator[tuple[str, list[Text]]]:
    chosen = _of_corpus(corpus, Part.HELD_OUT)[:_APART_FILMS]
    cut = passages([text for text, _ in chosen], np.random.default_rng(1))
    yield "films", chosen
    yield "passages", [Text(text, each.label) for text, each in zip(cut, chosen, strict=True)]
    for name in ("cr", "amazon_sentences"):
        yield name, _panel(panel / f"{name}.jsonl")[:_APART]


def _of_corpus(corpus: Corpus, part: Part) -> list[Text]:
    """Return the reviews of a part in random order; the corpus has all of one label first."""
    chosen = corpus.part(part)
    found = [
        Text(text, LABELS[label]) for text, label in zip(chosen.texts, chosen.labels, strict=True)
    ]
    random.Random(1).shuffle(found)
    return found


def _panel(path: Path) -> list[Text]:
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    random.Random(0).shuffle(rows)
    return [Text(row["text"], str(row["label"])) for row in rows]


def _skewed(texts: Sequence[Text]) -> list[Text]:
    """Return all texts of one label, and so many of the other that it is rare."""
    rare = RENAMED[LABELS[0]]
    common = [each for each in texts if each.label != rare]
    return common + [each for each in texts if each.label == rare][: len(common) // (_RARE - 1)]


def _learned(
    parent: Parent, pairs: Sequence[Text], seed: int, labels: Sequence[str] = ()
) -> Learned:
    found = TrainingSet(
        "label",
        tuple(labels or sorted({label for _, label in pairs})),
        list(range(len(pairs))),
        [text for text, _ in pairs],
        [(label,) for _, label in pairs],
    )
    return learn_control(f"{seed}.1", parent, found, lambda _, __: None)


def _accuracy(classifier: Classifier, texts: Sequence[Text]) -> float:
    found = classifier.classify([text for text, _ in texts])
    return fmean(each.label == text.label for each, text in zip(found, texts, strict=True))


def _change(changes: Sequence[float]) -> str:
    """Return the mean and the worst change in points."""
    if not changes:
        return "-"
    return f"{100 * fmean(changes):+.1f} (worst {100 * min(changes):+.1f})"


if __name__ == "__main__":
    main()
