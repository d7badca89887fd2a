"""Train the controls of a project and put the new version into the store.

A version keeps the encoder of its parent and gets new heads: it takes seconds to train and adds
nothing to the cost of serving. Knows neither Label Studio nor jobs; `candidate.py` trains one
control.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import Tensor

from model_store import artifact, block_files, manifests, store
from model_store.learning import anchor, behaviour, gate
from model_store.learning.anchor import Anchor
from model_store.learning.blocks import block_widths, used_blocks
from model_store.learning.candidate import Outcome, Progress, learn
from model_store.learning.decisions import Worth, decide, judgements, worth
from model_store.learning.fitters import Fitter, OnBlocks, Replayed, Tuned
from model_store.learning.gate import Check
from model_store.learning.left_out import named
from model_store.learning.split import MIN_PER_LABEL
from model_store.learning.training_set import Judgement, TrainingSet
from model_store.manifests import encoder_version
from model_store.model.blocks.concatenated import Block, Concatenated
from model_store.model.blocks.embedding import StaticEmbedding
from model_store.model.blocks.ngrams import Ngrams
from model_store.model.classifier import Classifier
from model_store.model.encoder import Encoder, TextEncoder
from model_store.model.head import Head

_SEED = 1
_CHUNK_TEXTS = 500
_MOST = (1.0, 0.7, 0.4)
"""Largest steps from the shipped head: the first one with which enough other texts are right."""
_UNSEEN = (
    "The words of the texts may not tell these labels apart: annotate more tasks of each, and "
    "check that annotators agree."
)
"""Why a head for labels of one's own may be no better than chance."""
FAR = 0.7
"""The mean distance from which on texts are called unlike those that a model learned from."""
_ENOUGH_FOR_DISTANCE = 10
_READ = 0.8
"""The share of the work that is finished when the encoder has read the texts."""


@dataclass(frozen=True)
class Parent:
    """The version that a training starts from."""

    version: str
    classifier: Classifier
    encoder_version: str = ""
    """`manifests.encoder_version`; an anchor is for one encoder."""


def load_parent(version: str, path: Path | None = None, *, compiled: Path | None = None) -> Parent:
    """Load a version from `path`, or from the store without one; raises ModelStoreError."""
    folder = path or store.path_of(version)
    classifier = artifact.load(folder, compiled=compiled)
    return Parent(version, classifier, encoder_version(manifests.read(folder)))


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
    judgements: Mapping[str, Sequence[Judgement]] = field(default_factory=dict)
    """Those of the tasks of each control that was trained."""


@dataclass(frozen=True)
class Learned:
    """The result of training one control."""

    outcome: Outcome
    judgements: Sequence[Judgement] = ()
    """What the training says about the annotation of each task."""
    worth: Worth | None = None
    """What corrections were worth, if there are some."""

    def report(self) -> dict[str, Any]:
        """Return the report of the outcome, and what corrections were worth, for JSON."""
        return {
            **self.outcome.report(),
            **({"corrections": asdict(self.worth)} if self.worth else {}),
        }

    encoder: Concatenated | None = None
    """The blocks of the head; None if it uses the features of the parent's encoder."""


def train(
    project: str, parent: Parent, training_sets: Sequence[TrainingSet], progress: Progress
) -> Result:
    """Train every control that has enough annotations and put the version into the store."""
    pairs = [(training_set, training_set.lacking) for training_set in training_sets]
    reasons = [f'"{training_set.control}": {lack}.' for training_set, lack in pairs if lack]
    reasons += _distant(parent, [each for each, lack in pairs if lack])
    ready = [training_set for training_set, lack in pairs if not lack]
    learned: dict[str, Learned] = {}
    seconds: dict[str, float] = {}
    for number, training_set in enumerate(ready):

        def tell(stage: str, done: float, number: int = number) -> None:
            progress(stage, 0.1 + 0.8 * (number + done) / len(ready))

        start = time.process_time()
        learned[training_set.control] = learn_control(project, parent, training_set, tell)
        seconds[training_set.control] = round(time.process_time() - start, 1)
    outcomes = {control: each.outcome for control, each in learned.items()}
    metrics = {control: each.report() for control, each in learned.items()}
    if not outcomes:
        return Result(None, passed=False, reasons=reasons, metrics=metrics)
    reasons += [
        f'"{control}": not learned: {named(outcome.left_out)}. {MIN_PER_LABEL} annotations of each '
        "are needed."
        for control, outcome in outcomes.items()
        if outcome.left_out
    ]
    failed = [
        f'"{control}", {check.name}: {check.reason}'
        for control, outcome in outcomes.items()
        for check in outcome.checks
        if not check.passed
    ]
    foreign = {each.control for each in ready if not _has_own_labels(parent.classifier, each)}
    unlearned = {name for name, outcome in outcomes.items() if not outcome.is_useful}
    hints = _distant(parent, [each for each in ready if not outcomes[each.control].passed])
    if foreign & unlearned:
        hints.append(_UNSEEN)
    progress("publishing", 0.95)
    findings = {"controls": metrics, "refused": failed}
    version = _publish(project, parent, training_sets, learned, findings)
    # Not in the version, so that equal annotations give equal versions.
    timed = {
        control: {**report, "seconds": seconds[control]} for control, report in metrics.items()
    }
    return Result(
        version,
        passed=not failed,
        reasons=[*reasons, *failed, *hints],
        metrics=timed,
        judgements={control: each.judgements for control, each in learned.items()},
    )


def _distant(parent: Parent, training_sets: Sequence[TrainingSet]) -> list[str]:
    """Return a sentence for each control whose texts are unlike those the model learned from."""
    return [
        f'"{each.control}": its texts are unlike those that the model learned from (distance '
        f"{distance:.2f}; 0.5 is usual for these), so its predictions are less reliable than "
        "there: annotate some fifty and train."
        for each in training_sets
        if (distance := mean_distance(parent.classifier, each)) > FAR
    ]


def mean_distance(classifier: Classifier, training_set: TrainingSet) -> float:
    """Return how far the texts of a control are from those that its head learned from, in 0..1.

    It is 0 for a head that was trained for the project, for other labels than the model's, and if
    the model or a few texts do not tell.
    """
    asked = classifier.for_control(training_set.control)
    texts = training_set.texts
    if len(texts) < _ENOUGH_FOR_DISTANCE or not _has_own_labels(classifier, training_set):
        return 0.0
    if asked.head.origin is None or not isinstance(asked.encoder, Encoder):
        return 0.0
    traits = asked.encoder.traits(texts)
    return float(asked.head.origin.distances(traits.strangeness).mean()) if traits else 0.0


def learn_control(
    project: str, parent: Parent, training_set: TrainingSet, progress: Progress
) -> Learned:
    """Train the head of one control.

    For the labels of the shipped model, the start is the head that the encoder was trained with,
    not the active one: every training uses all annotations, which would otherwise count twice.
    """
    if not _has_own_labels(parent.classifier, training_set):
        return _learn_new(project, parent, training_set, progress)
    network = parent.classifier.encoder
    training_set = replace(training_set, labels=parent.classifier.labels)
    embedding = _embedding(parent.classifier)
    kept = anchor.load(anchor.SHIPPED, parent.encoder_version, embedding.version)
    if kept is None or not isinstance(network, Encoder):
        tuned = Tuned(parent.classifier.head, _SEED)
        return _learn(project, parent, training_set, network, [tuned], progress)
    encoder = Concatenated({"encoder": network, "embedding": embedding})
    fitter = Replayed(block_widths(encoder), parent.classifier.head, kept.examples(), seed=_SEED)
    steps = [replace(fitter, most=step) for step in _MOST]
    learned = _learn(project, parent, training_set, encoder, steps, progress, kept)
    return replace(learned, encoder=encoder)


def _learn_new(
    project: str, parent: Parent, training_set: TrainingSet, progress: Progress
) -> Learned:
    """Train a head for labels that the model does not have, on several feature blocks."""
    encoder = _blocks(parent.classifier, training_set)
    fitter = OnBlocks(block_widths(encoder), parent.classifier.head, _SEED)
    learned = _learn(project, parent, training_set, encoder, [fitter], progress)
    used = used_blocks(learned.outcome.shares)
    blocks = {name: block for name, block in encoder.blocks.items() if name in used}
    return replace(learned, encoder=Concatenated(blocks) if blocks else None)


def _has_own_labels(classifier: Classifier, training_set: TrainingSet) -> bool:
    """Return whether the labels of a control are those of the model."""
    return training_set.kind == "single" and set(training_set.labels) == set(classifier.labels)


def _learn(  # noqa: PLR0917
    project: str,
    parent: Parent,
    training_set: TrainingSet,
    encoder: TextEncoder,
    fitters: Sequence[Fitter],
    progress: Progress,
    kept: Anchor | None = None,
) -> Learned:
    """Train a head on the features of an encoder, and compare it with the active one.

    The first of the fitters decides with whose head enough texts of the anchor are right.
    """
    active = parent.classifier.for_control(training_set.control)
    is_compared = (
        set(active.labels) == set(training_set.labels) and active.head.kind == training_set.kind
    )

    def further(head: Head) -> list[Check]:
        checks = []
        if set(training_set.labels) == set(behaviour.LABELS) and is_compared:
            understood, before = (
                behaviour.run(each.classify) for each in (Classifier(encoder, head), active)
            )
            checks.append(gate.check_behaviour(understood, before))
        return [*checks, kept.check(head, parent.classifier.head)] if kept else checks

    features = _read(encoder, training_set.texts, progress)
    same = active.encoder is encoder
    others = (
        None if same or not is_compared else _read(active.encoder, training_set.texts, progress)
    )
    folds = training_set.folds(project)
    decided = decide(training_set, features, folds, fitters[0])
    if not decided.rows.all():
        rows = torch.from_numpy(decided.rows)
        features, folds = features[rows], folds[decided.rows]
        others = None if others is None else others[rows]
    training_set = decided.training_set
    for fitter in fitters:
        outcome = learn(
            training_set.control,
            training_set.labels,
            features,
            training_set.answers,
            folds,
            fitter=fitter,
            kind=training_set.kind,
            active=active.head if is_compared else None,
            active_features=others,
            further=further,
            seed=_SEED,
            progress=lambda stage, done: progress(stage, _READ + (1 - _READ) * done),
        )
        if all(check.passed for check in outcome.checks if check.name == gate.ANCHOR):
            break
    return Learned(
        outcome,
        judgements=judgements(outcome, decided),
        worth=worth(training_set, features, folds, fitters[0]) if outcome.head else None,
    )


def _blocks(classifier: Classifier, training_set: TrainingSet) -> Concatenated:
    """Return all feature blocks: n-grams of the training set, and the embedding of the parent."""
    encoder = classifier.encoder
    assert isinstance(encoder, Encoder)
    blocks: dict[str, Block] = {"encoder": encoder, "embedding": _embedding(classifier)}
    # From held-out texts, too: no label has a part in it.
    ngrams = Ngrams.fit(training_set.texts, max_tokens=encoder.max_tokens)
    if ngrams.width:
        blocks["ngrams"] = ngrams
    return Concatenated(blocks)


def _embedding(parent: Classifier) -> StaticEmbedding:
    """Return the embedding of the parent, or the one that ships: a version has only one."""
    for encoder in parent.encoders.values():
        for block in encoder.blocks.values() if isinstance(encoder, Concatenated) else ():
            if isinstance(block, StaticEmbedding):
                return block
    return block_files.load_embedding(block_files.SHIPPED, max_tokens=parent.encoder.max_tokens)


def _read(encoder: TextEncoder, texts: Sequence[str], progress: Progress) -> Tensor:
    chunks = []
    for start in range(0, len(texts), _CHUNK_TEXTS):
        progress("reading texts", _READ * start / len(texts))
        chunks.append(encoder(texts[start : start + _CHUNK_TEXTS]))
    return torch.cat(chunks)


def _publish(
    project: str,
    parent: Parent,
    training_sets: Sequence[TrainingSet],
    learned: dict[str, Learned],
    metrics: dict[str, Any],
) -> str:
    old = parent.classifier
    new = {control: each.outcome.head for control, each in learned.items() if each.outcome.head}
    blocks = {control: each.encoder for control, each in learned.items() if each.encoder}
    kept = {control: each for control, each in old.encoders.items() if control not in new}
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
            Classifier(old.encoder, old.head, {**old.heads, **new}, {**kept, **blocks}),
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
