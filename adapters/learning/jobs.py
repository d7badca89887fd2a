"""The queue of training jobs in the database. Trains nothing."""

import enum
import os
import socket
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import psutil
from sqlalchemy import (
    JSON,
    Column,
    Connection,
    Engine,
    Float,
    Index,
    Integer,
    String,
    Table,
    insert,
    select,
    update,
)

from model_store.serving.database import metadata, reading, writing

STALE_SECONDS = 30.0
"""A running job without a heartbeat for this long is stale, on any machine."""


class State(enum.StrEnum):
    """The state of a job: queued, running, or how it ended."""

    QUEUED = "queued"
    RUNNING = "running"
    PROMOTED = "promoted"
    """The job trained a version, which is now active."""
    REFUSED = "refused"
    """The job trained a version, which stays a candidate: the promotion gate refused it."""
    TOO_FEW = "too few annotations"
    FAILED = "failed"
    KILLED = "killed"


_OPEN = (State.QUEUED, State.RUNNING)

_jobs = Table(
    "jobs",
    metadata,
    Column("id", String, primary_key=True),
    Column("project", String, nullable=False),
    Column("state", String, nullable=False),
    Column("stage", String, nullable=False),
    Column("progress", Float, nullable=False),
    Column("annotations", Integer, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("started_at", Float),
    Column("ended_at", Float),
    Column("version", String),
    Column("reasons", JSON, nullable=False),
    Column("metrics", JSON, nullable=False),
    Column("host", String),
    Column("pid", Integer),
    Column("seen_at", Float),
)
_is_open = _jobs.c.state.in_(_OPEN)
Index(
    "one_open_job_per_project",
    _jobs.c.project,
    unique=True,
    sqlite_where=_is_open,
    postgresql_where=_is_open,
)


@dataclass(frozen=True)
class Job:
    """One training of one project; times in seconds since the epoch."""

    id: str
    project: str
    state: State
    stage: str
    """The current or last stage."""
    progress: float
    """In 0..1."""
    annotations: int
    """Number of annotations of the project when the job was queued."""
    created_at: float
    started_at: float | None
    ended_at: float | None
    version: str | None
    """The version that the job trained."""
    reasons: Sequence[str]
    """Why the job ended in its state, in sentences."""
    metrics: dict[str, Any]
    host: str | None
    pid: int | None
    seen_at: float | None
    """Time of the last heartbeat."""


class JobQueue:
    """The jobs of one database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def enqueue(self, project: str, annotations: int) -> Job:
        """Queue a job, or return the project's job that is queued or running."""
        with writing(self._engine, alone_in=_jobs) as connection:
            self._reap_stale(connection)
            opened = _jobs_where(connection, _jobs.c.project == project, _is_open)
            if opened:
                return opened[0]
            row = {
                "id": uuid.uuid4().hex,
                "project": project,
                "state": State.QUEUED,
                "stage": "waiting",
                "progress": 0.0,
                "annotations": annotations,
                "created_at": time.time(),
                "reasons": [],
                "metrics": {},
            }
            connection.execute(insert(_jobs).values(row))
            return _jobs_where(connection, _jobs.c.id == row["id"])[0]

    def claim(self) -> Job | None:
        """Take the oldest queued job, unless a job is running on this machine."""
        host = socket.gethostname()
        if not self._has_queued():
            return None
        with writing(self._engine, alone_in=_jobs) as connection:
            self._reap_stale(connection)
            if _jobs_where(connection, _jobs.c.state == State.RUNNING, _jobs.c.host == host):
                return None
            queued = _jobs_where(connection, _jobs.c.state == State.QUEUED)
            if not queued:
                return None
            now = time.time()
            _change(
                connection,
                queued[0].id,
                state=State.RUNNING,
                stage="starting",
                started_at=now,
                seen_at=now,
                host=host,
                pid=os.getpid(),
            )
            return _jobs_where(connection, _jobs.c.id == queued[0].id)[0]

    def _has_queued(self) -> bool:
        statement = select(1).where(_jobs.c.state == State.QUEUED).limit(1)
        with reading(self._engine) as connection:
            return connection.execute(statement).first() is not None

    def heartbeat(self, job_id: str, **changes: Any) -> bool:
        """Record a heartbeat of a running job and other changes; return False if it has ended."""
        with writing(self._engine, alone_in=_jobs) as connection:
            return _change(connection, job_id, seen_at=time.time(), pid=os.getpid(), **changes)

    def end(
        self,
        job_id: str,
        state: State,
        reasons: Sequence[str] = (),
        *,
        together_with: Callable[[Connection], object] = lambda _: None,
        **changes: Any,
    ) -> bool:
        """End a job that is queued or running; return False if it has already ended.

        together_with: is called in the same transaction, so both take effect or neither does.
        """
        with writing(self._engine, alone_in=_jobs) as connection:
            is_ended = _change(
                connection,
                job_id,
                state=state,
                reasons=list(reasons),
                ended_at=time.time(),
                **changes,
            )
            if is_ended:
                together_with(connection)
            return is_ended

    def reap_stale(self) -> list[Job]:
        """Mark stale jobs and jobs without a process as killed, and return them."""
        with reading(self._engine) as connection:
            running = _jobs_where(connection, _jobs.c.state == State.RUNNING)
        if any(_is_stale(job) for job in running):
            with writing(self._engine, alone_in=_jobs) as connection:
                return self._reap_stale(connection)
        return []

    def jobs(self, project: str | None = None, limit: int = 100) -> list[Job]:
        """Return the latest jobs of one project or of all, newest first."""
        condition = [_jobs.c.project == project] if project else []
        with reading(self._engine) as connection:
            return _jobs_where(connection, *condition, newest=limit)

    def job(self, job_id: str) -> Job | None:
        """Return a job, if it exists."""
        with reading(self._engine) as connection:
            return next(iter(_jobs_where(connection, _jobs.c.id == job_id)), None)

    @staticmethod
    def _reap_stale(connection: Connection) -> list[Job]:
        reason = "The training process died unexpectedly. Click Start Training to retry."
        return [
            job
            for job in _jobs_where(connection, _jobs.c.state == State.RUNNING)
            if _is_stale(job)
            and _change(
                connection, job.id, state=State.KILLED, reasons=[reason], ended_at=time.time()
            )
        ]


def _is_stale(job: Job) -> bool:
    if time.time() - (job.seen_at or 0) > STALE_SECONDS:
        return True
    return job.host == socket.gethostname() and not _is_alive(job.pid or 0)


def _is_alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _change(connection: Connection, job_id: str, **changes: Any) -> bool:
    """Change a job that is queued or running; return whether there was one."""
    statement = update(_jobs).where(_jobs.c.id == job_id, _is_open).values(**changes)
    return bool(connection.execute(statement).rowcount)


def _jobs_where(connection: Connection, *conditions: Any, newest: int | None = None) -> list[Job]:
    statement = select(_jobs).where(*conditions)
    if newest is None:
        statement = statement.order_by(_jobs.c.created_at)
    else:
        statement = statement.order_by(_jobs.c.created_at.desc()).limit(newest)
    rows = [row._asdict() for row in connection.execute(statement)]
    return [Job(**{**row, "state": State(row["state"])}) for row in rows]
