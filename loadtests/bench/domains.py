"""Measure the shipped model on texts of several kinds: `make bench-domains`.

Beside it, VADER (Hutto and Gilbert, 2014), which has a lexicon, and logistic regression on TF-IDF
that learned from the same film reviews. Writes docs/domain-benchmarks.md and .json.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

from loadtests.bench.servers import ROOT
from model_store import artifact
from model_store.learning.evaluation import (
    Predictions,
    errors_among_lowest,
    expected_calibration_error,
)
from model_store.manifests import PRETRAINED, tag_of
from model_store.model.classifier import Classifier
from model_store.model.tokenizer import tokenize
from model_store.pretraining.corpus import LABELS, Corpus, Part, read

REVIEWS = ROOT.parent / "shared/data/imdb/train.parquet"
PANEL = ROOT.parent / "shared/data/panel"
SETS = ("cr", "amazon_sentences")
_LENGTHS = ((1, 8), (9, 16), (17, 32), (33, 10**9))
"""Fewest and most tokens of a group of texts."""
_LEAST = 50
"""A group with fewer texts is not shown."""
_NAMES = {
    "ours": "this project",
    "tfidf": "TF-IDF on film reviews",
    "vader": "VADER",
}

Positive = Callable[[Sequence[str]], NDArray[np.float64]]
"""Returns (texts,) probabilities of Positive."""


@dataclass(frozen=True)
class Row:
    """The figures of one method on some texts; shares in 0..1."""

    data: str
    tokens: str
    texts: int
    method: str
    accuracy: float
    calibration_error: float
    errors_among_lowest: float
    positive: float
    """The share that is called Positive."""
    truly_positive: float
    distance: float | None


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(prog="python -m loadtests.bench.domains", description=__doc__)
    parser.add_argument("--model", type=Path, default=PRETRAINED, help="folder of an artifact")
    parser.add_argument("--reviews", type=Path, default=REVIEWS, help="film reviews, to learn from")
    parser.add_argument("--panel", type=Path, default=PANEL, help="folder with *.jsonl files")
    parser.add_argument("--sets", nargs="+", default=SETS, help="names of files in it")
    parser.add_argument("--out", type=Path, default=ROOT / "docs", help="output folder")
    options = parser.parse_args()
    paths = {name: options.panel / f"{name}.jsonl" for name in options.sets}
    if missing := [path for path in (options.reviews, *paths.values()) if not path.is_file()]:
        sys.exit(f"{missing[0]} does not exist: pass --reviews, --panel or --sets.")
    reviews = read(options.reviews)
    data = {"film reviews, held out": reviews.part(Part.HELD_OUT)}
    data |= {name: read_set(path) for name, path in paths.items()}
    rows = list(measure(artifact.load(options.model), reviews.part(Part.TRAIN), data))
    version = tag_of(options.model)
    write(options.out / "domain-benchmarks", version, list(map(asdict, rows)), page(rows, version))


def write(path: Path, version: str, rows: Sequence[dict[str, Any]], page: str) -> None:
    """Write the figures of a version as `path` with the suffix .json, and their page as .md."""
    text = json.dumps({"model": version, "rows": rows}, indent=1) + "\n"
    path.with_suffix(".json").write_text(text, encoding="utf-8")
    path.with_suffix(".md").write_text(page, encoding="utf-8")


def read_set(path: Path) -> Corpus:
    """Read lines of JSON with a text and the label Negative or Positive."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return Corpus([row["text"] for row in rows], [LABELS.index(row["label"]) for row in rows])


def measure(classifier: Classifier, learned: Corpus, data: dict[str, Corpus]) -> Iterator[Row]:
    """Yield the figures of each method on each set, as a whole and by length."""
    others = {"tfidf": _tfidf(learned), "vader": _vader()}
    for name, texts in data.items():
        found = classifier.classify(texts.texts)
        distances = np.array([np.nan if each.distance is None else each.distance for each in found])
        positive = {"ours": np.array([each.probabilities[LABELS[1]] for each in found])}
        positive |= {method: judge(texts.texts) for method, judge in others.items()}
        tokens = np.array([len(tokenize(text)) for text in texts.texts])
        classes = np.array(texts.labels)
        for title, chosen in _groups(tokens):
            for method, probabilities in positive.items():
                both = np.column_stack([1 - probabilities, probabilities])[chosen]
                predictions = Predictions(classes[chosen], both, LABELS)
                distance = float(distances[chosen].mean())
                yield Row(
                    data=name,
                    tokens=title,
                    texts=int(chosen.sum()),
                    method=method,
                    accuracy=float(predictions.correct.mean()),
                    calibration_error=expected_calibration_error(predictions),
                    errors_among_lowest=errors_among_lowest(predictions, 0.2),
                    positive=float((both[:, 1] > both[:, 0]).mean()),
                    truly_positive=float(classes[chosen].mean()),
                    distance=distance if method == "ours" and np.isfinite(distance) else None,
                )


def _groups(tokens: NDArray[np.int64]) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    yield "all", np.ones(len(tokens), dtype=bool)
    for low, high in _LENGTHS:
        chosen = (tokens >= low) & (tokens <= high)
        if _LEAST <= chosen.sum() < len(tokens):
            yield f"{low} to {high}" if high < max(tokens) else f"{low} or more", chosen


def _tfidf(learned: Corpus) -> Positive:
    model = make_pipeline(
        TfidfVectorizer(ngram_range=(1, 2), min_df=3, sublinear_tf=True),
        LogisticRegression(C=10.0, max_iter=1000),
    ).fit(learned.texts, learned.labels)
    return lambda texts: np.asarray(model.predict_proba(texts)[:, 1])


def _vader() -> Positive:
    analyzer = SentimentIntensityAnalyzer()
    # Its compound score is in -1..1 and no probability: the calibration error says so.
    return lambda texts: np.array(
        [(1 + analyzer.polarity_scores(text)["compound"]) / 2 for text in texts]
    )


def page(rows: Sequence[Row], version: str) -> str:
    """Return the figures as tables in Markdown."""
    lines = [
        "# How it does on other texts",
        "",
        f"`make bench-domains` writes this page, here for `{version}`.",
        "The model learned from film reviews only. `cr` and `amazon_sentences` are sentences",
        "about products; the recipe was developed with an eye on both, so other texts may be",
        "harder. In percent: accuracy, the expected calibration error, the share of all errors",
        "among the fifth of the texts with the lowest scores, and the share called Positive. The",
        "distance is that of `/classify`, on average. VADER's score is no probability.",
    ]
    for data in dict.fromkeys(row.data for row in rows):
        of_data = [row for row in rows if row.data == data]
        truly = f"{100 * of_data[0].truly_positive:.0f}"
        figures = "accuracy | calibration error | errors in lowest fifth"
        header = f"| tokens | texts | method | {figures} | Positive (truly {truly}) | distance |"
        lines += ["", f"## {data}", "", header, "| --- | --- | --- | --- | --- | --- | --- | --- |"]
        for row in of_data:
            shares = (row.accuracy, row.calibration_error, row.errors_among_lowest, row.positive)
            cells = [f"{100 * share:.1f}" for share in shares]
            distance = "-" if row.distance is None else f"{row.distance:.2f}"
            start = f"| {row.tokens} | {row.texts} | {_NAMES[row.method]}"
            lines.append(f"{start} | {' | '.join(cells)} | {distance} |")
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    main()
