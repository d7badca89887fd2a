"""Find the annotations that are likely wrong, by predictions of heads that did not learn them.

Confident learning (Northcutt et al., 2021), as cleanlab implements it.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_LEAST = 20
_TIMES = 2
"""Suspects for each error that is estimated: not all errors are among the worst."""


@dataclass(frozen=True)
class Suspicion:
    """How likely each annotation of a control is right."""

    quality: NDArray[np.float64]
    """(texts,) in 0..1, lowest where an annotation is most likely wrong."""
    estimated: int
    """The number of annotations that are wrong, as cleanlab estimates it."""
    is_suspect: NDArray[np.bool_]
    """(texts,): whether a person should look."""


def suspicion(
    targets: NDArray[np.bool_], probabilities: NDArray[np.float64], *, is_multiple: bool = False
) -> Suspicion:
    """Return which annotations are suspects.

    targets: (texts, labels): whether a text was given a label. probabilities: (texts, labels),
    out of fold. is_multiple: whether a text can have any number of labels.

    Suspects are annotations that the predictions contradict, worst first, up to twice as many as
    are estimated to be wrong, but twenty if there are so many.
    """
    from cleanlab import count, multilabel_classification, rank  # noqa: PLC0415 (slow to import)

    if is_multiple:
        given: Any = [np.flatnonzero(each).tolist() for each in targets]
        quality = multilabel_classification.get_label_quality_scores(given, probabilities)
        contradicted = quality < 0.5  # noqa: PLR2004 (more likely wrong than right)
        issues = multilabel_classification.filter.find_label_issues(given, probabilities)
        estimated = int(issues.sum())
    else:
        given = targets.argmax(axis=1)
        quality = rank.get_label_quality_scores(given, probabilities, method="self_confidence")
        contradicted = probabilities.argmax(axis=1) != given
        estimated = int(count.num_label_issues(given, probabilities))
    most = max(_LEAST, _TIMES * estimated)
    ranks = np.empty(len(quality), dtype=np.int64)
    ranks[np.argsort(np.where(contradicted, quality, np.inf), kind="stable")] = range(len(quality))
    return Suspicion(quality, estimated, contradicted & (ranks < most))
