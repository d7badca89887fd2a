"""The deployment log: the versions that serve each project, and the times of each change.

Every worker follows the log; see `registry.py`. This module loads no models.
"""

import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Connection,
    Engine,
    Float,
    Integer,
    String,
    Table,
    insert,
    select,
)

from model_store.errors import NoEarlierVersionError
from model_store.serving.database import be_alone_in, metadata, reading, writing

ACTIVE = "active"
"""Stands for the active version in the list of models of a project."""

NOTICE_SECONDS = 1.0
"""Seconds from writing an entry to its effect, so that all workers can prepare for it."""

_log = Table(
    "deployments",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("project", String, nullable=False, index=True),
    Column("version", String),
    Column("models", JSON, nullable=False),
    Column("ensemble", Boolean, nullable=False),
    Column("is_rollback", Boolean, nullable=False),
    Column("effective_at", Float, nullable=False),
    Column("changed_by", String, nullable=False),
    Column("reason", String, nullable=False),
)


@dataclass(frozen=True)
class Entry:
    """The deployment of a project from a point in time."""

    id: int
    project: str
    version: str | None
    """The active version; None for the model of the server's settings."""
    models: tuple[str, ...]
    """The versions that the project chose; empty if it chose none."""
    ensemble: bool
    is_rollback: bool
    effective_at: float
    """Seconds since the epoch."""
    changed_by: str
    reason: str


class DeploymentLog:
    """The log of one database. Entries are appended and never changed."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def activate(self, project: str, version: str | None, *, by: str, reason: str = "") -> Entry:
        """Activate a version for a project, `NOTICE_SECONDS` from now."""
        with self._change() as connection:
            return _append(connection, project, by, reason, version=version)

    def choose(self, project: str, models: Sequence[str], *, ensemble: bool) -> Entry:
        """Set the models of a project, as the settings of its backend in Label Studio ask.

        Returns the last entry if it holds this choice: Label Studio asks several times.
        """
        with self._change() as connection:
            last = _last(connection, project)
            if last and (last.models, last.ensemble) == (tuple(models), ensemble):
                return last
            choice = {"models": list(models), "ensemble": ensemble}
            return _append(connection, project, "Label Studio", "extra_params", **choice)

    def rollback(self, project: str, *, by: str, available: Collection[str | None]) -> Entry:
        """Activate the version before the active one, skipping versions that are not available.

        Raises NoEarlierVersionError if there is none.
        """
        with self._change() as connection:
            entries = self._entries(connection, _log.c.project == project)
            *before, active = _promoted(entries)
            earlier = [version for version in before if version in available]
            if not earlier:
                raise NoEarlierVersionError(project)
            change = {"version": earlier[-1], "is_rollback": True}
            return _append(connection, project, by, f"back from {active}", **change)

    def note(self, project: str, *, by: str, reason: str) -> Entry:
        """Add an entry that changes no version: something else was done with its predictions."""
        with self._change() as connection:
            return _append(connection, project, by, reason)

    def since(self, last_id: int) -> list[Entry]:
        """Return the entries with greater ids, in order; all for 0."""
        with reading(self._engine) as connection:
            return self._entries(connection, _log.c.id > last_id)

    def _change(self) -> Any:
        return writing(self._engine, alone_in=_log)

    @staticmethod
    def _entries(connection: Connection, condition: Any) -> list[Entry]:
        rows = connection.execute(select(_log).where(condition).order_by(_log.c.id))
        return [_entry(row._mapping) for row in rows]  # noqa: SLF001 (its public name)


def activate(
    connection: Connection, project: str, version: str | None, *, by: str, reason: str
) -> Entry:
    """Do `DeploymentLog.activate` in a transaction that writes other tables too."""
    be_alone_in(connection, _log)
    return _append(connection, project, by, reason, version=version)


def latest(entries: Sequence[Entry]) -> dict[str, Entry]:
    """Return the last entry of each project, which is or will soon be in effect."""
    return {entry.project: entry for entry in entries}


def _promoted(entries: Sequence[Entry]) -> list[str | None]:
    """Return the versions that were activated, in order, without those rolled back."""
    promoted: list[str | None] = [None]
    for entry in entries:
        if entry.is_rollback:
            while len(promoted) > 1 and promoted[-1] != entry.version:
                promoted.pop()
        elif entry.version != promoted[-1]:
            promoted.append(entry.version)
    return promoted


def _append(connection: Connection, project: str, by: str, reason: str, **change: Any) -> Entry:
    last = _last(connection, project)
    row = {
        "project": project,
        "version": last.version if last else None,
        "models": list(last.models) if last else [],
        "ensemble": last.ensemble if last else False,
        "is_rollback": False,
        **change,
        "effective_at": time.time() + NOTICE_SECONDS,
        "changed_by": by,
        "reason": reason,
    }
    (number,) = connection.execute(insert(_log).values(row)).inserted_primary_key or (0,)
    return _entry({"id": number, **row})


def _last(connection: Connection, project: str) -> Entry | None:
    statement = select(_log).where(_log.c.project == project).order_by(_log.c.id.desc()).limit(1)
    row = connection.execute(statement).first()
    return _entry(row._mapping) if row else None  # noqa: SLF001 (its public name)


def _entry(row: Any) -> Entry:
    return Entry(**{**row, "models": tuple(row["models"])})
