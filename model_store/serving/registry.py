"""Load the versions that serve each project, and switch between them, in one worker.

Follows the deployment log. Loads the versions of an entry before the entry takes effect, so that no
request waits for a model, and all workers switch at the same time.
"""

import asyncio
import hashlib
import logging
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic
from typing import NamedTuple

from model_store.errors import ModelNotReadyError, ModelStoreError
from model_store.model.classifier import Classifier
from model_store.serving.deployments import ACTIVE, NOTICE_SECONDS, DeploymentLog, Entry, latest
from model_store.serving.failure_log import FailureLog

logger = logging.getLogger(__name__)

_POLL_SECONDS = 0.25


class Version(NamedTuple):
    """A loaded model and its name."""

    name: str
    classifier: Classifier


@dataclass(frozen=True)
class Deployment:
    """The versions that predict for a project. A request uses one deployment throughout."""

    versions: tuple[Version, ...]
    """`/setup` names the first one to Label Studio."""
    ensemble: str | None = None
    """The model version of the average's predictions; None without an average."""

    @property
    def name(self) -> str:
        """The name of the first version."""
        return self.versions[0].name

    @property
    def names(self) -> list[str]:
        """All versions that predictions can carry."""
        names = [version.name for version in self.versions]
        return [*names, self.ensemble] if self.ensemble else names


class _Scheduled(NamedTuple):
    """A deployment and when it takes effect.

    By the monotonic clock: the other one can be set back, and a deployment must not end by that.
    """

    due: float
    entry: Entry
    deployment: Deployment


class Registry:
    """The current deployments of all projects.

    load: returns the classifier of a version; is called in a thread.
    exists: returns whether a version exists.
    models, ensemble: used for projects that do not choose their own.
    """

    def __init__(
        self,
        log: DeploymentLog,
        load: Callable[[str], Classifier],
        exists: Callable[[str], bool],
        *,
        models: Sequence[str] = (),
        ensemble: bool = False,
    ) -> None:
        self._log = log
        self._load = load
        self._exists = exists
        self._models = tuple(models) or (ACTIVE,)
        self._ensemble = ensemble
        self._default: Version
        self._serves = False
        self._versions: dict[str, Version] = {}
        self._schedules: dict[str, list[_Scheduled]] = defaultdict(list)
        self._last_id = 0
        self._following: asyncio.Task[None] | None = None

    async def start(self, default: Version) -> None:
        """Serve the default and all entries of the log so far, then follow the log."""
        self._default = default
        self._versions[default.name] = default
        self._fallback = await asyncio.to_thread(self._deployment, None, (), self._ensemble)
        await asyncio.to_thread(self._catch_up)
        self._serves = True
        self._following = asyncio.create_task(self._follow())

    async def stop(self) -> None:
        """Stop serving."""
        self._serves = False
        if self._following:
            self._following.cancel()
            with suppress(asyncio.CancelledError):
                await self._following

    def deployment(self, project: str | None) -> Deployment:
        """Return the deployment of a project; raise ModelNotReadyError if not started."""
        if not self._serves:
            raise ModelNotReadyError
        schedule = self._schedules.get(project or "")
        if not schedule:
            return self._fallback
        now = monotonic()
        while len(schedule) > 1 and schedule[1].due <= now:
            schedule.pop(0)
        return schedule[0].deployment if schedule[0].due <= now else self._fallback

    def knows(self, name: str) -> bool:
        """Return whether a name is a version, or `active`."""
        return name == ACTIVE or name in self._versions or self._exists(name)

    def chosen(self, project: str) -> tuple[tuple[str, ...], bool]:
        """Return the models that a project chose last, and whether it chose their average."""
        schedule = self._schedules.get(project)
        return (schedule[-1].entry.models, schedule[-1].entry.ensemble) if schedule else ((), False)

    def names(self) -> list[str]:
        """Return all versions that predictions of any project can carry."""
        deployments = [self.deployment(project) for project in ("", *self._schedules)]
        return list(dict.fromkeys(name for found in deployments for name in found.names))

    async def _follow(self) -> None:
        failures = FailureLog(
            logger,
            "Cannot read the deployment log, still serving current versions: %s",
            "Reading the deployment log again.",
        )
        while True:
            await asyncio.sleep(_POLL_SECONDS)
            with failures:
                await asyncio.to_thread(self._catch_up)

    def _catch_up(self) -> None:
        entries = [(entry, self._delay(entry)) for entry in self._log.since(self._last_id)]
        seen = monotonic()
        due = latest([entry for entry, delay in entries if delay <= 0])
        for entry, delay in entries:
            self._last_id = entry.id
            if entry.id < due.get(entry.project, entry).id:
                continue  # Superseded: its version may be deleted.
            deployment = self._deployment(entry.version, entry.models, entry.ensemble)
            self._schedules[entry.project].append(_Scheduled(seen + delay, entry, deployment))
            logger.info(
                "Project %s: %s %s (%s: %s)",
                entry.project,
                "is served by" if monotonic() > seen + delay else "will be served by",
                ", ".join(deployment.names),
                entry.changed_by,
                entry.reason or "no reason given",
            )

    def _delay(self, entry: Entry) -> float:
        """Return the seconds until an entry that is seen for the first time takes effect.

        They are at most `NOTICE_SECONDS`, unless the clock was set back or another machine's is
        ahead. At the start such an entry has long been in effect; a new one gets the usual notice.
        """
        delay = entry.effective_at - time.time()
        if delay <= NOTICE_SECONDS:
            return delay
        return NOTICE_SECONDS if self._serves else 0.0

    def _deployment(self, active: str | None, models: Sequence[str], ensemble: bool) -> Deployment:
        names = [active if name == ACTIVE else name for name in models or self._models]
        found = [self.find(name) for name in names]
        loaded = tuple(dict.fromkeys(version for version in found if version))
        versions = loaded or (self._default,)
        average = (ensemble if models else self._ensemble) and len(versions) > 1
        return Deployment(versions, _ensemble_name(versions) if average else None)

    def find(self, name: str | None) -> Version | None:
        """Return a version, loaded if need be; None if that fails. None names the default one.

        To be called in a thread. Versions share their encoders, so each takes some kilobytes.
        """
        if name is None:
            return self._default
        if name not in self._versions:
            try:
                self._versions[name] = Version(name, self._load(name))
            except Exception as error:  # One broken version must not stop the others.
                logger.warning(
                    "Cannot load version %s, predicting without it: %s",
                    name,
                    error,
                    exc_info=not isinstance(error, ModelStoreError),
                )
                return None
        return self._versions[name]


def _ensemble_name(versions: Sequence[Version]) -> str:
    """Return a name that is the same for the same versions on every machine."""
    names = "\n".join(version.name for version in versions)
    return f"ensemble:{hashlib.sha256(names.encode()).hexdigest()[:16]}"
