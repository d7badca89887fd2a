"""Measure how well projects with labels of their own learn: `make bench-learning`.

Trains as a job does and classifies other texts of the same data set; beside it, TF-IDF with
logistic regression, and a sentence transformer with logistic regression if its folder is given.
Writes docs/learning-benchmarks.md, .svg and .json.
"""

import argparse
import json
import random
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from hashlib import sha256
from itertools import product
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import numpy as np
import pyarrow.parquet
import torch
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score

from loadtests.bench.servers import ROOT
from model_store.files import atomic_write
from model_store.learning.training import learn_control, load_parent
from model_store.learning.training_set import TrainingSet
from model_store.manifests import PRETRAINED
from model_store.model.classification import Kind
from model_store.model.classifier import Classifier
from model_store.pretraining.sentence_transformer import SentenceTransformer

DATA = ROOT.parent / "shared/data/panel"
STARS = ROOT.parent / "shared/data/imdb/train.parquet"
SETS = ("trec", "cr", "emotion", "amazon_sentences", "banking77", "ekman_multilabel")
SIZES = (20, 50, 100, 200, 500, 1000)
_CACHE = ROOT / "build/bench/sentences"
_COLUMNS = 4
_TEST_TEXTS = 600
_POOL = 600
"""Texts that trials choose from, unless they need more."""
_MANY_LABELS = 50
_MIN_FOR_MANY_LABELS = 500
_STRENGTH = 10.0
"""C of the logistic regressions beside ours; better than 1 on all sets."""
RENAMED = {"Negative": "Complaint", "Positive": "Praise"}
"""Other names for the labels of the shipped model, whose head is tuned within a bound."""
_METHODS = {"ours": "this project", "tfidf": "TF-IDF", "transformer": "sentence transformer"}


@dataclass(frozen=True)
class Score:
    """The accuracies of one trial, in 0..1; None where a method was not trained."""

    data: str
    annotations: int
    seed: int
    ours: float | None
    tfidf: float
    transformer: float | None
    promoted: bool
    blocks: dict[str, float]
    seconds: float
    """Processor time of our training."""


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(prog="python -m loadtests.bench.learning", description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA, help="folder with *.jsonl files")
    parser.add_argument("--sets", nargs="+", default=SETS, help="names of files in it")
    parser.add_argument("--stars", type=Path, default=STARS, help="file of reviews with stars")
    parser.add_argument("--sizes", nargs="+", type=int, default=SIZES, help="annotations")
    parser.add_argument("--seeds", type=int, default=5, help="trials of each size")
    parser.add_argument("--transformer", type=Path, help="folder of a sentence transformer")
    parser.add_argument("--out", type=Path, default=ROOT / "docs", help="output folder")
    options = parser.parse_args()
    torch.set_num_threads(1)
    paths = {name: options.data / f"{name}.jsonl" for name in options.sets}
    if options.stars.is_file():
        paths["stars"] = options.stars
    if missing := [name for name, path in paths.items() if not path.is_file()]:
        sys.exit(f"{options.data} has no {', '.join(missing)}: pass --data or --sets.")
    scores: list[Score] = []
    for name, path in paths.items():
        for score in _scores(name, path, options):
            scores.append(score)
            print(score, flush=True)  # noqa: T201 (progress)
    write(scores, options.out)


def _scores(name: str, path: Path, options: argparse.Namespace) -> Iterator[Score]:
    texts, answers, kind = read(path)
    held = min(_TEST_TEXTS, len(texts) // 2)
    # The rest is not read: a transformer needs long for it.
    most = held + max(*options.sizes, _POOL)
    texts, answers = texts[:most], answers[:most]
    labels = {label for each in answers for label in each}
    trials = {name: answers}
    if labels == set(RENAMED):
        renamed = [tuple(RENAMED[label] for label in each) for each in answers]
        trials[f"{name}, renamed"] = renamed
    vectors = _vectors(options.transformer, texts) if options.transformer else None
    least = _MIN_FOR_MANY_LABELS if len(labels) > _MANY_LABELS else 0
    sizes = [size for size in options.sizes if least <= size <= len(texts) - held]
    for (title, given), size, seed in product(trials.items(), sizes, range(options.seeds)):
        order = np.random.default_rng(seed).permutation(len(texts) - held) + held
        yield _score(_Data(title, texts, given, kind, vectors), order[:size], held, seed)


def read(path: Path) -> tuple[list[str], list[tuple[str, ...]], Kind]:
    """Return texts and their labels in random order, and how many labels a text has."""
    if path.suffix == ".parquet":
        columns = pyarrow.parquet.read_table(path, columns=["text", "stars"]).to_pydict()
        stars = [(str(number),) for number in columns["stars"]]
        rows = list(zip(columns["text"], stars, strict=True))
        kind: Kind = "rating"
    else:
        lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        kind = "multiple" if any(isinstance(row["label"], list) for row in lines) else "single"
        rows = [
            (row["text"], tuple(row["label"]) if kind == "multiple" else (str(row["label"]),))
            for row in lines
        ]
    random.Random(0).shuffle(rows)
    texts, answers = zip(*rows, strict=True)
    return list(texts), list(answers), kind


@dataclass(frozen=True)
class _Data:
    name: str
    texts: Sequence[str]
    answers: Sequence[tuple[str, ...]]
    kind: Kind
    vectors: NDArray[np.float32] | None
    """(texts, dimensions) of the sentence transformer."""

    @property
    def labels(self) -> tuple[str, ...]:
        """All labels; numbers are in order."""
        found = {label for each in self.answers for label in each}
        return tuple(sorted(found, key=lambda label: (len(label), label)))

    def targets(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return (texts, labels): 1 for the labels of these texts."""
        return self.targets_of([self.answers[row] for row in rows])

    def targets_of(self, answers: Sequence[tuple[str, ...]]) -> NDArray[np.int64]:
        """Return (texts, labels): 1 for the labels of a text."""
        places = {label: place for place, label in enumerate(self.labels)}
        found = np.zeros((len(answers), len(places)), dtype=np.int64)
        for row, given in enumerate(answers):
            found[row, [places[label] for label in given]] = 1
        return found


def _score(data: _Data, chosen: NDArray[np.int64], held: int, seed: int) -> Score:
    """Learn from the chosen texts and classify the first `held` ones."""
    tests = np.arange(held)
    texts = np.array(data.texts, dtype=object)
    parent = load_parent("shipped", PRETRAINED)
    start = time.process_time()
    result = learn_control(
        f"{seed}.1",
        parent,
        TrainingSet(
            "label",
            data.labels,
            list(range(len(chosen))),
            list(texts[chosen]),
            [data.answers[row] for row in chosen],
            data.kind,
        ),
        lambda _, __: None,
    )
    seconds = time.process_time() - start
    ours = None
    if head := result.outcome.head:
        classifier = Classifier(result.encoder or parent.classifier.encoder, head)
        given = [each.answers for each in classifier.classify(list(texts[tests]))]
        ours = _right(data, tests, data.targets_of(given))
    tfidf = TfidfVectorizer().fit(texts[chosen])
    words = [tfidf.transform(texts[rows]) for rows in (chosen, tests)]
    vectors = data.vectors
    return Score(
        data=data.name,
        annotations=len(chosen),
        seed=seed,
        ours=ours,
        tfidf=_regression(data, words[0], words[1], chosen),
        transformer=None
        if vectors is None
        else _regression(data, vectors[chosen], vectors[tests], chosen),
        promoted=result.outcome.passed,
        blocks=dict(result.outcome.shares),
        seconds=seconds,
    )


def _regression(data: _Data, learned: Any, tested: Any, chosen: NDArray[np.int64]) -> float:
    """Return the score of logistic regression on features: for each label, or of one of many."""
    tests = np.arange(tested.shape[0])
    regression = LogisticRegression(C=_STRENGTH, max_iter=1000)
    targets = data.targets(chosen)
    if data.kind == "multiple":
        varied = np.flatnonzero(targets.any(axis=0) & ~targets.all(axis=0))
        found = np.repeat(targets[:1], len(tests), axis=0)
        for label in varied:
            found[:, label] = clone(regression).fit(learned, targets[:, label]).predict(tested)
    else:
        classes = regression.fit(learned, targets.argmax(axis=1)).predict(tested)
        found = np.eye(targets.shape[1], dtype=np.int64)[classes]
    return _right(data, tests, found)


def _right(data: _Data, tests: NDArray[np.int64], found: NDArray[np.int64]) -> float:
    """Return the share of right answers; micro F1 for several labels; nearness for ratings."""
    expected = data.targets(tests)
    if data.kind == "multiple":
        return float(f1_score(expected, found, average="micro"))
    steps = np.abs(expected.argmax(axis=1) - found.argmax(axis=1))
    return float((steps <= (1 if data.kind == "rating" else 0)).mean())


def _vectors(folder: Path, texts: Sequence[str]) -> NDArray[np.float32]:
    """Return (texts, dimensions) sentence vectors; a file keeps them for the next run."""
    digest = sha256("\0".join(texts).encode("utf-8", "surrogatepass")).hexdigest()[:16]
    path = _CACHE / f"{folder.name}-{digest}.npy"
    if not path.exists():
        _CACHE.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as draft:
            np.save(draft, SentenceTransformer(folder)(texts))
    return np.asarray(np.load(path))


def write(scores: Sequence[Score], folder: Path) -> None:
    """Write the page, the plot and the figures."""
    facts = {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "torch": torch.__version__,
        "scores": [asdict(score) for score in scores],
    }
    text = json.dumps(facts, indent=1)
    (folder / "learning-benchmarks.json").write_text(text + "\n", encoding="utf-8")
    (folder / "learning-benchmarks.md").write_text(page(scores), encoding="utf-8")
    draw(scores, folder / "learning-benchmarks.svg")


def page(scores: Sequence[Score]) -> str:
    """Return a table of mean accuracies in Markdown."""
    lines = [
        "# How well it learns",
        "",
        "`make bench-learning` writes this page. Accuracy in percent on other texts of the same",
        "data set, the mean of several trials; ± is the standard deviation of ours. Of texts with",
        "several labels (`ekman_multilabel`) it is the micro F1, and of `stars` the share that is",
        "right within one of the eight numbers that reviews have. A hyphen: there were too few",
        "annotations in some trial. Renamed: Praise and Complaint instead of Positive and",
        "Negative, whose heads also learn from an anchor, so that they stay right about films.",
        "",
        "![Accuracy by annotations](learning-benchmarks.svg)",
        "",
        f"| data set | annotations | {' | '.join(_METHODS.values())} | promoted | seconds |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for (data, size), group in _groups(scores):
        cells = [_cell([getattr(score, method) for score in group]) for method in _METHODS]
        ours = [score.ours for score in group if score.ours is not None]
        if len(ours) > 1 and cells[0] != "-":
            cells[0] += f" ± {100 * stdev(ours):.1f}"
        promoted = f"{sum(score.promoted for score in group)} of {len(group)}"
        seconds = f"{fmean(score.seconds for score in group):.1f}"
        lines.append(f"| {data} | {size} | {' | '.join(cells)} | {promoted} | {seconds} |")
    return "\n".join([*lines, ""])


def draw(scores: Sequence[Score], path: Path) -> None:
    """Draw the accuracies of each data set by the number of annotations."""
    from matplotlib.figure import Figure  # noqa: PLC0415 (slow to import)

    sets = list(dict.fromkeys(score.data for score in scores))
    rows = -(-len(sets) // _COLUMNS)
    figure = Figure(figsize=(3.2 * _COLUMNS, 3 * rows), layout="constrained")
    for axes, data in zip(figure.subplots(rows, _COLUMNS, squeeze=False).flat, sets, strict=False):
        groups = [(size, group) for (name, size), group in _groups(scores) if name == data]
        for method, title in _METHODS.items():
            points = [
                (size, _mean([getattr(each, method) for each in group])) for size, group in groups
            ]
            known = [(size, 100 * value) for size, value in points if value is not None]
            axes.plot(*zip(*known, strict=True), marker="o", label=title) if known else None
        axes.set(title=data, xscale="log", xlabel="annotations", ylabel="accuracy in %")
        sizes = [size for size, _ in groups]
        axes.set_xticks(sizes, [str(size) for size in sizes])
        axes.minorticks_off()
        axes.grid(alpha=0.3)
    for axes in figure.axes[len(sets) :]:
        axes.remove()
    figure.axes[0].legend(fontsize="small")
    figure.savefig(path, metadata={"Date": None})


def _groups(scores: Sequence[Score]) -> list[tuple[tuple[str, int], list[Score]]]:
    keys = dict.fromkeys((score.data, score.annotations) for score in scores)
    return [
        (key, [score for score in scores if (score.data, score.annotations) == key]) for key in keys
    ]


def _mean(values: Sequence[float | None]) -> float | None:
    """Return the mean, or None if a trial has no value."""
    known = [value for value in values if value is not None]
    return fmean(known) if len(known) == len(values) else None


def _cell(values: Sequence[float | None]) -> str:
    mean = _mean(values)
    return "-" if mean is None else f"{100 * mean:.1f}"


if __name__ == "__main__":
    main()
