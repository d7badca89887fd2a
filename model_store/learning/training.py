"""Train the controls of a project and put the new version into the store.

A version keeps the encoder of its parent and gets new heads: it takes seconds to train and adds
nothing to the cost of serving. Knows neither Label Studio nor jobs; `candidate.py` trains one
control.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import Tensor

from model_store import artifact, store
from model_store.learning import behaviour
from model_store.learning.candidate import Outcome, Progress, learn
from model_store.learning.split import missing
from model_store.model.classifier import Classifier

_SEED = 1
_CHUNK_TEXTS = 500
_READ = 0.8
"""The share of the work that is finished when the encoder has read the texts."""


@dataclass(frozen=True)
class Parent:
    """The version that a training starts from."""

    version: str
    classifier: Classifier


def load_parent(version: str, path: Path | None = None, *, compiled: Path) -> Parent:
    """Load a version from `path`, or from the store without one; raises ModelStoreError."""
    return Parent(version, artifact.load(path or store.path_of(version), compiled=compiled))


@dataclass(frozen=True)
class TrainingSet:
    """The annotated texts of one control; the three lists have equal lengths."""

    control: str
    labels: tuple[str, ...]
    tasks: Sequence[int]
    texts: Sequence[str]
    answers: Sequence[str]
    """The label of each text."""

    @property
    def lacking(self) -> str | None:
        """A sentence that says how many annotations are missing, or None."""
        return missing(Counter(self.answers), self.labels)


@dataclass(frozen=True)
class Result:
    """The result of a training."""

    version: str | None
    """The new version; None if every control lacks annotations."""
    passed: bool
    """Whether every control passed every check of the gate."""
    reasons: Sequence[str]
    """A sentence for each failed check and each control that lacks annotations."""
    metrics: dict[str, Any]
    """The reports by control, for JSON."""


def train(
    project: str, parent: Parent, training_sets: Sequence[TrainingSet], progress: Progress
) -> Result:
    """Train every control that has enough annotations and put the version into the store."""
    pairs = [(training_set, training_set.lacking) for training_set in training_sets]
    reasons = [f'"{training_set.control}": {lack}.' for training_set, lack in pairs if lack]
    ready = [training_set for training_set, lack in pairs if not lack]
    outcomes: dict[str, Outcome] = {}
    for number, training_set in enumerate(ready):

        def tell(stage: str, done: float, number: int = number) -> None:
            progress(stage, 0.1 + 0.8 * (number + done) / len(ready))

        outcomes[training_set.control] = _learn(project, parent.classifier, training_set, tell)
    metrics = {control: outcome.report() for control, outcome in outcomes.items()}
    if not outcomes:
        return Result(None, passed=False, reasons=reasons, metrics=metrics)
    failed = [
        f'"{control}", {check.name}: {check.reason}'
        for control, outcome in outcomes.items()
        for check in outcome.checks
        if not check.passed
    ]
    progress("publishing", 0.95)
    findings = {"controls": metrics, "refused": failed}
    version = _publish(project, parent, training_sets, outcomes, findings)
    return Result(version, passed=not failed, reasons=[*reasons, *failed], metrics=metrics)


def _learn(
    project: str, classifier: Classifier, training_set: TrainingSet, progress: Progress
) -> Outcome:
    """Train the head of one control.

    For the labels of the shipped model, the start is the head that the encoder was trained with,
    not the active one: every training uses all annotations, which would otherwise count twice.
    """
    own = set(training_set.labels) == set(classifier.labels)
    has_suite = own and set(classifier.labels) == set(behaviour.LABELS)
    return learn(
        training_set.control,
        classifier.labels if own else training_set.labels,
        _read(classifier, training_set.texts, progress),
        training_set.answers,
        training_set.tasks,
        project=project,
        start=classifier.head if own else None,
        active=classifier.for_control(training_set.control).head,
        behave=(lambda head: behaviour.run(Classifier(classifier.encoder, head).classify))
        if has_suite
        else None,
        seed=_SEED,
        progress=lambda stage, done: progress(stage, _READ + (1 - _READ) * done),
    )


def _read(classifier: Classifier, texts: Sequence[str], progress: Progress) -> Tensor:
    chunks = []
    for start in range(0, len(texts), _CHUNK_TEXTS):
        progress("reading texts", _READ * start / len(texts))
        chunks.append(classifier.encoder(texts[start : start + _CHUNK_TEXTS]))
    return torch.cat(chunks)


def _publish(
    project: str,
    parent: Parent,
    training_sets: Sequence[TrainingSet],
    outcomes: dict[str, Outcome],
    metrics: dict[str, Any],
) -> str:
    old = parent.classifier
    new = {control: outcome.head for control, outcome in outcomes.items() if outcome.head}
    lineage = {
        "parent": parent.version,
        "project": project,
        "examples": {
            training_set.control: len(training_set.texts)
            for training_set in training_sets
            if training_set.control in new
        },
        "data_sha256": _hash(training_sets),
        "seed": _SEED,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    with TemporaryDirectory() as scratch:
        directory = Path(scratch) / "artifact"
        artifact.save(
            directory,
            Classifier(old.encoder, old.head, {**old.heads, **new}),
            training=lineage,
            metrics=metrics,
        )
        return store.import_artifact(directory)


def _hash(training_sets: Sequence[TrainingSet]) -> str:
    """Return the SHA-256 of all tasks, texts and answers."""
    digest = sha256()
    for each in training_sets:
        for task, text, answer in zip(each.tasks, each.texts, each.answers, strict=True):
            record = repr((each.control, task, text, answer))
            digest.update(record.encode("utf-8", "surrogatepass"))
    return digest.hexdigest()
