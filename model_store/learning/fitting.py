"""Tune a head on labelled features. The encoder does not change.

Does not split or judge: see `candidate.py`. For heads of new labels see `blocks.py`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize
from scipy.special import log_softmax

from model_store.model.head import Head

STRENGTHS = (1e5, 3e4, 1e4, 3e3, 1e3, 300.0, 100.0, 30.0)
"""Penalty strengths to try, besides not moving at all."""
RADIUS = 0.1
"""How far 500 examples may move a head, relative to the norm of its start."""
_RADIUS_EXAMPLES = 500
_FOLDS = 5
_SEARCH_EXAMPLES = 4000
"""Maximum number of examples to choose the strength with; more only take longer."""
_FLOPS = 2e11
"""Floating-point operations of a fit, a few seconds; only hundreds of labels need more."""
_SEARCH_FLOPS = 2e10
"""Those of each fit while the strength is chosen, which need not be as exact."""
_MANY_WORSE = 2
"""Strengths in succession that are worse than the best, after which no weaker one is tried."""
_MAX_ITERATIONS = 200
_MIN_ITERATIONS = 15

Matrix = NDArray[np.float64]
Classes = NDArray[np.int64]


@dataclass(frozen=True)
class _Problem:
    """Scaled inputs, logits of the start, and classes."""

    inputs: Matrix
    """(texts, features + 1), standardised; the last column is 1."""
    base: Matrix
    """(texts, classes): the logits of the start."""
    classes: Classes
    penalties: Matrix
    """(features + 1,): factor of the strength for each input."""

    def rows(self, index: NDArray[np.int64] | NDArray[np.bool_]) -> Self:
        """Return the problem with some of its texts."""
        return replace(
            self, inputs=self.inputs[index], base=self.base[index], classes=self.classes[index]
        )

    def losses(self, change: Matrix) -> Matrix:
        """Return (texts,) log losses."""
        logs = log_softmax(self.base + self.inputs @ change.T, axis=1)
        return np.asarray(-logs[np.arange(len(self.classes)), self.classes])

    def solve(self, strength: float, begin: Matrix, flops: float) -> Matrix:
        """Return (classes, features + 1): the change with the lowest penalised loss, by L-BFGS.

        flops: about as many operations are done, and 15 iterations at least. A fit to hundreds of
        labels stops by this, others by the tolerance or after 200 iterations.
        """
        of_iteration = 4 * self.inputs.size * self.base.shape[1]
        iterations = np.clip(flops / of_iteration, _MIN_ITERATIONS, _MAX_ITERATIONS)
        one_hot = np.eye(self.base.shape[1])[self.classes]
        weights = strength * self.penalties

        def objective(flat: Matrix) -> tuple[float, Matrix]:
            change = flat.reshape(begin.shape)
            logs = log_softmax(self.base + self.inputs @ change.T, axis=1)
            loss = -float((logs * one_hot).sum()) + float((weights * change**2).sum()) / 2
            gradient = (np.exp(logs) - one_hot).T @ self.inputs + weights * change
            # Per text, so that one tolerance fits problems of any size.
            return loss / len(one_hot), gradient.ravel() / len(one_hot)

        found = minimize(
            objective,
            begin.ravel(),
            jac=True,
            method="L-BFGS-B",
            options={"maxiter": int(iterations), "gtol": 1e-5, "ftol": 1e-8},
        )
        return np.asarray(found.x.reshape(begin.shape))


def tune_head(
    features: ArrayLike | torch.Tensor, classes: ArrayLike, start: Head, *, seed: int = 0
) -> Head:
    """Tune a head by multinomial logistic regression; equal arguments give equal heads.

    features: (texts, features). classes: (texts,) indices of the labels of `start`.

    The penalty is on the distance from the start (L2-SP, Li et al., 2018), for standardised
    features. Its strength is the strongest whose cross-validated log loss is within one standard
    error of the best (Breiman et al., 1984). Not moving is one of the strengths, and the distance
    is limited to a radius that grows with the number of examples (Gouk et al., 2021): examples
    that all contradict the start cannot undo it. Annotators choose what they annotate, so the
    shares of labels among the examples must not move the head: their logarithms are added to the
    logits during the fit only (Saerens et al., 2002; Menon et al., 2021).

    Raises ValueError if the shapes do not match.

    >>> start = Head(("Ham", "Spam"), torch.tensor([[0.0, 1.0], [1.0, 0.0]]), torch.zeros(2))
    >>> tuned = tune_head([[0.0, 1.0], [1.0, 0.0]] * 20, [0, 1] * 20, start)
    >>> [result.label for result in tuned.classify(torch.eye(2))]
    ['Spam', 'Ham']
    """
    inputs, indices = _checked(features, classes, start.labels)
    scaled, mean, scale = _standardised(inputs)
    shares = np.bincount(indices, minlength=len(start.labels)) / len(indices)
    shift = np.log(np.maximum(shares, 0.5 / len(indices)))
    base = _logits(start, inputs) / start.temperature + shift
    problem = _Problem(scaled, base, indices, np.ones(scaled.shape[1]))
    weight = _array(start.weight) / start.temperature
    length = np.linalg.norm((weight - weight.mean(axis=0)) * scale)
    radius = RADIUS * min(10.0, np.sqrt(len(indices) / _RADIUS_EXAMPLES)) * length
    origin = np.zeros((len(start.labels), scaled.shape[1]))
    strengths: list[float] = [np.inf]
    changes: list[Matrix] = [origin]
    for strength in STRENGTHS:
        change = problem.solve(strength, changes[-1], _FLOPS)
        if np.linalg.norm(change) > radius:
            break
        strengths.append(strength)
        changes.append(change)
    chosen = _choose(problem, strengths, origin, seed)
    change = changes[strengths.index(chosen)]
    return _moved(start, change, mean, scale) if change.any() else start


def _choose(problem: _Problem, strengths: Sequence[float], origin: Matrix, seed: int) -> float:
    """Return the strongest penalty whose loss is within one standard error of the best.

    strengths: strongest first. Ends when weaker ones only make it worse.
    """
    rng = np.random.default_rng(seed)
    if len(problem.classes) > _SEARCH_EXAMPLES:
        problem = problem.rows(rng.permutation(len(problem.classes))[:_SEARCH_EXAMPLES])
    folds = _folds(problem.classes, rng)
    parts = [(problem.rows(folds != fold), problem.rows(folds == fold)) for fold in range(_FOLDS)]
    changes = [origin] * _FOLDS
    losses: list[Matrix] = []
    worse = 0
    for strength in strengths:
        row = np.zeros(len(problem.classes))
        for fold, (learned, left_out) in enumerate(parts):
            if np.isfinite(strength):
                changes[fold] = learned.solve(strength, changes[fold], _SEARCH_FLOPS)
            row[folds == fold] = left_out.losses(changes[fold])
        losses.append(row)
        worse = worse + 1 if _excess(losses)[-1] > 0 else 0
        if worse == _MANY_WORSE:
            break
    return strengths[int((_excess(losses) <= 0).argmax())]


def _excess(losses: Sequence[Matrix]) -> Matrix:
    """Return (strengths,) by how much each mean loss is more than a standard error from the best.

    losses: (texts,) for each strength.
    """
    all_losses = np.array(losses)
    differences = all_losses - all_losses[int(all_losses.mean(axis=1).argmin())]
    error = differences.std(axis=1) / np.sqrt(differences.shape[1])
    return np.asarray(differences.mean(axis=1) - error)


def _folds(classes: Classes, rng: np.random.Generator) -> Classes:
    """Return (texts,) folds, stratified by label."""
    order = rng.permutation(len(classes))
    order = order[np.argsort(classes[order], kind="stable")]
    folds = np.empty(len(classes), dtype=np.int64)
    folds[order] = np.arange(len(classes)) % _FOLDS
    return folds


def _standardised(inputs: Matrix) -> tuple[Matrix, Matrix, Matrix]:
    """Return inputs with mean 0 and deviation 1 and a column of 1, the mean and the deviation.

    The deviation has a lower bound: a feature that hardly varies here may vary in other texts.
    """
    mean, scale = inputs.mean(axis=0), inputs.std(axis=0)
    scale = np.maximum(scale, 0.1 * scale.mean() + 1e-12)
    return np.column_stack([(inputs - mean) / scale, np.ones(len(inputs))]), mean, scale


def _moved(start: Head, change: Matrix, mean: Matrix, scale: Matrix) -> Head:
    """Apply a change in standardised features to a head."""
    weight = change[:, :-1] / scale
    bias = change[:, -1] - weight @ mean
    return replace(
        start,
        weight=_tensor(weight * start.temperature + _array(start.weight)),
        bias=_tensor(bias * start.temperature + _array(start.bias)),
    )


def _logits(head: Head, inputs: Matrix) -> Matrix:
    return np.asarray(inputs @ _array(head.weight).T + _array(head.bias))


def _tensor(array: Matrix) -> torch.Tensor:
    return torch.from_numpy(array).float()


def _array(values: ArrayLike | torch.Tensor) -> Matrix:
    if isinstance(values, torch.Tensor):
        values = values.detach().cpu().numpy()
    return np.asarray(values, dtype=np.float64)


def _checked(
    features: ArrayLike | torch.Tensor, classes: ArrayLike, labels: Sequence[str]
) -> tuple[Matrix, Classes]:
    inputs, indices = _array(features), np.asarray(classes, dtype=np.int64)
    if inputs.ndim != 2 or indices.shape != inputs.shape[:1]:  # noqa: PLR2004
        raise ValueError(f"features {inputs.shape} and classes {indices.shape} do not match")
    if len(indices) and not (indices.min() >= 0 and indices.max() < len(labels)):
        raise ValueError(f"classes must be in 0..{len(labels) - 1}")
    return inputs, indices
