"""Compute the targets that the shipped network learns: distillation from several networks.

See Hinton, Vinyals and Dean, "Distilling the Knowledge in a Neural Network" (2015). `ngrams.py` is
the other half of the teacher.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold

from model_store.learning.evaluation import probabilities
from model_store.model.inference import logits_of
from model_store.model.network import SentimentCNN
from model_store.pretraining.fitting import Encoded, FitConfig, Source, fit
from model_store.pretraining.workspace import Workspace

_CLIP = 1e-4


@dataclass(frozen=True)
class TeacherConfig:
    """Hyperparameters of the teacher and of its targets."""

    folds: int = 4
    """Number of networks, each fitted to all but one fold of the labelled texts."""
    fit: FitConfig = field(default_factory=FitConfig)
    batch_size: int = 64
    sharpening: float = 0.6
    """Temperature that sharpens the probabilities."""
    hard_share: float = 0.5
    """Weight of the true label in the target of a labelled text."""


def network_probabilities(
    make_network: Callable[[int], SentimentCNN],
    labelled: Encoded,
    classes: NDArray[np.int64],
    unlabelled: Encoded,
    validation: tuple[Encoded, NDArray[np.int64]],
    *,
    config: TeacherConfig,
    seed: int,
    workspace: Workspace,
) -> NDArray[np.float64]:
    """Return (labelled + unlabelled,) probabilities of class 1; labelled texts come first.

    Each labelled text is predicted by the one network that was not fitted to it, unlabelled texts
    by all networks.
    """
    result = np.zeros(len(labelled) + len(unlabelled))
    folds = StratifiedKFold(config.folds, shuffle=True, random_state=seed)
    targets = np.eye(2, dtype=np.float32)[classes]
    for fold, (seen, unseen) in enumerate(folds.split(np.zeros(len(classes)), classes)):
        name = f"teacher-{fold + 1}"

        def opinion(
            fold: int = fold,
            name: str = name,
            seen: NDArray[np.int64] = seen,
            unseen: NDArray[np.int64] = unseen,
        ) -> NDArray[np.float64]:
            network = make_network(seed + fold)
            fit(
                network,
                [Source([labelled[i] for i in seen], targets[seen], batch_size=config.batch_size)],
                validation,
                config=config.fit,
                seed=seed + fold,
                checkpoint=workspace.folder / f"{name}.pt",
                name=name,
            )
            logits = logits_of(network, [*(labelled[i] for i in unseen), *unlabelled])
            return probabilities(logits.numpy(), temperature=1.0)[:, 1]

        judged = workspace.array(name, opinion)
        result[unseen] = judged[: len(unseen)]
        result[len(labelled) :] += judged[len(unseen) :] / config.folds
    return result


def combined(
    judgements: Sequence[NDArray[np.float64]], classes: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return (texts,) probabilities of class 1 by all teachers together.

    judgements: (texts,) logits of each teacher; labelled texts, whose classes are given, come
    first. A logistic regression on the logits weighs the teachers: none of them was fitted to the
    labelled texts that it judged (stacking; Wolpert, 1992).
    """
    logits = np.column_stack(judgements)
    regression = LogisticRegression(C=10.0).fit(logits[: len(classes)], classes)
    return np.asarray(regression.predict_proba(logits)[:, 1])


def logits_of_class(probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the logits of probabilities; those near 0 or 1 are clipped."""
    return np.asarray(logit(np.clip(probabilities, _CLIP, 1 - _CLIP)))


def soft_targets(
    teacher: NDArray[np.float64], classes: NDArray[np.int64], config: TeacherConfig
) -> NDArray[np.float32]:
    """Return (texts, classes) targets for the network.

    teacher: (texts,) probabilities of class 1, labelled texts first. classes: those of the labelled
    texts.
    """
    positive = expit(logits_of_class(teacher) / config.sharpening)
    positive[: len(classes)] += config.hard_share * (classes - positive[: len(classes)])
    return as_targets(positive)


def as_targets(positive: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return (texts, classes) targets by the probabilities of the second class."""
    return np.column_stack([1 - positive, positive]).astype(np.float32)
