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
from scipy.special import expit, log_softmax, softmax

from model_store.model.blocks.concatenated import Concatenated
from model_store.model.classification import Kind
from model_store.model.head import Head

PRIOR: Mapping[str, float] = {
    "embedding": 0.35,
    "opening": 0.15,
    "ngrams": 0.4,
    "encoder": 0.1,
    "known": 0.1,
}
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
Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Settings:
    """What a fit chooses before it solves for the weights."""

    shares: Mapping[str, float]
    """The shares of the blocks that are used; they sum to 1."""
    penalty: float
    step: float = 1.0
    """How far a head goes from the one that it starts from (`fitters.Replayed`)."""


@dataclass(frozen=True)
class BlockFit:
    """A head on all blocks side by side; its weights are 0 for blocks that are left out."""

    head: Head
    settings: Settings


def fit_blocks(
    features: ArrayLike | torch.Tensor,
    widths: Mapping[str, int],
    targets: ArrayLike,
    labels: Sequence[str],
    kind: Kind = "single",
    *,
    known: Head | None = None,
    prior: Mapping[str, float] = PRIOR,
    offsets: ArrayLike = 0.0,
    settings: Settings | None = None,
    seed: int = 0,
) -> BlockFit:
    """Fit a head by logistic regression; equal arguments give equal heads.

    features: (texts, features), the blocks side by side. widths: the number of features of each
    block, in this order; the names are those of `PRIOR`. targets: (texts, labels), 1 for a label
    that a text has, 0 for others. known: a head on the first block, whose logits are one more
    block. prior: the usual share of each block. offsets: (texts, labels), added to the logits
    during the fit only. settings: those of another fit, if none are to be chosen.

    The regression is multinomial for texts with one label, and a binary one for each label where
    texts have any number. For ratings it is that of adjacent categories (Agresti, 2010, 4.1): one
    direction in the space of features, along which each label is as far from the next.

    Blocks are centred and scaled to the same mean square, then multiplied by the root of their
    share: a penalty on all weights is weaker for blocks with a larger share. The shares maximise
    the evidence of a Gaussian process with a sum of linear kernels (Rasmussen and Williams, 2006,
    5.4.1), with a prior around the usual shares. The strength of the penalty has the lowest
    cross-validated log loss.

    Raises ValueError if the shapes do not match.
    """
    # A copy, which is scaled in place.
    inputs = np.asarray(features).astype(np.float32)
    answers = np.asarray(targets, dtype=np.float64)
    problem = _Problem(answers, np.broadcast_to(np.asarray(offsets), answers.shape), kind)
    if answers.shape != (len(inputs), len(labels)):
        raise ValueError(f"targets {answers.shape} do not match {len(inputs)} texts")
    if inputs.shape[1] != sum(widths.values()):
        raise ValueError(f"features {inputs.shape} do not match {dict(widths)}")
    layer = _Layer.of(known) if known else None
    if layer:
        inputs = np.concatenate([inputs, layer.logits(inputs)], axis=1)
        widths = {**widths, "known": len(layer.bias)}
    blocks = _blocks(inputs, widths)
    chosen = np.sort(np.random.default_rng(seed).permutation(len(inputs))[:_SEARCH_EXAMPLES])
    shares = settings.shares if settings else _used_shares(blocks, problem, chosen, prior)
    for name, block in blocks.items():
        scaled = block.scaled
        scaled *= np.float32(np.sqrt(shares.get(name, 0.0)))
    factors = np.concatenate(
        [np.sqrt(shares.get(name, 0.0)) / block.scale for name, block in blocks.items()]
    )
    joined = inputs[:, factors > 0] if len(shares) < len(blocks) else inputs
    penalty = settings.penalty if settings else _penalty(joined[chosen], problem[chosen], seed)
    basis = _Basis.of(joined)
    solution = _solve(basis.inputs, problem, penalty, flops=_FLOPS)
    weight: Matrix = np.zeros((len(labels), len(factors)))
    weight[:, factors > 0] = basis.weights(solution.weights)
    weight *= factors
    bias = solution.bias - weight @ np.concatenate([block.mean for block in blocks.values()])
    if layer:
        weight, bias = layer.folded(weight, bias)
    head = Head(
        tuple(labels), torch.from_numpy(weight).float(), torch.from_numpy(bias).float(), kind=kind
    )
    return BlockFit(head, Settings(shares, penalty))


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
    return {"opening": "embedding", "known": "encoder"}.get(name, name)


@dataclass(frozen=True)
class _Layer:
    """The linear layer of a known head. Its logits need not be served: they are linear, too."""

    weight: Matrix
    """(classes, features of the first block)."""
    bias: Matrix

    @classmethod
    def of(cls, head: Head) -> "_Layer":
        weight, bias = (
            each.double().numpy() / head.temperature for each in (head.weight, head.bias)
        )
        return cls(weight - weight.mean(axis=0), bias - bias.mean())

    def logits(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return (texts, classes), with a mean of 0 for each text."""
        found = inputs[:, : self.weight.shape[1]] @ self.weight.T + self.bias
        return np.asarray(found, dtype=np.float32)

    def folded(self, weight: Matrix, bias: Matrix) -> tuple[Matrix, Matrix]:
        """Return weights and bias without the last block, which are equal on all inputs."""
        own, of_logits = np.split(weight, [-len(self.bias)], axis=1)
        own[:, : self.weight.shape[1]] += of_logits @ self.weight
        return own, bias + of_logits @ self.bias


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


@dataclass(frozen=True)
class _Problem:
    """What is to be predicted, and how."""

    targets: Matrix
    """(texts, labels) of 0 and 1."""
    offsets: Matrix
    """(texts, labels), a part of the logits."""
    kind: Kind

    def __getitem__(self, rows: Rows | NDArray[np.bool_]) -> "_Problem":
        return _Problem(self.targets[rows], self.offsets[rows], self.kind)

    @property
    def directions(self) -> Matrix | None:
        """(labels, directions): how the weights of the labels depend on free ones; None if all are.

        The labels of a rating have one direction, of length 1.
        """
        if self.kind != "rating":
            return None
        steps = np.linspace(-1.0, 1.0, self.targets.shape[1])[:, None]
        return np.asarray(steps / np.linalg.norm(steps))

    def losses(self, logits: Matrix) -> Matrix:
        """Return (texts,) log losses of (texts, labels) logits without the offsets."""
        logits = logits + self.offsets
        if self.kind == "multiple":
            losses = np.logaddexp(0.0, logits) - self.targets * logits
        else:
            losses = -log_softmax(logits, axis=1) * self.targets
        return np.asarray(losses.sum(axis=1))

    def errors(self, logits: Matrix) -> Matrix:
        """Return (texts, labels): probabilities minus targets, the slopes of the losses."""
        logits = logits + self.offsets
        found = expit(logits) if self.kind == "multiple" else softmax(logits, axis=1)
        return np.asarray(found - self.targets)

    def folds(self, rng: np.random.Generator) -> Rows:
        """Return (texts,) folds, stratified by label where a text has one."""
        order = rng.permutation(len(self.targets))
        if self.kind != "multiple":
            order = order[np.argsort(self.targets.argmax(axis=1)[order], kind="stable")]
        folds = np.empty(len(order), dtype=np.int64)
        folds[order] = np.arange(len(order)) % _FOLDS
        return folds


@dataclass(frozen=True)
class _Solution:
    free: Matrix
    """(labels or directions, features): the weights that are free."""
    bias: Matrix
    """(labels,)."""
    directions: Matrix | None

    @property
    def weights(self) -> Matrix:
        """(labels, features)."""
        return self.free if self.directions is None else np.asarray(self.directions @ self.free)

    def logits(self, inputs: Inputs) -> Matrix:
        """Return (texts, labels) for (texts, features)."""
        free = self.free.astype(inputs.dtype)  # numpy would convert all inputs otherwise
        found = inputs @ free.T
        return np.asarray(
            (found if self.directions is None else found @ self.directions.T) + self.bias
        )


def _used_shares(
    blocks: Mapping[str, _Block], problem: _Problem, chosen: Rows, prior: Mapping[str, float]
) -> dict[str, float]:
    """Return the shares of all blocks but those with a small one."""
    found = _shares(
        [block.scaled[chosen] for block in blocks.values()],
        problem[chosen],
        {name: prior[name] for name in blocks},
    )
    used = {name: share for name, share in found.items() if share >= MIN_SHARE}
    return {name: share / sum(used.values()) for name, share in used.items()}


def _shares(
    blocks: Sequence[NDArray[np.float32]], problem: _Problem, usual: Mapping[str, float]
) -> dict[str, float]:
    """Return the shares of blocks with the highest evidence, by name."""
    kernels = torch.from_numpy(np.stack([(block @ block.T).astype(np.float64) for block in blocks]))
    targets, directions = problem.targets, problem.directions
    projected = targets if directions is None else targets @ directions
    answers = torch.from_numpy(projected - projected.mean(axis=0))
    if not answers.any():  # All texts have the same answer, which says nothing of any block.
        return {name: share / sum(usual.values()) for name, share in usual.items()}
    identity = torch.eye(len(targets), dtype=torch.float64)
    prior = torch.log(torch.tensor(list(usual.values()), dtype=torch.float64))

    def objective(flat: Matrix) -> tuple[float, Matrix]:
        point = torch.tensor(flat, requires_grad=True)
        logs, noise = point[:-1], torch.exp(point[-1])
        covariance = torch.tensordot(torch.softmax(logs, 0), kernels, 1) + noise * identity
        factor = torch.linalg.cholesky(covariance)
        fit = (answers * torch.cholesky_solve(answers, factor)).sum()
        # The variance of the answers is unknown; its best value is put in.
        loss = len(targets) / 2 * torch.log(fit) + torch.log(factor.diagonal()).sum()
        distance = logs - prior
        distance = (distance - distance.mean()) / _DOUBT
        loss = loss + (distance**2).sum() / 2
        loss.backward()  # type: ignore[no-untyped-call]
        assert point.grad is not None
        return float(loss.detach()), point.grad.numpy()

    begin = np.append(prior.numpy(), -1.0)
    bounds = [(-8.0, 2.0)] * len(usual) + [(-5.0, 3.0)]
    found = minimize(objective, begin, jac=True, method="L-BFGS-B", bounds=bounds).x[:-1]
    shares = np.exp(found - found.max())
    return dict(zip(usual, (shares / shares.sum()).tolist(), strict=True))


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


def _penalty(joined: NDArray[np.float32], problem: _Problem, seed: int) -> float:
    """Return the penalty with the lowest cross-validated log loss; weaker ones are not tried."""
    inputs = _Basis.of(joined).inputs
    folds = problem.folds(np.random.default_rng(seed))
    solutions: list[_Solution | None] = [None] * _FOLDS
    best, lowest = PENALTIES[0], np.inf
    for penalty in PENALTIES:
        loss = 0.0
        for fold, begin in enumerate(solutions):
            learned, left_out = folds != fold, folds == fold
            solution = _solve(
                inputs[learned], problem[learned], penalty, begin, flops=_SEARCH_FLOPS
            )
            solutions[fold] = solution
            loss += float(problem[left_out].losses(solution.logits(inputs[left_out])).sum())
        if loss >= lowest:
            break
        best, lowest = penalty, loss
    return best


def _solve(
    inputs: Inputs,
    problem: _Problem,
    penalty: float,
    begin: _Solution | None = None,
    *,
    flops: float,
) -> _Solution:
    """Return weights and bias with the lowest penalised log loss, by L-BFGS.

    flops: about as many operations are done; only hundreds of labels need more.
    """
    (texts, width), labels = inputs.shape, problem.targets.shape[1]
    directions = problem.directions
    rows = labels if directions is None else directions.shape[1]

    def solution_of(flat: Matrix) -> _Solution:
        return _Solution(flat[labels:].reshape(rows, width), flat[:labels], directions)

    def objective(flat: Matrix) -> tuple[float, Matrix]:
        solution = solution_of(flat)
        logits = solution.logits(inputs)
        errors = problem.errors(logits)
        free = errors if directions is None else errors @ directions
        slopes = free.T.astype(inputs.dtype) @ inputs + penalty * solution.free
        gradient = np.append(errors.sum(axis=0) + _BIAS_PENALTY * solution.bias, slopes)
        size = penalty * (solution.free**2).sum() + _BIAS_PENALTY * (solution.bias**2).sum()
        loss = problem.losses(logits).sum() + size / 2
        return float(loss) / texts, gradient / texts

    start = np.append(begin.bias, begin.free) if begin else np.zeros(labels + rows * width)
    iterations = int(
        np.clip(flops / (4 * inputs.size * rows + 1), _MIN_ITERATIONS, _MAX_ITERATIONS)
    )
    options = {"maxiter": iterations, "gtol": 1e-5, "ftol": 1e-8}
    found = minimize(objective, start, jac=True, method="L-BFGS-B", options=options)
    return solution_of(found.x)
