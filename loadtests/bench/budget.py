"""Simulate the annotation budget on public data sets: a part of `make bench-learning`.

Which tasks to label next, which annotations are wrong, what further ones are worth, and what can be
accepted unseen; with labels that are known, so that each answer can be compared with the truth.
Writes docs/budget-benchmarks.md and .json.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import fmean, median
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from loadtests.bench.learning import DATA, RENAMED, read
from loadtests.bench.servers import ROOT
from model_store.budget.acceptance import Promise, choose
from model_store.learning.clusters import clustered, vectors_of
from model_store.learning.training import Learned, learn_control, load_parent
from model_store.learning.training_set import TrainingSet
from model_store.manifests import PRETRAINED
from model_store.model.classifier import Classifier
from model_store.model.uncertainty import score_of

SETS = ("trec", "cr", "emotion", "amazon_sentences", "ekman_multilabel")
_FIRST = 20
_NOW = 200
_LATER = (300, 400, 700)
_FLIPPED, _FLIPS = 500, 25
_LOOKED_AT = 50
_DRAWS = 14
"""Acceptances that are simulated with each training, each with other annotated tasks."""
_PROMISES = (0.02, 0.05, 0.1)
_CONFIDENCE = 0.95


@dataclass(frozen=True)
class Trial:
    """What one order of the texts of a data set has shown."""

    data: str
    seed: int
    first_medoids: float | None = None
    """The accuracy after 20 annotations of the most different texts."""
    first_random: float | None = None
    auc: float | None = None
    """How well the quality of annotations tells flipped ones from others."""
    in_worst_tenth: float | None = None
    """The share of flipped annotations in the worst tenth."""
    in_first_looked_at: int | None = None
    """The number of the 25 flipped ones among the first 50."""
    estimates: Sequence[tuple[int, float, float, float, float]] = ()
    """Annotations, estimate, low, high and truth."""
    accepted: Mapping[str, Sequence[tuple[int, int]]] = field(default_factory=dict)
    """Accepted tasks and wrong ones among them, of each draw, by the promised error."""


def main() -> None:
    """Simulate and write."""
    parser = argparse.ArgumentParser(prog="python -m loadtests.bench.budget", description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA, help="folder with *.jsonl files")
    parser.add_argument("--sets", nargs="+", default=SETS, help="names of files in it")
    parser.add_argument("--seeds", type=int, default=3, help="orders of each set")
    parser.add_argument("--out", type=Path, default=ROOT / "docs", help="output folder")
    options = parser.parse_args()
    torch.set_num_threads(1)
    paths = {name: options.data / f"{name}.jsonl" for name in options.sets}
    if missing := [name for name, path in paths.items() if not path.is_file()]:
        sys.exit(f"{options.data} has no {', '.join(missing)}: pass --data or --sets.")
    trials = []
    for name, path in paths.items():
        for seed in range(options.seeds):
            trials.append(_Simulation(name, path, seed).trial())
            print(trials[-1], flush=True)  # noqa: T201 (progress)
    write(trials, options.out)


class _Simulation:
    """The texts of a data set in one random order."""

    def __init__(self, name: str, path: Path, seed: int) -> None:
        texts, answers, self._kind = read(path)
        if {label for each in answers for label in each} == set(RENAMED):
            answers = [tuple(RENAMED[label] for label in each) for each in answers]
        order = np.random.default_rng(seed).permutation(len(texts)).tolist()
        self._name, self._seed = name, seed
        self._texts = [texts[row] for row in order]
        self._answers = [answers[row] for row in order]
        self._labels = tuple(sorted({label for each in answers for label in each}))
        self._parent = load_parent("shipped", PRETRAINED)

    def trial(self) -> Trial:
        """Run all simulations."""
        most = [size for size in _LATER if size + 200 <= len(self._texts)]
        held = max(most)
        now = self._learn(_NOW)
        first = (None, None) if self._kind == "multiple" else self._first(held)
        wrong = (None, None, None) if self._kind == "multiple" else self._suspects()
        return Trial(
            self._name,
            self._seed,
            first_medoids=first[0],
            first_random=first[1],
            auc=wrong[0],
            in_worst_tenth=wrong[1],
            in_first_looked_at=wrong[2],
            estimates=list(self._estimates(now, most, held)),
            accepted=self._accepted(self._learn(_FLIPPED)),
        )

    def _learn(self, size: int, answers: Sequence[tuple[str, ...]] | None = None) -> Learned:
        found = TrainingSet(
            "label",
            self._labels,
            list(range(size)),
            self._texts[:size],
            (answers or self._answers)[:size],
            self._kind,
        )
        return learn_control(f"{self._seed}.1", self._parent, found, lambda _, __: None)

    def _right(self, learned: Learned, start: int) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return scores, and whether the head is right, of all texts from a place on."""
        head = learned.outcome.head
        assert head is not None
        classifier = Classifier(learned.encoder or self._parent.classifier.encoder, head)
        said = classifier.classify(self._texts[start:])
        right = [
            set(each.answers) == set(true)
            for each, true in zip(said, self._answers[start:], strict=True)
        ]
        return np.array([score_of(each) for each in said]), np.array(right)

    def _first(self, held: int) -> tuple[float, float]:
        """Return the accuracy after the first annotations, of medoids and of random texts."""
        vectors = vectors_of(self._texts)
        found = clustered(vectors[:held])
        # The stream takes the most typical text of each cluster, then the next of each.
        order = np.argsort(found.typicality_ranks, kind="stable")
        return (
            self._linear(vectors, order[:_FIRST], held),
            self._linear(vectors, np.arange(_FIRST), held),
        )

    def _linear(self, vectors: NDArray[Any], rows: NDArray[Any], held: int) -> float:
        classes = np.array([each[0] for each in self._answers])
        if len(set(classes[rows].tolist())) < 2:  # noqa: PLR2004 (nothing to tell apart)
            return float((classes[held:] == classes[rows][0]).mean())
        model = LogisticRegression(C=10.0, max_iter=1000).fit(vectors[rows], classes[rows])
        return float((model.predict(vectors[held:]) == classes[held:]).mean())

    def _suspects(self) -> tuple[float, float, int]:
        """Flip some annotations and look for them."""
        rng = np.random.default_rng(self._seed)
        flipped = set(rng.choice(_FLIPPED, _FLIPS, replace=False).tolist())
        answers = [
            (str(rng.choice([label for label in self._labels if label != each[0]])),)
            if row in flipped
            else each
            for row, each in enumerate(self._answers[:_FLIPPED])
        ]
        judged = self._learn(_FLIPPED, answers).judgements
        is_wrong = np.array([each.task in flipped for each in judged])
        quality = np.array([each.quality for each in judged])
        ranked = is_wrong[np.argsort(quality, kind="stable")]
        return (
            float(roc_auc_score(is_wrong, -quality)),
            float(ranked[: len(ranked) // 10].sum() / is_wrong.sum()),
            int(ranked[:_LOOKED_AT].sum()),
        )

    def _estimates(
        self, now: Learned, later: Sequence[int], held: int
    ) -> Iterator[tuple[int, float, float, float, float]]:
        """Compare the learning curve with what later trainings reach on other texts."""
        curve = now.outcome.curve
        if curve is None:
            return
        yield self._estimate(curve.now, now, held)
        for size in later:
            more = size - _NOW
            found = next(
                (each for each in curve.more if each.annotations == curve.now.annotations + more),
                None,
            )
            if found:
                yield self._estimate(found, self._learn(size), held)

    def _estimate(
        self, found: Any, learned: Learned, held: int
    ) -> tuple[int, float, float, float, float]:
        truth = float(self._right(learned, held)[1].mean())
        return found.annotations, found.accuracy, found.low, found.high, truth

    def _accepted(self, learned: Learned) -> dict[str, list[tuple[int, int]]]:
        """Accept predictions with three promises, and count the wrong ones.

        Each draw has other annotated tasks and other tasks in the pool.
        """
        pool_scores, pool_right = self._right(learned, _FLIPPED)
        scores = np.array([each.score for each in learned.judgements])
        right = np.array([set(each.given) == set(each.predicted) for each in learned.judgements])
        found: dict[str, list[tuple[int, int]]] = {str(error): [] for error in _PROMISES}
        rng = np.random.default_rng(self._seed)
        for _ in range(_DRAWS):
            known = rng.random(len(scores)) < 0.8  # noqa: PLR2004 (most of them)
            pool = rng.random(len(pool_scores)) < 0.5  # noqa: PLR2004 (half of them)
            for error in _PROMISES:
                promise = Promise(error, _CONFIDENCE)
                chosen = choose(scores[known], right[known], pool_scores[pool], promise)
                taken = pool & (pool_scores >= (chosen.score if chosen else np.inf))
                found[str(error)].append((int(taken.sum()), int((taken & ~pool_right).sum())))
        return found


def write(trials: Sequence[Trial], folder: Path) -> None:
    """Write the page and the figures."""
    text = json.dumps([asdict(trial) for trial in trials], indent=1)
    (folder / "budget-benchmarks.json").write_text(text + "\n", encoding="utf-8")
    (folder / "budget-benchmarks.md").write_text(page(trials), encoding="utf-8")


def page(trials: Sequence[Trial]) -> str:
    """Return the results in Markdown."""
    return "\n".join(
        [
            "# Simulations of the annotation budget",
            "",
            "`make bench-learning` writes this page. Public data sets play the project and its",
            "annotators; texts that no training saw tell the truth. Labels that the shipped model",
            "has are renamed, so that a new head is learned for all.",
            "",
            "## Which next",
            "",
            f"Accuracy in percent after {_FIRST} annotations, of logistic regression on the",
            "embedding that ships: of the medoids of k-means, and of random texts.",
            "",
            *_table(
                ("data set", "medoids", "random order"),
                trials,
                lambda group: (
                    _percent([each.first_medoids for each in group]),
                    _percent([each.first_random for each in group]),
                ),
            ),
            "",
            "## What is wrong",
            "",
            f"{_FLIPS} of {_FLIPPED} annotations were flipped. The area under the ROC curve of the",
            "quality, the percentage of flipped ones in the worst tenth, and how many of the",
            f"{_FLIPS} are among the first {_LOOKED_AT}.",
            "",
            *_table(
                ("data set", "AUC", "in the worst tenth", f"in the first {_LOOKED_AT}"),
                trials,
                lambda group: (
                    _mean([each.auc for each in group], "{:.2f}"),
                    _percent([each.in_worst_tenth for each in group]),
                    _mean([each.in_first_looked_at for each in group], "{:.1f}"),
                ),
            ),
            "",
            "## When to stop",
            "",
            f"The learning curve of {_NOW} annotations foretells the accuracy with them and with",
            "more, with an interval at 95 %; a later training with so many annotations tells the",
            "truth, on all other texts.",
            "",
            *_table(
                ("data set", "intervals that hold the truth", "half width in points (median)"),
                trials,
                _held,
            ),
            "",
            f"Of all: {_held(trials)[0]}.",
            "",
            "## What to accept",
            "",
            f"A training with {_FLIPPED} annotations; each run draws four fifths of its judgements",
            "and half of the other texts. A promise is broken if more of the accepted answers are",
            f"wrong than it allows. Its confidence is {_CONFIDENCE:.0%}.",
            "",
            "| promised error | runs | runs that accept some | accepted of the pool | broken |",
            "| --- | --- | --- | --- | --- |",
            *(_promise(trials, error) for error in _PROMISES),
            "",
        ]
    )


def _promise(trials: Sequence[Trial], error: float) -> str:
    runs = [run for trial in trials for run in trial.accepted[str(error)]]
    some = [run for run in runs if run[0]]
    broken = sum(wrong > error * taken for taken, wrong in some)
    shares = f"{median(taken for taken, _ in some):,.0f} tasks (median)" if some else "-"
    return (
        f"| {error:.0%} | {len(runs)} | {len(some)} | {shares} | {broken} "
        f"({broken / len(runs):.1%}) |"
    )


def _held(group: Sequence[Trial]) -> tuple[str, str]:
    found = [each for trial in group for each in trial.estimates]
    if not found:
        return "-", "-"
    held = sum(low <= truth <= high for _, _, low, high, truth in found)
    width = median((high - low) / 2 for _, _, low, high, _ in found)
    return f"{held} of {len(found)}", f"{100 * width:.1f}"


def _table(titles: Sequence[str], trials: Sequence[Trial], cells: Any) -> Iterator[str]:
    yield f"| {' | '.join(titles)} |"
    yield f"|{' --- |' * len(titles)}"
    for name in dict.fromkeys(trial.data for trial in trials):
        found = cells([trial for trial in trials if trial.data == name])
        yield f"| {name} | {' | '.join(found)} |"


def _percent(values: Sequence[float | None]) -> str:
    return _mean([None if value is None else 100 * value for value in values], "{:.1f}")


def _mean(values: Sequence[float | None], form: str) -> str:
    known = [value for value in values if value is not None]
    return form.format(fmean(known)) if known else "-"


if __name__ == "__main__":
    main()
