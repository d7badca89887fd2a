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
_SECOND_SEEDS = 100
"""Added to the seed for networks of the second generation."""


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
    taught: NDArray[np.float32] | None = None,
) -> NDArray[np.float64]:
    """Return (labelled + unlabelled,) probabilities of class 1; labelled texts come first.

    Each labelled text is predicted by the one network that was not fitted to it, unlabelled texts
    by all networks.

    taught: (labelled + unlabelled, classes) targets by an earlier generation of teachers. With
    them, each network learns from the unlabelled texts, too (born-again networks; Furlanello et
    al., 2018).
    """
    texts = [*labelled, *unlabelled]
    name = "teacher" if taught is None else "second-teacher"
    first_seed = seed if taught is None else seed + _SECOND_SEEDS
    result = np.zeros(len(texts))
    # The same folds in each generation: what one has seen must not come back by another.
    folds = StratifiedKFold(config.folds, shuffle=True, random_state=seed)
    targets = np.eye(2, dtype=np.float32)[classes] if taught is None else taught
    for fold, (seen, unseen) in enumerate(folds.split(np.zeros(len(classes)), classes)):
        rows = seen if taught is None else np.append(seen, np.arange(len(labelled), len(texts)))
        checkpoint = f"{name}-{fold + 1}"
        own_seed = first_seed + fold

        def opinion(
            own_seed: int = own_seed,
            checkpoint: str = checkpoint,
            rows: NDArray[np.int64] = rows,
            unseen: NDArray[np.int64] = unseen,
        ) -> NDArray[np.float64]:
            network = make_network(own_seed)
            fit(
                network,
                [Source([texts[i] for i in rows], targets[rows], batch_size=config.batch_size)],
                validation,
                config=config.fit,
                seed=own_seed,
                checkpoint=workspace.folder / f"{checkpoint}.pt",
                name=checkpoint,
            )
            logits = logits_of(network, [*(labelled[i] for i in unseen), *unlabelled])
            return probabilities(logits.numpy(), temperature=1.0)[:, 1]

        judged = workspace.array(checkpoint, opinion)
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
