"""What the order of annotating is worth: a project with labels of its own, played through.

The annotator is the corpus, the encoder is frozen, and a fresh head is fitted in each round.
"""

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import Tensor

from model_store.errors import CorpusError
from model_store.learning.fitting import fit_head
from model_store.model.classifier import Classifier
from model_store.model.head import Head
from model_store.model.uncertainty import score_of
from model_store.pretraining.corpus import Corpus, Part

logger = logging.getLogger(__name__)

SIZES = (20, 30, 50, 75, 100, 150, 200, 300, 500, 750, 1000, 1500, 2000)
"""Annotations after which a head is fitted."""
LABELS = ("Complaint", "Praise")
ORDERS = {"random": "random order", "uncertainty": "lowest score first"}


@dataclass(frozen=True)
class Reviews:
    """What can be annotated, or is measured on."""

    features: Tensor
    """(texts, features)."""
    classes: NDArray[np.int64]
    """(texts,)."""

    def rows(self, index: NDArray[np.int64]) -> "Reviews":
        """Some of them."""
        return Reviews(self.features[torch.from_numpy(index)], self.classes[index])


def unseen(classifier: Classifier, corpus: Corpus, path: Path) -> Reviews:
    """The reviews that the training of a model on this corpus did not learn from.

    `path` is where the corpus comes from. Raises CorpusError if there are fewer than twice the
    smallest round.
    """
    parts = [corpus.part(part) for part in (Part.VALIDATION, Part.HELD_OUT)]
    texts = [text for part in parts for text in part.texts]
    if len(texts) < 2 * SIZES[0]:
        raise CorpusError(path, f"of its reviews {len(texts)} were not learned from, too few")
    classes = [label for part in parts for label in part.labels]
    return Reviews(classifier.encoder(texts), np.array(classes))


def simulate(reviews: Reviews, *, seeds: int = 10, sizes: Sequence[int] = SIZES) -> dict[str, Any]:
    """The accuracy after each number of annotations, for both orders; ready for JSON.

    Each seed measures on another 40 % of the reviews, and annotates the others. Both orders
    start with the same random tasks. Sizes that the reviews are too few for are left out.
    """
    pool = len(reviews.classes) - int(0.4 * len(reviews.classes))
    sizes = [size for size in sizes if size <= pool]
    runs: dict[str, list[list[float]]] = {order: [] for order in ORDERS}
    for seed in range(seeds):
        shuffled = np.random.default_rng(seed).permutation(len(reviews.classes))
        annotated, measured = reviews.rows(shuffled[:pool]), reviews.rows(shuffled[pool:])
        for order in ORDERS:
            by_score = order == "uncertainty"
            runs[order].append(_play(annotated, measured, sizes, by_score=by_score, seed=seed))
        logger.info("seed %d of %d", seed + 1, seeds)
    return {
        "annotations": sizes,
        "seeds": seeds,
        "reviews": {"annotated from": pool, "measured on": len(reviews.classes) - pool},
        "accuracy": {
            order: {
                "mean": np.mean(rows, axis=0).tolist(),
                "deviation": np.std(rows, axis=0).tolist(),
            }
            for order, rows in runs.items()
        },
    }


def write(folder: Path, result: dict[str, Any]) -> None:
    """Write active-learning.json and the plot active-learning.svg into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(result, indent=2) + "\n"
    (folder / "active-learning.json").write_text(text, encoding="utf-8")
    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.subplots()
    sizes = result["annotations"]
    for order, curve in result["accuracy"].items():
        mean, deviation = np.array(curve["mean"]), np.array(curve["deviation"])
        axes.plot(sizes, mean, marker="o", markersize=3, label=ORDERS[order])
        axes.fill_between(sizes, mean - deviation, mean + deviation, alpha=0.2)
    axes.set(
        xscale="log",
        xlabel="annotations",
        ylabel="accuracy on other reviews",
        title=f"Praise or Complaint: mean and deviation of {result['seeds']} runs",
    )
    axes.set_xticks(sizes, [str(size) for size in sizes], rotation=45)
    axes.minorticks_off()
    axes.grid(alpha=0.3)
    axes.legend()
    # The same figures give the same file.
    with mpl.rc_context({"svg.hashsalt": "active-learning", "svg.fonttype": "none"}):
        figure.savefig(folder / "active-learning.svg", metadata={"Date": None})


def _play(
    pool: Reviews, measured: Reviews, sizes: Sequence[int], *, by_score: bool, seed: int
) -> list[float]:
    """The accuracy at each size; the pool is in random order."""
    order = np.arange(len(pool.classes))
    accuracies = []
    for size, following in zip(sizes, [*sizes[1:], sizes[-1]], strict=True):
        annotated = pool.rows(order[:size])
        head = fit_head(annotated.features, annotated.classes, LABELS, seed=seed)
        predicted = head.logits(measured.features).argmax(dim=1).numpy()
        accuracies.append(float((predicted == measured.classes).mean()))
        if by_score and following > size:
            rest = order[size:]
            order = np.concatenate([order[:size], rest[_by_rising_score(head, pool.rows(rest))]])
    return accuracies


def _by_rising_score(head: Head, reviews: Reviews) -> NDArray[np.int64]:
    scores = [score_of(result) for result in head.classify(reviews.features)]
    return np.argsort(scores, kind="stable")
