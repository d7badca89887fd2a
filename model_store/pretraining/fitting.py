"""Fit the network to encoded texts and soft targets: one stage of training.

Reads no corpus and writes no artifact; see `recipe.py` for the whole.
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional
from tqdm import tqdm

from model_store.files import atomic_write
from model_store.model.inference import logits_of
from model_store.model.network import SentimentCNN, pad
from model_store.pretraining.sparse import sparse_forward

logger = logging.getLogger(__name__)

Encoded = Sequence[NDArray[np.int32]]
"""Token ids of texts, each (tokens,)."""

_BUCKET_BATCHES = 50


@dataclass(frozen=True, eq=False)
class Source:
    """Texts of one kind to learn from."""

    texts: Encoded
    targets: NDArray[np.float32]
    """(texts, classes) probabilities."""
    batch_size: int = 64
    word_dropout: float = 0.4
    """Share of word types whose vectors are zero in a batch (embedding dropout, Gal and
    Ghahramani, 2016)."""


@dataclass(frozen=True)
class FitConfig:
    """Hyperparameters of a fit."""

    epochs: int = 5
    max_tokens: int = 512
    """Tokens read from a text while fitting."""
    learning_rate: float = 1e-3
    embedding_learning_rate: float = 1e-3
    warm_up: float = 0.05
    """Share of the steps over which the learning rate rises."""
    decay: float = 0.7
    """Share of the steps over which the learning rate falls, linearly, to a hundredth."""


def fit(
    network: SentimentCNN,
    sources: Sequence[Source],
    validation: tuple[Encoded, NDArray[np.int64]],
    *,
    config: FitConfig,
    seed: int,
    checkpoint: Path,
    name: str,
) -> None:
    """Fit `network` in place and restore its best epoch.

    sources: in each epoch, their batches come in random order.
    validation: texts and their classes; the best epoch has the lowest log loss on them.
    checkpoint: file to which the state is written after every epoch. A killed run resumes from it,
    with the same result as an uninterrupted one.
    """
    device = network.fc.weight.device
    embedding = network.embedding.weight
    rest = [parameter for parameter in network.parameters() if parameter is not embedding]
    groups: list[dict[str, Any]] = [
        {"params": [embedding], "lr": config.embedding_learning_rate},
        {"params": rest},
    ]
    optimizer = torch.optim.AdamW(groups, lr=config.learning_rate, weight_decay=0.0, fused=True)
    steps = config.epochs * sum(-(-len(each.texts) // each.batch_size) for each in sources)

    def rate(step: int) -> float:
        rising = (step + 1) / (config.warm_up * steps)
        falling = (steps - step) / (config.decay * steps) + 0.01
        return min(1.0, rising, falling)

    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, rate)
    state = _Checkpoint(checkpoint, network, optimizer, schedule)
    epoch, best = state.resume()
    while epoch < config.epochs:
        torch.manual_seed(seed + epoch)
        network.train()
        batches = _batches(sources, np.random.default_rng([seed, epoch]))
        bar = tqdm(batches, desc=f"{name}, epoch {epoch + 1}/{config.epochs}", disable=None)
        mean = 0.0
        for step, (source, chosen) in enumerate(bar):
            ids, lengths = pad(
                [source.texts[i][: config.max_tokens] for i in chosen], network.config.min_length
            )
            logits = sparse_forward(
                network, ids.to(device), lengths.to(device), word_dropout=source.word_dropout
            )
            target = torch.from_numpy(source.targets[chosen]).to(device)
            loss = functional.cross_entropy(logits, target)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
            mean += (loss.item() - mean) / (step + 1)
            bar.set_postfix(loss=f"{mean:.4f}")
        epoch += 1
        score = _log_loss(network, *validation)
        logger.info("%s, epoch %d: loss %.4f, validation log loss %.4f", name, epoch, mean, score)
        best = state.save(epoch, score, best)
    network.load_state_dict(best["network"])


def _log_loss(network: SentimentCNN, texts: Encoded, classes: NDArray[np.int64]) -> float:
    """Return the log loss on whole texts, in evaluation mode."""
    return float(functional.cross_entropy(logits_of(network, texts), torch.from_numpy(classes)))


def _batches(
    sources: Sequence[Source], rng: np.random.Generator
) -> list[tuple[Source, NDArray[np.int64]]]:
    """Return batches of texts of one source and of similar length, in random order."""
    batches = []
    for source in sources:
        lengths = np.array([len(text) for text in source.texts])
        for bucket in _chunks(rng.permutation(len(lengths)), source.batch_size * _BUCKET_BATCHES):
            by_length = bucket[np.argsort(lengths[bucket], kind="stable")]
            batches += [(source, chosen) for chosen in _chunks(by_length, source.batch_size)]
    return [batches[i] for i in rng.permutation(len(batches))]


def _chunks(items: NDArray[np.int64], size: int) -> Iterator[NDArray[np.int64]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


class _Checkpoint:
    """The state of a fit on disk, replaced atomically after every epoch."""

    def __init__(self, path: Path, network: SentimentCNN, *parts: Any) -> None:
        self.path = path
        self.network = network
        self.parts = parts

    def resume(self) -> tuple[int, dict[str, Any]]:
        """Restore the saved state; return the number of finished epochs and the best state."""
        if not self.path.exists():
            return 0, {"score": float("inf"), "network": None}
        state = torch.load(self.path, weights_only=True)
        self.network.load_state_dict(state["network"])
        for part, saved in zip(self.parts, state["parts"], strict=True):
            part.load_state_dict(saved)
        return int(state["epoch"]), state["best"]

    def save(self, epoch: int, score: float, best: dict[str, Any]) -> dict[str, Any]:
        """Write the state and return the best one: this one if its score is lower."""
        network = {name: tensor.clone() for name, tensor in self.network.state_dict().items()}
        if score < best["score"]:
            best = {"score": score, "network": network}
        parts = [part.state_dict() for part in self.parts]
        state = {"epoch": epoch, "network": network, "parts": parts, "best": best}
        with atomic_write(self.path) as draft:
            torch.save(state, draft)
        return best
