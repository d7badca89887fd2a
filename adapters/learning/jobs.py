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
    delete,
    insert,
    select,
    update,
)

from model_store.errors import ModelStoreError
from model_store.learning.split import MIN_EXAMPLES
from model_store.serving.database import metadata, reading, writing

STALE_SECONDS = 30.0
"""A running job without a heartbeat for this long is stale, on any machine."""
NO_ANNOTATIONS = (
    "No annotation of this project is stored: annotate some tasks first. If Label Studio has some, "
    "its webhook does not reach this server, or sends no payload (Settings, Webhooks): "
    "`preannotate doctor` says why."
)
"""The reason for the end of a job of a project without annotations."""
NO_EVENTS = (
    "Label Studio sends no event for imported annotations and for edited tasks: with "
    "LABEL_STUDIO_URL and LABEL_STUDIO_API_KEY set, a training fetches them."
)
"""A further reason for want of annotations, of a server that does not fetch them."""
_MAX_QUEUED = 50
"""Maximum number of queued jobs of projects with enough annotations, and of all others."""
_KEPT = 100
"""Number of newest ended jobs to keep of each project, and of all jobs that never ran."""


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

    @property
    def is_open(self) -> bool:
        """Whether the job is queued or running."""
        return self.state in _OPEN


class QueueFullError(ModelStoreError):
    """Too many jobs are queued."""

    def __init__(self) -> None:
        super().__init__(
            f"{_MAX_QUEUED} trainings are queued already: start this one when some have ended, see "
            "GET /jobs."
        )


class JobQueue:
    """The jobs of one database.

    Projects with enough annotations come first, then the oldest jobs. A project has one job at a
    time, so all projects get their turn.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def enqueue(self, project: str, annotations: int) -> Job:
        """Queue a job, or return the project's job that is queued or running.

        Raises QueueFullError.
        """
        with writing(self._engine, alone_in=_jobs) as connection:
            self._reap_stale(connection)
            opened = _jobs_where(connection, _jobs.c.project == project, _is_open)
            if opened:
                return opened[0]
            alike = [
                job for job in _queued(connection) if _is_small(job) == (annotations < MIN_EXAMPLES)
            ]
            if len(alike) >= _MAX_QUEUED:
                raise QueueFullError
            return _insert(connection, project, annotations=annotations)

    def reject(self, project: str, reason: str) -> Job:
        """Record a job that ends at once for want of annotations, without a process for it.

        Returns the last job of the project instead if it has not ended, or ended like this.
        """
        with writing(self._engine, alone_in=_jobs) as connection:
            last = _jobs_where(connection, _jobs.c.project == project, newest=1)
            if last and (last[0].started_at is None or last[0].ended_at is None):
                return last[0]
            ending = {"state": State.TOO_FEW, "reasons": [reason], "ended_at": time.time()}
            job = _insert(connection, project, annotations=0, **ending)
            _prune(connection, ~_is_open & _jobs.c.started_at.is_(None))
            return job

    def claim(self) -> Job | None:
        """Take the next queued job, unless a job is running on this machine."""
        host = socket.gethostname()
        if not self._has_queued():
            return None
        with writing(self._engine, alone_in=_jobs) as connection:
            self._reap_stale(connection)
            if _jobs_where(connection, _jobs.c.state == State.RUNNING, _jobs.c.host == host):
                return None
            queued = sorted(_queued(connection), key=_is_small)
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
            _prune(connection, ~_is_open & (_jobs.c.project == queued[0].project))
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
        """Return the latest jobs of one project or of all, newest first.

        project: a project, or the number of one: then of all projects with this number.
        """
        is_of_project = [_jobs.c.project == project] if project else []
        if project and project.isdecimal():
            is_of_project = [
                (_jobs.c.project == project) | _jobs.c.project.startswith(f"{project}.")
            ]
        with reading(self._engine) as connection:
            return _jobs_where(connection, *is_of_project, newest=limit)

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


def _queued(connection: Connection) -> list[Job]:
    """Return the queued jobs, oldest first."""
    return _jobs_where(connection, _jobs.c.state == State.QUEUED)


def _is_small(job: Job) -> bool:
    """Return whether a job had too few annotations when it was queued; it may fetch more."""
    return job.annotations < MIN_EXAMPLES


def _insert(connection: Connection, project: str, **columns: Any) -> Job:
    row = {
        "id": uuid.uuid4().hex,
        "project": project,
        "state": State.QUEUED,
        "stage": "waiting",
        "progress": 0.0,
        "created_at": time.time(),
        "reasons": [],
        "metrics": {},
        **columns,
    }
    connection.execute(insert(_jobs).values(row))
    return _jobs_where(connection, _jobs.c.id == row["id"])[0]


def _prune(connection: Connection, condition: Any) -> None:
    """Delete all but the newest of the jobs that meet a condition."""
    newest_first = select(_jobs.c.id).where(condition).order_by(_jobs.c.created_at.desc())
    connection.execute(delete(_jobs).where(_jobs.c.id.in_(newest_first.offset(_KEPT))))


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
