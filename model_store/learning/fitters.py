"""The ways to fit a head to the examples of a control."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import log_softmax
from torch import Tensor

from model_store.learning.blocks import PRIOR, BlockFit, Settings, fit_blocks, without_unused
from model_store.learning.fitting import tune_head
from model_store.model.classification import Kind
from model_store.model.head import Head

START_PRIOR: Mapping[str, float] = {**PRIOR, "known": 1.0}
"""The usual shares for the labels of the shipped model, whose logits tell most of them."""
STEPS = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Steps from the shipped head to the one that fits best."""
_FOLDS = 5


@dataclass(frozen=True)
class Examples:
    """Texts with their answers."""

    features: Tensor
    """(texts, features), on the CPU."""
    targets: NDArray[np.float64]
    """(texts, labels), 1 for a label that a text has, 0 for others."""
    labels: tuple[str, ...]
    kind: Kind = "single"

    def __getitem__(self, rows: NDArray[np.bool_]) -> "Examples":
        """Return some of the texts."""
        features = self.features[torch.from_numpy(rows)]
        return Examples(features, self.targets[rows], self.labels, self.kind)

    def of(self, labels: Sequence[str]) -> "Examples":
        """Return all texts, with some of the labels."""
        columns = [self.labels.index(label) for label in labels]
        return Examples(self.features, self.targets[:, columns], tuple(labels), self.kind)


class Fitter(Protocol):
    """Fits heads; equal arguments give equal heads."""

    @property
    def is_new(self) -> bool:
        """Whether the labels are not those of a known head: some may have too few examples."""

    def fit(self, examples: Examples, settings: Settings | None = None) -> BlockFit:
        """Return a head for the labels of the examples, with settings of another fit, if any."""

    def trimmed(self, fit: BlockFit) -> Head:
        """Return the head without weights for what it does not use."""


@dataclass(frozen=True)
class Tuned:
    """Tunes a head with the same labels, within a bound (`fitting.tune_head`)."""

    start: Head
    seed: int = 0
    is_new = False

    def fit(self, examples: Examples, settings: Settings | None = None) -> BlockFit:
        """Tune the head; there are no settings."""
        classes = examples.targets.argmax(axis=1)
        head = tune_head(examples.features, classes, self.start, seed=self.seed)
        return BlockFit(head, settings or Settings({}, 0.0))

    def trimmed(self, fit: BlockFit) -> Head:
        """Return the head."""
        return fit.head


@dataclass(frozen=True)
class OnBlocks:
    """Fits a new head on feature blocks (`blocks.fit_blocks`)."""

    widths: Mapping[str, int]
    known: Head | None = None
    """A head on the first block whose logits are a block, too."""
    seed: int = 0
    is_new = True

    def fit(self, examples: Examples, settings: Settings | None = None) -> BlockFit:
        """Fit a head to the examples."""
        return fit_blocks(
            examples.features,
            self.widths,
            examples.targets,
            examples.labels,
            examples.kind,
            known=self.known,
            settings=settings,
            seed=self.seed,
        )

    def trimmed(self, fit: BlockFit) -> Head:
        """Return the head without weights for blocks that have no share."""
        return without_unused(fit.head, self.widths, fit.settings.shares)


@dataclass(frozen=True)
class Replayed:
    """Fits the labels of the shipped model to the examples, and to others that it keeps right.

    Annotators choose what they annotate, so the shares of labels among the examples must not move
    the head: their logarithms are added to the logits during the fit only (Saerens et al., 2002;
    Menon et al., 2021).
    """

    widths: Mapping[str, int]
    known: Head
    """The shipped head, on the first block."""
    kept: Examples
    """The other examples, with the same labels in the same order."""
    most: float = 1.0
    """The largest step."""
    seed: int = 0
    is_new = False

    def fit(self, examples: Examples, settings: Settings | None = None) -> BlockFit:
        """Fit a head to the examples and to those that are kept, and go a step towards it.

        The step is the smallest whose cross-validated log loss on the examples is within one
        standard error of the best (Breiman et al., 1984): what the shipped head knows is not given
        up without need.
        """
        fit = self._fit(examples, settings)
        if settings is None:
            step = self._step(examples, fit.settings)
            fit = replace(fit, settings=replace(fit.settings, step=step))
        return replace(fit, head=self._between(fit.head, min(fit.settings.step, self.most)))

    def trimmed(self, fit: BlockFit) -> Head:
        """Return the head, which keeps all blocks."""
        return fit.head

    def _fit(self, examples: Examples, settings: Settings | None) -> BlockFit:
        own = np.tile(_log_shares(examples), (len(examples.targets), 1))
        return fit_blocks(
            torch.cat([examples.features, self.kept.features]),
            self.widths,
            np.concatenate([examples.targets, self.kept.targets]),
            examples.labels,
            known=self.known,
            prior=START_PRIOR,
            offsets=np.concatenate([own, np.zeros_like(self.kept.targets)]),
            settings=settings,
            seed=self.seed,
        )

    def _step(self, examples: Examples, settings: Settings) -> float:
        folds = np.random.default_rng(self.seed).permutation(len(examples.targets)) % _FOLDS
        losses = np.zeros((len(STEPS), len(folds)))
        offsets = _log_shares(examples)
        for fold in range(_FOLDS):
            rows = folds == fold
            head = self._fit(examples[~rows], settings).head
            for number, step in enumerate(STEPS):
                logits = self._between(head, step).logits(examples[rows].features).double().numpy()
                logs = log_softmax(logits + offsets, axis=1)
                losses[number, rows] = -(logs * examples.targets[rows]).sum(axis=1)
        excess = losses - losses[losses.mean(axis=1).argmin()]
        error = excess.std(axis=1) / np.sqrt(len(folds))
        return STEPS[int((excess.mean(axis=1) <= error).argmax())]

    def _between(self, fitted: Head, step: float) -> Head:
        """Return the head that is a step from the shipped one to this one."""
        weight, bias = step * fitted.weight, step * fitted.bias
        rest = (1 - step) / self.known.temperature
        weight[:, : self.known.weight.shape[1]] += rest * self.known.weight
        return replace(fitted, weight=weight, bias=bias + rest * self.known.bias)


def _log_shares(examples: Examples) -> NDArray[np.float64]:
    """Return (labels,) logarithms of how often each label occurs."""
    shares = examples.targets.mean(axis=0)
    return np.asarray(np.log(np.maximum(shares, 0.5 / len(examples.targets))))
