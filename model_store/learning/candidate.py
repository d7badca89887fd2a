"""Fit a head to the annotations of one control and judge it by the gate.

Reads no database and publishes nothing: features and answers in, an outcome out.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from model_store.budget.curve import Curve, curve
from model_store.budget.suspects import Suspicion, suspicion
from model_store.learning import gate
from model_store.learning.blocks import BlockFit
from model_store.learning.calibration import fit_temperature, fit_thresholds
from model_store.learning.evaluation import Judged, Predictions
from model_store.learning.fitters import Examples, Fitter
from model_store.learning.gate import Check, Comparison
from model_store.learning.label_sets import LabelSets
from model_store.learning.left_out import extended, restricted
from model_store.learning.split import HELD_OUT, counted, learnable, missing
from model_store.model.classification import Classification, Kind
from model_store.model.head import Head, classification

Progress = Callable[[str, float], None]
"""Called with the next stage of the work and the finished share, in 0..1."""

ENOUGH_HELD_OUT = 200
"""Held-out tasks that are enough to judge by. With fewer, all tasks judge."""
_MOST_LEARNED = 2000
"""Tasks that a head learns from whose predictions judge annotations only."""
_SHARES = (0.25, 0.5)
"""Shares of the tasks that the learning curve is measured with, before the last step."""
_LAST_TASKS = 100
"""Tasks of the last step of the learning curve; a quarter, if there are fewer than 400."""

Answers = Sequence[tuple[str, ...]]
"""The labels of each text."""


@dataclass(frozen=True)
class OutOfFold:
    """What heads that have not learned from a text say about its annotation."""

    rows: NDArray[np.bool_]
    """(texts,): whether the text was learned from, and has an entry in the others."""
    classifications: Sequence[Classification]
    """By a head that has not learned from the text."""
    suspicion: Suspicion


@dataclass(frozen=True)
class Outcome:
    """The result of training one control."""

    control: str
    head: Head | None
    """The fitted head; None if there are too few annotations."""
    checks: list[Check]
    """The checks of the gate, or a single check that names the missing annotations."""
    learned_from: int
    """Number of annotated tasks that the head has learned from."""
    judged_by: int = 0
    """Number of these by which it was judged: a head that had not learned from them predicted
    each."""
    metrics: dict[str, Any] = field(default_factory=dict)
    """Metrics for JSON: `candidate` on the tasks by which it was judged, `in_force` (the active
    version) on the held-out ones, and `candidate_on_held_out` to compare it with."""
    shares: Mapping[str, float] = field(default_factory=dict)
    """The shares of the feature blocks of a new head, which has no weights for others."""

    left_out: Mapping[str, int] = field(default_factory=dict)
    """Labels that have too few annotations to be learned, with their number."""
    out_of_fold: OutOfFold | None = None
    """What was predicted for the texts out of fold; None without a head."""
    curve: Curve | None = None
    """The learning curve; None without a head."""

    @property
    def passed(self) -> bool:
        """Whether every check of the gate is passed."""
        return self.head is not None and gate.passed(self.checks)

    @property
    def is_useful(self) -> bool:
        """Whether no check says that the head may have learned nothing."""
        return all(check.passed or check.name != gate.USEFUL for check in self.checks)

    @property
    def summary(self) -> str:
        """How many tasks are right, with an interval and beside a constant answer; may be empty."""
        found = self.metrics.get("candidate")
        if not found:
            return ""
        low, high = found["accuracy_interval"]
        f1 = f", F1 {found['f1']['micro']:.2f}" if "f1" in found else ""
        return (
            f"{found['accuracy']:.0%} of {self.judged_by} tasks are right ({low:.0%} to "
            f"{high:.0%}){f1}; always the most frequent answer: {found['constant_accuracy']:.0%}"
        )

    def report(self) -> dict[str, Any]:
        """Return everything but the head, for JSON."""
        return {
            "control": self.control,
            "passed": self.passed,
            "summary": self.summary,
            "learned_from": self.learned_from,
            "judged_by": self.judged_by,
            "checks": [asdict(check) for check in self.checks],
            "metrics": self.metrics,
            "left_out": dict(self.left_out),
            **({"curve": self.curve.to_json()} if self.curve else {}),
            **(
                {"wrong_annotations": self.out_of_fold.suspicion.estimated}
                if self.out_of_fold
                else {}
            ),
            "blocks": {name: round(share, 3) for name, share in self.shares.items()},
        }


def _silent(_: str, __: float) -> None:
    """Report nothing."""


def learn(
    control: str,
    labels: Sequence[str],
    features: Tensor,
    answers: Answers,
    folds: NDArray[np.int64],
    *,
    fitter: Fitter,
    kind: Kind = "single",
    active: Head | None = None,
    active_features: Tensor | None = None,
    further: Callable[[Head], list[Check]] = lambda _: [],
    seed: int = 0,
    progress: Progress = _silent,
) -> Outcome:
    """Fit a head to the annotations of a control and judge it by the gate.

    features: (texts, features) of the encoder that the head will be used with.
    folds: (texts,), from `split.folds`.
    active: the head that serves the control now, for comparison.
    active_features: (texts, features) of its encoder, if that is another one.
    further: more checks of the head that would be served.

    The head is judged by predictions for tasks that it has not learned from: those of a fold by a
    head that was fitted to the others. All folds are predicted in this way if there are few
    held-out tasks; they set the temperature and the thresholds, too. The head that is served is
    then fitted to all tasks. It keeps the one that left out the held-out tasks, with which later
    heads are compared on these.

    A new head never predicts a label with too few annotations: the others are learned without it.
    Equal arguments give equal outcomes. Raises ValueError if lengths or labels do not match.
    """
    if not len(features) == len(answers) == len(folds):
        raise ValueError(f"{len(features)} features, {len(answers)} answers, {len(folds)} folds")
    examples = Examples(features.detach().cpu(), _targets(labels, answers), tuple(labels), kind)
    counts = counted(answers)
    if lack := missing(counts, labels, kind, len(answers)):
        return _nothing(control, "enough examples", f"{lack}.", len(answers))
    kept = learnable(counts, labels, kind, len(answers)) if fitter.is_new else list(labels)
    rows = np.array([kind == "multiple" or set(each) <= set(kept) for each in answers])
    if len(set(folds[rows].tolist())) == 1:
        reason = "The texts are nearly the same: annotate tasks with different ones."
        return _nothing(control, "different texts", reason, len(answers))

    progress("fitting", 0.0)
    is_learned = rows
    examples, folds = examples[rows].of(kept), folds[rows]
    fitted = _fit(examples, folds, fitter, progress)
    progress("evaluating", 0.8)
    candidate = fitted.predictions(examples, fitted.is_judged)
    comparison = None
    held_out = folds == HELD_OUT
    if active and set(kept) <= set(active.labels) and active.kind == kind and held_out.any():
        read = features if active_features is None else active_features
        comparison = Comparison(
            fitted.predictions(examples, held_out),
            _predictions(
                active.judged or active,
                read.detach().cpu()[torch.from_numpy(rows)][torch.from_numpy(held_out)],
                examples[held_out],
            ),
        )
    progress("judging", 0.9)
    head = extended(fitted.head, labels) if len(kept) < len(labels) else fitted.head
    checks = gate.judge(candidate, comparison, is_new=fitter.is_new, seed=seed) + further(head)
    metrics = {"candidate": candidate.metrics()}
    if comparison:
        metrics["candidate_on_held_out"] = comparison.candidate.metrics()
        metrics["in_force"] = comparison.active.metrics()
    progress("done", 1.0)
    return Outcome(
        control,
        head,
        checks,
        learned_from=len(folds),
        judged_by=int(fitted.is_judged.sum()),
        metrics=metrics,
        shares=fitted.shares,
        left_out={label: counts[label] for label in labels if label not in kept},
        out_of_fold=OutOfFold(is_learned, *fitted.judgement(examples)),
        curve=fitted.curve,
    )


def cross_validated(
    labels: Sequence[str],
    features: Tensor,
    answers: Answers,
    folds: NDArray[np.int64],
    *,
    fitter: Fitter,
    kind: Kind,
) -> NDArray[np.float64]:
    """Return (texts, labels) probabilities by heads that have not learned from the text.

    answers: a text without a label is learned by none of them.
    """
    examples = Examples(features.detach().cpu(), _targets(labels, answers), tuple(labels), kind)
    known: NDArray[np.bool_] = (examples.targets.sum(axis=1) > 0) | (kind == "multiple")
    first = fitter.fit(examples[known & (folds != HELD_OUT)])
    logits = np.zeros(examples.targets.shape)
    for fold in sorted(set(folds.tolist())):
        rows = folds == fold
        fit = first if fold == HELD_OUT else fitter.fit(examples[known & ~rows], first.settings)
        logits[rows] = fit.head.logits(examples[rows].features).numpy()
    head = _calibrated(first.head, logits[known], examples[known])
    return head.of_logits(torch.from_numpy(logits)).numpy()


def _nothing(control: str, name: str, reason: str, texts: int) -> Outcome:
    """Return the outcome without a head."""
    return Outcome(control, None, [Check(name, False, reason)], texts)


@dataclass(frozen=True)
class _Fitted:
    head: Head
    """The head that is served."""
    shares: Mapping[str, float]
    logits: NDArray[np.float64]
    """(texts, labels), by heads that have not learned from the text."""
    is_judged: NDArray[np.bool_]
    """(texts,): whether the head is judged by them."""
    curve: Curve

    def predictions(self, examples: Examples, rows: NDArray[np.bool_]) -> Judged:
        """Return predictions for some texts by heads that have not learned from them."""
        return _judged(self._probabilities(rows), examples[rows], self.head)

    def judgement(self, examples: Examples) -> tuple[list[Classification], Suspicion]:
        """Return what these heads say about each text, and about its annotation."""
        found = self._probabilities(np.ones(len(self.logits), dtype=bool))
        head = self.head
        said = [
            classification(head.labels, row, head.kind, head.thresholds) for row in found.tolist()
        ]
        is_multiple = examples.kind == "multiple"
        return said, suspicion(examples.targets > 0, found, is_multiple=is_multiple)

    def _probabilities(self, rows: NDArray[np.bool_]) -> NDArray[np.float64]:
        return self.head.of_logits(torch.from_numpy(self.logits[rows])).numpy()


def _fit(
    examples: Examples, folds: NDArray[np.int64], fitter: Fitter, progress: Progress
) -> _Fitted:
    """Fit the head that is served, and one for each fold, which has not learned from it."""
    first = fitter.fit(examples[folds != HELD_OUT])
    is_enough = (folds == HELD_OUT).sum() >= ENOUGH_HELD_OUT
    all_folds = sorted(set(folds.tolist()))
    judged = [HELD_OUT] if is_enough else all_folds
    turns = _Turns(examples, folds, fitter, first)
    logits = np.zeros(examples.targets.shape)
    for number, fold in enumerate(all_folds):
        progress("cross-validating", 0.2 + 0.3 * number / len(all_folds))
        logits[folds == fold] = turns.logits(
            fold, 1.0, most=None if fold in judged else _MOST_LEARNED
        )
    progress("measuring the learning curve", 0.5)
    is_judged = np.isin(folds, judged)
    found = turns.curve(logits, is_judged, judged)
    progress("fitting to all", 0.7)
    fit = fitter.fit(examples, first.settings)
    head, before = (
        _calibrated(fitter.trimmed(each), logits[is_judged], examples[is_judged])
        for each in (fit, first)
    )
    return _Fitted(replace(head, judged=before), fit.settings.shares, logits, is_judged, found)


@dataclass(frozen=True)
class _Turns:
    """Heads that learn from some of the texts outside a fold."""

    examples: Examples
    folds: NDArray[np.int64]
    fitter: Fitter
    first: BlockFit
    """The fit to all texts that are not held out."""

    def logits(self, fold: int, share: float, most: int | None = None) -> NDArray[np.float64]:
        """Return (texts of the fold, labels) logits by a head that has not learned from them.

        share: that of the other texts from which it learns; at most `most` of them.
        """
        rows = self._learned(fold, share, most)
        is_first = fold == HELD_OUT and rows.sum() == (self.folds != HELD_OUT).sum()
        fit = self.first if is_first else self.fitter.fit(self.examples[rows], self.first.settings)
        features = self.examples[self.folds == fold].features
        return np.asarray(fit.head.logits(features).numpy(), dtype=np.float64)

    def _learned(self, fold: int, share: float, most: int | None = None) -> NDArray[np.bool_]:
        """Return which texts a head learns from: more of them include fewer."""
        others = np.random.default_rng(0).permutation(len(self.folds))
        others = others[self.folds[others] != fold]
        number = min(round(share * len(others)), most or len(others))
        rows = np.zeros(len(self.folds), dtype=bool)
        rows[others[:number]] = True
        return rows

    def curve(
        self, logits: NDArray[np.float64], is_judged: NDArray[np.bool_], judged: Sequence[int]
    ) -> Curve:
        """Return the learning curve; `logits` are those of heads that learned from all others."""
        texts = len(self.folds)
        shares = [*_SHARES, 1 - min(_LAST_TASKS / texts, 0.25)]
        found = []
        for share in shares:
            fewer = np.zeros_like(logits)
            for fold in judged:
                fewer[self.folds == fold] = self.logits(fold, share)
            found.append(fewer)
        head = self.first.head
        if head.kind == "multiple":
            head = replace(head, thresholds=(0.5,) * len(head.labels))
        examples = self.examples[is_judged]
        predicted = [
            _judged(head.of_logits(torch.from_numpy(each[is_judged])).numpy(), examples, head)
            for each in (*found, logits)
        ]
        right = np.stack([each.correct for each in predicted])
        before, after = (_answers(each) for each in predicted[-2:])
        changed = float((before != after).any(axis=1).mean())
        learned = float(np.mean([(self.folds != fold).sum() for fold in judged]))
        sizes = [round(share * learned) for share in (*shares, 1.0)]
        return curve(sizes, right, changed, texts)


def _answers(judged: Judged) -> NDArray[Any]:
    """Return (texts, any) answers, to compare those of two heads."""
    if isinstance(judged, LabelSets):
        return judged.given
    assert isinstance(judged, Predictions)
    return judged.predicted[:, None]


def _calibrated(head: Head, logits: NDArray[np.float64], examples: Examples) -> Head:
    """Return a head with a temperature and thresholds for these logits.

    What was known of the texts of the first head does not hold for what it has learned since.
    """
    factor = fit_temperature(logits / head.temperature, examples.targets, examples.kind)
    head = replace(head, temperature=factor * head.temperature, origin=None)
    if examples.kind != "multiple":
        return head
    found = head.of_logits(torch.from_numpy(logits)).numpy()
    return replace(head, thresholds=fit_thresholds(found, examples.targets))


def _predictions(head: Head, features: Tensor, examples: Examples) -> Judged:
    """Return the predictions of a head with the same labels, in any order."""
    head = restricted(head, examples.labels)
    return _judged(head.probabilities(features).numpy(), examples, head)


def _judged(probabilities: NDArray[np.float64], examples: Examples, head: Head) -> Judged:
    if examples.kind == "multiple":
        thresholds = np.array(head.thresholds)
        return LabelSets(examples.targets > 0, probabilities, examples.labels, thresholds)
    classes = examples.targets.argmax(axis=1)
    return Predictions(classes, probabilities, examples.labels, examples.kind)


def _targets(labels: Sequence[str], answers: Answers) -> NDArray[np.float64]:
    """Return (texts, labels): 1 for the labels of each text."""
    places = {label: index for index, label in enumerate(labels)}
    if unknown := sorted({label for each in answers for label in each} - set(labels)):
        raise ValueError(f"{unknown} are not labels of the control, which has {list(labels)}")
    targets = np.zeros((len(answers), len(labels)))
    for row, each in enumerate(answers):
        targets[row, [places[label] for label in each]] = 1.0
    return targets
