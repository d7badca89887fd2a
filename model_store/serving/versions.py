"""List, activate, roll back and delete the versions of projects."""

from collections.abc import Collection
from dataclasses import dataclass

from pydantic import BaseModel, ValidationError

from model_store import store
from model_store.errors import AmbiguousProjectError, UnknownProjectError, UnknownVersionError
from model_store.manifests import Manifest
from model_store.serving.deployments import DeploymentLog, Entry, latest


@dataclass(frozen=True)
class VersionRow:
    """One version, for display."""

    version: str
    project: str
    """Empty for a model that was not trained for a project."""
    created: str
    examples: int | None
    accuracy: float | None
    """On held-out examples: the lowest of all controls, in 0..1."""
    interval: tuple[float, float] | None
    """The 95 % interval of the accuracy."""
    state: str
    """`active`, `retired` (was active), `candidate` (never was), `base` (without a project)."""


def table(log: DeploymentLog) -> list[VersionRow]:
    """Return all versions in the store, by project and age, newest last."""
    entries = log.since(0)
    active = {entry.version for entry in latest(entries).values()}
    were_active = {entry.version for entry in entries}
    rows = [
        _row(version, manifest, _state(version, manifest, active, were_active))
        for version, manifest in store.versions().items()
    ]
    return sorted(rows, key=lambda row: (row.project, row.created, row.version))


def promote(
    log: DeploymentLog, version: str, project: str | None = None, *, by: str = "promote"
) -> Entry:
    """Activate a version for a project, by default for the project that it was trained for.

    version: a tag, or a part of it that `store.find` accepts.
    project: a project, or its number if only one project has it.
    by: who does it, for the log.

    If the promotion gate refused the version, the entry's reason says that it was overruled.
    Raises UnknownVersionError, UnknownProjectError if the version has no project, and
    AmbiguousProjectError.
    """
    version, _ = store.find(version)
    manifest = store.versions().get(version)
    if manifest is None:
        raise UnknownVersionError(version)
    target = _resolve(log, project) if project else _training(manifest).project
    if not target:
        raise UnknownProjectError(version)
    refused = _findings(manifest).refused
    reason = f"overruled: {' '.join(refused)}" if refused else "by hand"
    return log.activate(target, version, by=by, reason=reason)


def rollback(log: DeploymentLog, project: str, *, by: str = "rollback") -> Entry:
    """Activate the previous version of a project.

    project: a project, or its number if only one project has it. Raises NoEarlierVersionError and
    AmbiguousProjectError.
    """
    return log.rollback(_resolve(log, project), by=by, available={None, *store.versions()})


def prune(log: DeploymentLog, project: str, *, keep: int, used: Collection[str] = ()) -> list[str]:
    """Delete all but the newest `keep` versions of a project, and return the deleted ones.

    Keeps versions that predict: those in the last log entry of any project, and those in `used`.
    """
    entries = latest(log.since(0)).values()
    serving = {entry.version for entry in entries} | {m for entry in entries for m in entry.models}
    serving |= set(used)
    own = {
        version: manifest
        for version, manifest in store.versions().items()
        if _training(manifest).project == project
    }
    by_age = sorted(own, key=lambda version: _training(own[version]).created)
    deleted = [version for version in by_age[:-keep] if version not in serving]
    for version in deleted:
        store.delete(version)
    return deleted


def _resolve(log: DeploymentLog, project: str) -> str:
    """Return the project with a number, among those with a deployment or a version."""
    of_versions = {_training(manifest).project for manifest in store.versions().values()}
    known = sorted({entry.project for entry in log.since(0)} | of_versions)
    found = [each for each in known if each == project or each.startswith(f"{project}.")]
    if len(found) > 1:
        raise AmbiguousProjectError(project, found)
    return found[0] if found else project


def _state(
    version: str,
    manifest: Manifest,
    active: Collection[str | None],
    were_active: Collection[str | None],
) -> str:
    if version in active:
        return "active"
    if not _training(manifest).project:
        return "base"
    return "retired" if version in were_active else "candidate"


class _Training(BaseModel):
    """What a training writes into a manifest; anyone can write something else there."""

    project: str = ""
    created: str = ""
    examples: dict[str, int] = {}


class _Metrics(BaseModel):
    accuracy: float
    accuracy_interval: tuple[float, float] | None = None


class _Measured(BaseModel):
    candidate: _Metrics | None = None


class _Control(BaseModel):
    metrics: _Measured = _Measured()


class _Findings(BaseModel):
    controls: dict[str, _Control] = {}
    refused: list[str] = []


def _training(manifest: Manifest) -> _Training:
    """Return what a manifest says about the training; nothing if it says it in another form."""
    try:
        return _Training.model_validate(manifest.training)
    except ValidationError:
        return _Training()


def _findings(manifest: Manifest) -> _Findings:
    try:
        return _Findings.model_validate(manifest.metrics)
    except ValidationError:
        return _Findings()


def _row(version: str, manifest: Manifest, state: str) -> VersionRow:
    training, controls = _training(manifest), _findings(manifest).controls
    measured = [control.metrics.candidate for control in controls.values()]
    worst = min(filter(None, measured), key=lambda found: found.accuracy, default=None)
    return VersionRow(
        version,
        training.project,
        training.created,
        sum(training.examples.values()) if controls else None,
        worst.accuracy if worst else None,
        worst.accuracy_interval if worst else None,
        state,
    )
