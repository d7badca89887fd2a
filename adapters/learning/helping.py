"""Measure whether predictions help annotators, and whether they sway them.

Predictions are withheld from a share of the tasks, chosen by a hash: what differs between the two
groups is the effect of seeing a prediction.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import bootstrap

from adapters.label_studio.withholding import is_withheld
from adapters.learning.judgement_table import StoredJudgement
from adapters.learning.tally import StoredAnnotation
from model_store.budget.acceptance import percent

_LEAST = 10
_SAMPLES = 2000


@dataclass(frozen=True)
class Difference:
    """A difference between two groups, with a bootstrap interval at 95 %."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Helping:
    """The effect of predictions on annotators."""

    prefilled: int
    """Annotations that started from a prediction."""
    withheld: int
    """Annotations of tasks whose prediction was withheld."""
    seconds_saved: Difference | None
    """Of the median annotation; None without times."""
    agreement_added: Difference | None
    """How much oftener annotators agree with the model where they saw its prediction: bias. In
    -1..1."""
    changed: float | None
    """The share of prefilled annotations that say something else than the model."""

    def __str__(self) -> str:
        groups = (
            f"{self.prefilled:,} annotations started from a prediction, and for "
            f"{self.withheld:,} it was withheld"
        )
        parts = [groups]
        if saved := self.seconds_saved:
            parts.append(
                f"predictions save {saved.value:.1f} s each ({saved.low:.1f} to {saved.high:.1f})"
            )
        if added := self.agreement_added:
            parts.append(
                f"annotators agree with the model {100 * added.value:+.0f} points oftener where "
                f"they saw its answer ({100 * added.low:+.0f} to {100 * added.high:+.0f})"
            )
        if self.changed is not None:
            parts.append(f"they changed {percent(round(self.changed, 2))} of the answers they saw")
        return "; ".join(parts) + "."


def helping(
    project: str,
    annotations: Iterable[StoredAnnotation],
    judgements: Sequence[StoredJudgement],
    share: float,
) -> Helping | None:
    """Compare the annotations of both groups; None if one has fewer than ten.

    judgements: predictions by heads that have not learned from the task, so that they are the same
    for both groups. share: of tasks whose predictions are withheld.
    """
    said = {(each.control, each.task): each.predicted for each in judgements}
    seconds: tuple[list[float], list[float]] = ([], [])
    agrees: tuple[list[float], list[float]] = ([], [])
    counts = [0, 0]
    for each in annotations:
        withheld = is_withheld(project, each.task, share)
        if each.cancelled or each.is_prefilled == withheld:
            continue  # annotated before the setting, or without the backend
        group = int(withheld)
        counts[group] += 1
        if each.seconds is not None:
            seconds[group].append(each.seconds)
        agrees[group].extend(
            float(said[control, each.task] == tuple(given))
            for control, given in each.answers.items()
            if (control, each.task) in said
        )
    if min(counts) < _LEAST:
        return None
    return Helping(
        prefilled=counts[0],
        withheld=counts[1],
        seconds_saved=_difference(seconds[1], seconds[0], np.median),
        agreement_added=_difference(agrees[0], agrees[1], np.mean),
        changed=1 - float(np.mean(agrees[0])) if agrees[0] else None,
    )


def _difference(
    one: Sequence[float], other: Sequence[float], statistic: Callable[..., Any]
) -> Difference | None:
    """Return the difference of a statistic between two groups, with its interval."""
    if min(len(one), len(other)) < _LEAST:
        return None

    def difference(first: Any, second: Any, axis: int = -1) -> Any:
        return statistic(first, axis=axis) - statistic(second, axis=axis)

    found = bootstrap(
        (one, other), difference, n_resamples=_SAMPLES, method="percentile", rng=0
    ).confidence_interval
    return Difference(float(difference(one, other)), float(found.low), float(found.high))
