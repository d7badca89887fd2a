"""Fit a head on several feature blocks, each with a strength of its own.

Does not compute features, split or judge.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize
from scipy.special import log_softmax

from model_store.model.blocks.concatenated import Concatenated
from model_store.model.head import Head

PRIOR: Mapping[str, float] = {"embedding": 0.35, "opening": 0.15, "ngrams": 0.4, "encoder": 0.1}
"""The usual share of each block, by trials on public tasks; examples move it."""
PENALTIES = (3.0, 1.0, 0.3, 0.1, 0.03)
"""Penalty strengths to try, strongest first."""
MIN_SHARE = 0.03
"""A block with a smaller share is left out."""
_DOUBT = 1.0
"""Prior standard deviation of the logarithm of a share."""
_SEARCH_EXAMPLES = 1000
"""Maximum number of examples to choose the shares and the penalty with."""
_FOLDS = 5
_FLOPS = 2e11
"""Floating-point operations of the fit, a few seconds."""
_SEARCH_FLOPS = 2e10
"""Those of each fit of the search, which need not be as exact."""
_MIN_ITERATIONS, _MAX_ITERATIONS = 15, 200
_BIAS_PENALTY = 1e-3

Matrix = NDArray[np.float64]
Inputs = NDArray[np.floating[Any]]
"""(texts, features), in single precision where there are many."""
Classes = NDArray[np.int64]


@dataclass(frozen=True)
class BlockFit:
    """A head on all blocks side by side, and the share of each block."""

    head: Head
    """Its weights are 0 for blocks that are left out."""
    shares: Mapping[str, float]
    """The shares of the blocks that are used; they sum to 1."""


def fit_blocks(
    features: ArrayLike | torch.Tensor,
    widths: Mapping[str, int],
    classes: ArrayLike,
    labels: Sequence[str],
    *,
    seed: int = 0,
) -> BlockFit:
    """Fit a head by multinomial logistic regression; equal arguments give equal heads.

    features: (texts, features), the blocks side by side. widths: the number of features of each
    block, in this order; the names are those of `PRIOR`. classes: (texts,) indices of `labels`.

    Blocks are centred and scaled to the same mean square, then multiplied by the root of their
    share: a penalty on all weights is weaker for blocks with a larger share. The shares maximise
    the evidence of a Gaussian process with a sum of linear kernels (Rasmussen and Williams, 2006,
    5.4.1), with a prior around the usual shares. The strength of the penalty has the lowest
    cross-validated log loss.

    Raises ValueError if the shapes do not match.
    """
    # A copy, which is scaled in place.
    inputs = np.asarray(features).astype(np.float32)
    indices = np.asarray(classes, dtype=np.int64)
    if inputs.shape != (len(indices), sum(widths.values())):
        raise ValueError(f"features {inputs.shape} do not match {len(indices)} texts and {widths}")
    blocks = _blocks(inputs, widths)
    chosen = _sample(indices, seed)
    found = _shares(
        [block.scaled[chosen] for block in blocks.values()], indices[chosen], list(widths)
    )
    used = {name: share for name, share in found.items() if share >= MIN_SHARE}
    shares = {name: share / sum(used.values()) for name, share in used.items()}
    for name, block in blocks.items():
        scaled = block.scaled
        scaled *= np.float32(np.sqrt(shares.get(name, 0.0)))
    factors = np.concatenate(
        [np.sqrt(shares.get(name, 0.0)) / block.scale for name, block in blocks.items()]
    )
    joined = inputs[:, factors > 0] if len(used) < len(blocks) else inputs
    penalty = _penalty(_Basis.of(joined[chosen]).inputs, indices[chosen], len(labels), seed)
    basis = _Basis.of(joined)
    solution = _solve(basis.inputs, indices, len(labels), penalty, flops=_FLOPS)
    weight = np.zeros((len(labels), len(factors)))
    weight[:, factors > 0] = basis.weights(solution[:, :-1])
    weight *= factors
    bias = solution[:, -1] - weight @ np.concatenate([block.mean for block in blocks.values()])
    head = Head(tuple(labels), torch.from_numpy(weight).float(), torch.from_numpy(bias).float())
    return BlockFit(head, shares)


def block_widths(encoder: Concatenated) -> dict[str, int]:
    """Return the widths for `fit_blocks`: an embedding has the blocks `embedding` and `opening`."""
    widths: dict[str, int] = {}
    for name, width in encoder.widths.items():
        if name == "embedding":
            widths |= {name: width // 2, "opening": width // 2}
        else:
            widths[name] = width
    return widths


def without_unused(head: Head, widths: Mapping[str, int], shares: Mapping[str, float]) -> Head:
    """Leave out the weights for blocks of the encoder that have no share."""
    used = used_blocks(shares)
    columns = [torch.full((width,), _block_of(name) in used) for name, width in widths.items()]
    return replace(head, weight=head.weight[:, torch.cat(columns)])


def used_blocks(shares: Mapping[str, float]) -> set[str]:
    """Return the blocks of the encoder that have a share.

    >>> sorted(used_blocks({"opening": 0.6, "ngrams": 0.4}))
    ['embedding', 'ngrams']
    """
    return {_block_of(name) for name in shares}


def _block_of(name: str) -> str:
    return "embedding" if name == "opening" else name


@dataclass(frozen=True)
class _Block:
    scaled: NDArray[np.float32]
    """(texts, features), centred, with a mean square of 1 for each text; a part of all inputs."""
    mean: Matrix
    """(features,)."""
    scale: Matrix
    """(features,): what centred features were divided by."""


def _blocks(inputs: NDArray[np.float32], widths: Mapping[str, int]) -> dict[str, _Block]:
    """Scale the blocks of the inputs in place."""
    result = {}
    start = 0
    for name, width in widths.items():
        part = inputs[:, start : start + width]
        start += width
        mean = part.mean(axis=0, dtype=np.float64)
        part -= mean.astype(np.float32)
        # The features of the encoder have scales of their own; the others are comparable.
        scale = np.ones(width)
        if name == "encoder":
            scale = part.std(axis=0, dtype=np.float64)
            scale = np.maximum(scale, 0.1 * scale.mean() + 1e-12)
        part /= scale.astype(np.float32)
        size = np.sqrt(np.einsum("ij,ij->i", part, part).mean(dtype=np.float64)) + 1e-12
        part /= np.float32(size)
        result[name] = _Block(part, mean, scale * size)
    return result


def _sample(classes: Classes, seed: int) -> Classes:
    order = np.random.default_rng(seed).permutation(len(classes))
    return np.sort(order[:_SEARCH_EXAMPLES])


def _shares(
    blocks: Sequence[NDArray[np.float32]], classes: Classes, names: Sequence[str]
) -> dict[str, float]:
    """Return the shares of blocks with the highest evidence, by name."""
    kernels = torch.from_numpy(np.stack([(block @ block.T).astype(np.float64) for block in blocks]))
    one_hot = np.eye(int(classes.max()) + 1)[classes]
    answers = torch.from_numpy(one_hot - one_hot.mean(axis=0))
    identity = torch.eye(len(classes), dtype=torch.float64)
    prior = torch.log(torch.tensor([PRIOR[name] for name in names], dtype=torch.float64))

    def objective(flat: Matrix) -> tuple[float, Matrix]:
        point = torch.tensor(flat, requires_grad=True)
        logs, noise = point[:-1], torch.exp(point[-1])
        covariance = torch.tensordot(torch.softmax(logs, 0), kernels, 1) + noise * identity
        factor = torch.linalg.cholesky(covariance)
        fit = (answers * torch.cholesky_solve(answers, factor)).sum()
        # The variance of the answers is unknown; its best value is put in.
        loss = len(classes) / 2 * torch.log(fit) + torch.log(factor.diagonal()).sum()
        distance = logs - prior
        distance = (distance - distance.mean()) / _DOUBT
        loss = loss + (distance**2).sum() / 2
        loss.backward()  # type: ignore[no-untyped-call]
        assert point.grad is not None
        return float(loss.detach()), point.grad.numpy()

    begin = np.append(prior.numpy(), -1.0)
    bounds = [(-8.0, 2.0)] * len(names) + [(-5.0, 3.0)]
    found = minimize(objective, begin, jac=True, method="L-BFGS-B", bounds=bounds).x[:-1]
    shares = np.exp(found - found.max())
    return dict(zip(names, (shares / shares.sum()).tolist(), strict=True))


@dataclass(frozen=True)
class _Basis:
    """Inputs in as few columns as texts: a rotation, which the penalty does not notice."""

    inputs: Inputs
    rotation: Inputs | None

    @classmethod
    def of(cls, inputs: NDArray[np.float32]) -> "_Basis":
        if inputs.shape[1] <= inputs.shape[0]:
            return cls(inputs, None)
        values, vectors = np.linalg.eigh((inputs @ inputs.T).astype(np.float64))
        kept = values > values[-1] * 1e-7
        vectors, roots = vectors[:, kept], np.sqrt(values[kept])
        return cls(vectors * roots, inputs.T @ (vectors / roots))

    def weights(self, weight: Matrix) -> Matrix:
        """Return (classes, features) for weights in this basis."""
        return weight if self.rotation is None else np.asarray(weight @ self.rotation.T)


def _penalty(inputs: Inputs, classes: Classes, count: int, seed: int) -> float:
    """Return the penalty with the lowest cross-validated log loss; weaker ones are not tried."""
    folds = _folds(classes, np.random.default_rng(seed))
    solutions: list[Matrix | None] = [None] * _FOLDS
    best, lowest = PENALTIES[0], np.inf
    for penalty in PENALTIES:
        loss = 0.0
        for fold, begin in enumerate(solutions):
            learned, left_out = folds != fold, folds == fold
            solution = _solve(
                inputs[learned], classes[learned], count, penalty, begin, flops=_SEARCH_FLOPS
            )
            solutions[fold] = solution
            logs = log_softmax(_logits(solution, inputs[left_out]), axis=1)
            loss -= logs[np.arange(len(logs)), classes[left_out]].sum()
        if loss >= lowest:
            break
        best, lowest = penalty, loss
    return best


def _solve(
    inputs: Inputs,
    classes: Classes,
    count: int,
    penalty: float,
    begin: Matrix | None = None,
    *,
    flops: float,
) -> Matrix:
    """Return (classes, features + 1): weights and bias with the lowest penalised log loss.

    flops: about as many operations are done; only hundreds of labels need more.
    """
    texts, width = inputs.shape
    one_hot = np.eye(count)[classes]
    penalties = np.append(np.full(width, penalty), _BIAS_PENALTY)

    def objective(flat: Matrix) -> tuple[float, Matrix]:
        solution = flat.reshape(count, width + 1)
        logs = log_softmax(_logits(solution, inputs), axis=1)
        errors = np.exp(logs) - one_hot
        slopes = errors.T.astype(inputs.dtype) @ inputs
        gradient = np.column_stack([slopes, errors.sum(axis=0)]) + penalties * solution
        loss = -(logs * one_hot).sum() + (penalties * solution**2).sum() / 2
        return float(loss) / texts, gradient.ravel() / texts

    start = np.zeros((count, width + 1)) if begin is None else begin
    iterations = int(
        np.clip(flops / (4 * inputs.size * count + 1), _MIN_ITERATIONS, _MAX_ITERATIONS)
    )
    options = {"maxiter": iterations, "gtol": 1e-5, "ftol": 1e-8}
    found = minimize(objective, start.ravel(), jac=True, method="L-BFGS-B", options=options)
    return np.asarray(found.x.reshape(count, width + 1))


def _logits(solution: Matrix, inputs: Inputs) -> Matrix:
    weights = solution[:, :-1].astype(inputs.dtype)  # numpy would convert all inputs otherwise
    return np.asarray(inputs @ weights.T + solution[:, -1])


def _folds(classes: Classes, rng: np.random.Generator) -> Classes:
    """Return (texts,) folds, stratified by label."""
    order = rng.permutation(len(classes))
    order = order[np.argsort(classes[order], kind="stable")]
    folds = np.empty(len(classes), dtype=np.int64)
    folds[order] = np.arange(len(classes)) % _FOLDS
    return folds
