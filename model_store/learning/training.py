"""Annotations of a project in, a new version in the model store out.

A version keeps the encoder of its parent and gets new heads, so it costs seconds to train and
nothing more to serve. Knows neither Label Studio nor jobs; see `learning.py` for one control.
"""

from collections.abc import Callable, Sequence
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
from model_store.learning.candidate import Outcome, learn
from model_store.learning.split import missing
from model_store.model.classifier import Classifier

Progress = Callable[[str, float], None]
"""Is told what is done now, and the part of the whole that is behind it, in 0..1."""

_SEED = 1
_CHUNK_TEXTS = 500
_READ = 0.8
"""The part of the work that is done once the texts are read."""


@dataclass(frozen=True)
class Parent:
    """The version that a new one starts from."""

    version: str
    classifier: Classifier


def load_parent(version: str, path: Path | None = None, *, compiled: Path) -> Parent:
    """A version of the store, or of a path where it is not there; raises ModelStoreError."""
    return Parent(version, artifact.load(path or store.path_of(version), compiled=compiled))


@dataclass(frozen=True)
class Lesson:
    """What was annotated for one control; the three lists are of equal length."""

    control: str
    labels: tuple[str, ...]
    tasks: Sequence[int]
    texts: Sequence[str]
    answers: Sequence[str]
    """The label of each text."""

    @property
    def lacking(self) -> str | None:
        """How many annotations are missing before it can be learned, in a sentence."""
        return missing({label: self.answers.count(label) for label in self.labels}, self.labels)


@dataclass(frozen=True)
class Result:
    """What came of a training."""

    version: str | None
    """The new version; None if nothing could be learned."""
    passed: bool
    """Whether every check of the promotion gate was passed, for every control."""
    reasons: Sequence[str]
    """Why it was not, or what was left out, a sentence each."""
    metrics: dict[str, Any]
    """By control; ready for JSON."""


def train(project: str, parent: Parent, lessons: Sequence[Lesson], progress: Progress) -> Result:
    """Learn the controls that have annotations enough, and put the version into the store."""
    pairs = [(lesson, lesson.lacking) for lesson in lessons]
    reasons = [f'"{lesson.control}": {lack}.' for lesson, lack in pairs if lack]
    ready = [lesson for lesson, lack in pairs if not lack]
    outcomes: dict[str, Outcome] = {}
    for number, lesson in enumerate(ready):

        def tell(stage: str, done: float, number: int = number) -> None:
            progress(stage, 0.1 + 0.8 * (number + done) / len(ready))

        outcomes[lesson.control] = _learn(project, parent.classifier, lesson, tell)
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
    version = _publish(project, parent, lessons, outcomes, {"controls": metrics, "refused": failed})
    return Result(version, passed=not failed, reasons=[*reasons, *failed], metrics=metrics)


def _learn(project: str, classifier: Classifier, lesson: Lesson, progress: Progress) -> Outcome:
    """The head for one control.

    Labels of the model's own are learned from the head that the encoder was trained with, and not
    from the one in force: all annotations are there again each time, and would pull twice.
    """
    own = set(lesson.labels) == set(classifier.labels)
    has_suite = own and set(classifier.labels) == set(behaviour.LABELS)
    return learn(
        lesson.control,
        classifier.labels if own else lesson.labels,
        _read(classifier, lesson.texts, progress),
        lesson.answers,
        lesson.tasks,
        project=project,
        start=classifier.head if own else None,
        in_force=classifier.for_control(lesson.control).head,
        behave=(lambda head: behaviour.run(Classifier(classifier.encoder, head).classify))
        if has_suite
        else None,
        seed=_SEED,
        progress=lambda done, stage: progress(stage, _READ + (1 - _READ) * done),
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
    lessons: Sequence[Lesson],
    outcomes: dict[str, Outcome],
    metrics: dict[str, Any],
) -> str:
    old = parent.classifier
    new = {control: outcome.head for control, outcome in outcomes.items() if outcome.head}
    lineage = {
        "parent": parent.version,
        "project": project,
        "examples": {
            lesson.control: len(lesson.texts) for lesson in lessons if lesson.control in new
        },
        "data_sha256": _hash(lessons),
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


def _hash(lessons: Sequence[Lesson]) -> str:
    """Of all that was learned from, the texts included."""
    digest = sha256()
    for lesson in lessons:
        for task, text, answer in zip(lesson.tasks, lesson.texts, lesson.answers, strict=True):
            record = repr((lesson.control, task, text, answer))
            digest.update(record.encode("utf-8", "surrogatepass"))
    return digest.hexdigest()
