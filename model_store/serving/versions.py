"""List, activate, roll back and delete the versions of projects."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from model_store import store
from model_store.artifact import Manifest
from model_store.errors import UnknownProjectError, UnknownVersionError
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


def promote(log: DeploymentLog, version: str, project: str | None = None) -> Entry:
    """Activate a version for a project, by default for the project that it was trained for.

    version: a tag, or a part of it that `store.find` accepts.

    If the promotion gate refused the version, the entry's reason says that it was overruled.
    Raises UnknownVersionError, and UnknownProjectError if the version has no project.
    """
    version, _ = store.find(version)
    manifest = store.versions().get(version)
    if manifest is None:
        raise UnknownVersionError(version)
    target = project or manifest.training.get("project")
    if not target:
        raise UnknownProjectError(version)
    refused = manifest.metrics.get("refused")
    reason = f"overruled: {' '.join(refused)}" if refused else "by hand"
    return log.activate(target, version, by="promote", reason=reason)


def rollback(log: DeploymentLog, project: str) -> Entry:
    """Activate the previous version of a project; raise NoEarlierVersionError."""
    return log.rollback(project, by="rollback", available={None, *store.versions()})


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
        if manifest.training.get("project") == project
    }
    by_age = sorted(own, key=lambda version: _created(own[version]))
    deleted = [version for version in by_age[:-keep] if version not in serving]
    for version in deleted:
        store.delete(version)
    return deleted


def _state(
    version: str,
    manifest: Manifest,
    active: Collection[str | None],
    were_active: Collection[str | None],
) -> str:
    if version in active:
        return "active"
    if not manifest.training.get("project"):
        return "base"
    return "retired" if version in were_active else "candidate"


def _row(version: str, manifest: Manifest, state: str) -> VersionRow:
    training: Mapping[str, Any] = manifest.training
    controls = manifest.metrics.get("controls", {})
    return VersionRow(
        version,
        training.get("project", ""),
        _created(manifest),
        sum(training["examples"].values()) if controls else None,
        min(
            (
                control["metrics"]["candidate"]["accuracy"]
                for control in controls.values()
                if control["metrics"].get("candidate")
            ),
            default=None,
        ),
        state,
    )


def _created(manifest: Manifest) -> str:
    return str(manifest.training.get("created", ""))
