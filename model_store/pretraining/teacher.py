"""The teacher of the network that ships: n-gram models and a few networks, averaged.

What it thinks of unlabelled reviews is what the network learns most from: distillation, as in
Hinton, Vinyals and Dean, "Distilling the Knowledge in a Neural Network" (2015).
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit
from sklearn.model_selection import StratifiedKFold

from model_store.learning.evaluation import probabilities
from model_store.model.inference import logits_of
from model_store.model.network import SentimentCNN
from model_store.pretraining.fitting import Encoded, FitConfig, fit
from model_store.pretraining.workspace import Workspace

_CLIP = 1e-4


@dataclass(frozen=True)
class TeacherConfig:
    """How the teacher is made and how its opinion is used."""

    folds: int = 4
    """Networks, each fitted to all but its share of the labelled texts."""
    fit: FitConfig = field(default_factory=FitConfig)
    sharpening: float = 0.6
    """Temperature that its probabilities are sharpened with."""
    hard_share: float = 0.5
    """Weight of the true label beside the teacher's opinion, where there is one."""


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
    """Probabilities of class 1 for labelled and then for unlabelled texts.

    Each labelled text is judged by the one network that has not seen it, the unlabelled ones by
    all. Returns (labelled + unlabelled,).
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
                [labelled[i] for i in seen],
                targets[seen],
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


def soft_targets(
    teacher: NDArray[np.float64], classes: NDArray[np.int64], config: TeacherConfig
) -> NDArray[np.float32]:
    """What the network is to say of each text, (texts, classes).

    teacher: its probabilities of class 1, (texts,), labelled texts first. classes: of those.
    """
    clipped = np.clip(teacher, _CLIP, 1 - _CLIP)
    positive = expit(logit(clipped) / config.sharpening)
    positive[: len(classes)] += config.hard_share * (classes - positive[: len(classes)])
    return np.column_stack([1 - positive, positive]).astype(np.float32)
