"""Measure how faithful evidence is to the model: `make bench-evidence`.

By comprehensiveness and sufficiency of ERASER (DeYoung et al., 2020): how far the probability of
the label falls without the words that weigh most, and with nothing but them. Beside it, words at
random, input times gradient (by captum), and leave-one-out, which classifies a text once for each
of its words. Writes docs/evidence-benchmarks.md and .json.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from captum.attr import InputXGradient
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from loadtests.bench.domains import PANEL, REVIEWS, read_set, write
from loadtests.bench.servers import ROOT
from model_store import artifact
from model_store.manifests import PRETRAINED, tag_of
from model_store.model.attribution import contributions_of
from model_store.model.classifier import Classifier
from model_store.model.encoder import Encoder
from model_store.model.network import SentimentCNN, pad
from model_store.pretraining.corpus import Part, read

_SHARES = (0.01, 0.05, 0.1, 0.2, 0.5)
"""Shares of the words that are taken away, or left alone; the figures are means over them."""
_LEAST_TOKENS = 3
_SET = "cr"
_NAMES = {
    "ours": "evidence",
    "leave-one-out": "leave-one-out",
    "gradient": "input times gradient",
    "random": "words at random",
}

Ids = NDArray[np.int32]
Weigh = Callable[[Sequence[Ids], NDArray[np.int64]], list[NDArray[np.float64]]]
"""Returns (tokens,) weights of each text for a label, by the number of the label."""


@dataclass(frozen=True)
class Row:
    """The figures of one method on some texts."""

    data: str
    texts: int
    tokens: float
    """Of a text, on average."""
    method: str
    comprehensiveness: float
    sufficiency: float
    milliseconds: float
    """For a text, on one core."""


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(prog="python -m loadtests.bench.evidence", description=__doc__)
    parser.add_argument("--model", type=Path, default=PRETRAINED, help="folder of an artifact")
    parser.add_argument("--reviews", type=Path, default=REVIEWS, help="film reviews")
    parser.add_argument("--panel", type=Path, default=PANEL, help=f"folder with {_SET}.jsonl")
    parser.add_argument("--texts", type=int, default=300, help="of each kind")
    parser.add_argument("--out", type=Path, default=ROOT / "docs", help="output folder")
    options = parser.parse_args()
    short = options.panel / f"{_SET}.jsonl"
    if missing := [path for path in (options.reviews, short) if not path.is_file()]:
        sys.exit(f"{missing[0]} does not exist: pass --reviews or --panel.")
    torch.set_num_threads(1)
    classifier = artifact.load(options.model, device="cpu")
    data = {
        "film reviews, held out": read(options.reviews).part(Part.HELD_OUT).texts,
        f"{_SET}, short texts": read_set(short).texts,
    }
    rows = [
        row
        for name, texts in data.items()
        for row in measure(classifier, name, texts[: options.texts])
    ]
    version = tag_of(options.model)
    figures = list(map(asdict, rows))
    write(options.out / "evidence-benchmarks", version, figures, page(rows, version))


def measure(classifier: Classifier, name: str, texts: Sequence[str]) -> Iterator[Row]:
    """Yield the figures of each method on some texts."""
    encoder = classifier.encoder
    assert isinstance(encoder, Encoder)
    judge = _Judge(classifier, encoder)
    found = [encoder.encode(text) for text in texts]
    sequences = [ids for ids in found if len(ids) >= _LEAST_TOKENS]
    whole = judge(sequences)
    for method, weigh in _methods(judge, encoder).items():
        start = time.perf_counter()
        weights = weigh(sequences, whole.argmax(axis=1))
        seconds = time.perf_counter() - start
        falls = np.array(
            [
                _falls(judge, ids, row, weight)
                for ids, row, weight in zip(sequences, whole, weights, strict=True)
            ]
        )
        yield Row(
            data=name,
            texts=len(sequences),
            tokens=float(np.mean(list(map(len, sequences)))),
            method=method,
            comprehensiveness=float(falls[:, 0].mean()),
            sufficiency=float(falls[:, 1].mean()),
            milliseconds=1000 * seconds / len(sequences),
        )


class _Judge:
    """The probabilities of the labels of tokens, at the temperature of the head."""

    def __init__(self, classifier: Classifier, encoder: Encoder) -> None:
        self.head = classifier.head
        self._encoder = encoder

    def __call__(self, sequences: Sequence[Ids]) -> NDArray[np.float64]:
        """Return (texts, labels)."""
        return np.asarray(self.head.probabilities(self._encoder.features(sequences)).numpy())


def _falls(
    judge: _Judge, ids: Ids, whole: NDArray[np.float64], weights: NDArray[np.float64]
) -> tuple[float, float]:
    """Return how far the probability of the label falls without the heaviest words, and with them.

    Each is a mean over the shares of the words.
    """
    label = int(whole.argmax())
    order = np.argsort(-weights, kind="stable")
    counts = [int(np.ceil(share * len(ids))) for share in _SHARES]
    without = [np.delete(ids, order[:count]) for count in counts]
    alone = [ids[np.sort(order[:count])] for count in counts]
    rest = judge([*without, *alone])[:, label]
    fallen = float(whole[label]) - rest
    return float(fallen[: len(counts)].mean()), float(fallen[len(counts) :].mean())


def _methods(judge: _Judge, encoder: Encoder) -> Mapping[str, Weigh]:
    weight = judge.head.weight
    rng = np.random.default_rng(1)
    gradient = InputXGradient(_Embedded(encoder.network))

    def ours(texts: Sequence[Ids], labels: NDArray[np.int64]) -> list[NDArray[np.float64]]:
        directions = (weight[labels] - weight[1 - labels]).double().numpy()
        found = contributions_of(encoder.network, encoder.features, texts, directions)
        return [values for values, _ in found]

    def each(weigh: Callable[[Ids, int], NDArray[np.float64]]) -> Weigh:
        return lambda texts, labels: list(map(weigh, texts, labels.tolist()))

    def by_gradient(ids: Ids, label: int) -> NDArray[np.float64]:
        padded, lengths = pad([ids], encoder.network.config.min_length)
        embedded = encoder.network.embedding(padded).detach().requires_grad_()
        parts = gradient.attribute(embedded, target=label, additional_forward_args=lengths)
        return np.asarray(parts.sum(dim=2)[0, : len(ids)].detach().double().numpy())

    def left_out(ids: Ids, label: int) -> NDArray[np.float64]:
        fewer = [np.delete(ids, index) for index in range(len(ids))]
        everything = judge([ids])[0, label]
        return np.asarray(everything - judge(fewer)[:, label])

    return {
        "ours": ours,
        "leave-one-out": each(left_out),
        "gradient": each(by_gradient),
        "random": each(lambda ids, _: rng.random(len(ids))),
    }


class _Embedded(nn.Module):
    """The network from its word vectors on, as captum wants it."""

    def __init__(self, network: SentimentCNN) -> None:
        super().__init__()
        self._network = network

    def forward(self, embedded: Tensor, lengths: Tensor) -> Tensor:
        """Return (texts, classes) logits."""
        pooled = []
        for size, conv in zip(
            self._network.config.kernel_sizes, self._network.convolutions(), strict=True
        ):
            windows = functional.relu(conv(embedded.transpose(1, 2)))
            pooled.append(windows[:, :, : int(lengths[0]) - size + 1].amax(dim=2))
        logits: Tensor = self._network.fc(torch.cat(pooled, dim=1))
        return logits


def page(rows: Sequence[Row], version: str) -> str:
    """Return the page of the documents."""
    lines = [
        "# How faithful evidence is",
        "",
        f"`make bench-evidence` writes this page, here for `{version}`.",
        "",
        "*Comprehensiveness* is how far the probability of the label falls when the words that",
        "weigh most are taken away: more is better. *Sufficiency* is how far it falls when nothing",
        "else is left: less is better. Both are those of ERASER (DeYoung et al., 2020), means over",
        "1, 5, 10, 20 and 50 % of the words. Times are of a text on one core, as multiples of that",
        "of evidence.",
    ]
    for name in dict.fromkeys(row.data for row in rows):
        of_set = [row for row in rows if row.data == name]
        ours = next(row for row in of_set if row.method == "ours")
        lines += [
            "",
            f"## {name[0].upper()}{name[1:]}",
            "",
            f"{ours.texts} texts of {ours.tokens:.0f} tokens on average.",
            "",
            "| words by | comprehensiveness | sufficiency | time |",
            "| --- | --: | --: | --: |",
        ]
        lines += [
            f"| {_NAMES[row.method]} | {row.comprehensiveness:.3f} | {row.sufficiency:.3f} "
            f"| {row.milliseconds / ours.milliseconds:,.2g} |"
            for row in of_set
        ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
