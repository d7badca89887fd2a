"""Make Label Studio's projects show the version that serves them, off the request path.

Label Studio's score column shows the predictions of one version alone. Connecting a backend sets
that to the backend's title, which no prediction carries: the column stays blank. After a training
it stays at the old version. See docs/active-learning.md.
"""

import asyncio
import enum
import logging
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Self

from adapters.label_studio.client_errors import ClientError
from adapters.label_studio.events import EventError, project_key
from adapters.label_studio.project_api import ProjectApi, Versions
from adapters.label_studio.served_config import serve
from model_store.errors import ModelNotReadyError
from model_store.serving.registry import Registry

logger = logging.getLogger(__name__)

WHERE = "Settings, Annotation, Prelabeling"
"""Where a person chooses the version in Label Studio."""

ADVICE = "Score column: after Retrieve Predictions, choose"
"""How the advice for a server without access to Label Studio begins."""
_HOW = (
    f"under {WHERE}, and the new version after each training. With LABEL_STUDIO_URL and "
    "LABEL_STUDIO_API_KEY set, the server does it."
)
_FAILED = "Cannot choose the version that project %s shows: %s"
_TICK_SECONDS = 0.25
_FIRST_PAUSE_SECONDS = 0.5
_LAST_PAUSE_SECONDS = 600.0
_MAX_PROJECTS = 1000


class Showing(enum.Enum):
    """Which predictions a project shows, compared with the version that serves it."""

    SERVED = "those of the version that serves it"
    UNPREDICTED = "no task has a prediction of the version that serves it"
    PARTLY_PREDICTED = "the shown version has more predictions than the one that serves it"
    FOREIGN = "those of a model that is not this backend's"
    BEHIND = "others, and the version that serves it has as many predictions"


def showing(versions: Versions, served: str) -> Showing:
    """Compare what a project shows with the version that serves it.

    >>> showing(Versions("My model", {"cnn:2": 9}, {"My model": "cnn:2"}), "cnn:2")
    <Showing.BEHIND: 'others, and the version that serves it has as many predictions'>
    """
    if versions.shown == served:
        return Showing.SERVED
    predicted = versions.counts.get(served, 0)
    if not predicted:
        return Showing.UNPREDICTED
    shown = versions.backends.get(versions.shown, versions.shown)
    if shown and _model(shown) != _model(served):
        return Showing.FOREIGN
    if predicted < versions.counts.get(versions.shown, 0):
        return Showing.PARTLY_PREDICTED
    return Showing.BEHIND


def _model(version: str) -> str:
    """Return the name of the model, without its version."""
    return version.rpartition(":")[0]


class ShownVersions:
    """The projects of one worker, and whether each shows the version that serves it.

    Checks a project that Label Studio asks about, at first after half a second, then at pauses that
    double up to ten minutes, until the project shows the version; again when another version serves
    it. Without `api` it only gives advice.
    """

    def __init__(self, registry: Registry, api: ProjectApi | None) -> None:
        self._registry = registry
        self._api = api
        self._pauses: dict[str, float] = {}
        """Seconds from the last check to the next, of the projects that are not done."""
        self._due: dict[str, float] = {}
        self._done: dict[str, Sequence[str]] = {}
        """The versions that served a project when it was done."""
        self._is_failing = False
        self._task: asyncio.Task[None] | None = None

    @classmethod
    def of_environment(cls, registry: Registry) -> Self:
        """Use the Label Studio of the environment's variables, if they name one."""
        return cls(registry, ProjectApi.of_environment("Projects keep the version that they show"))

    def advice(self, version: str) -> list[str]:
        """Return what a person has to do because this server cannot."""
        return [] if self._api else [f"{ADVICE} {version} {_HOW}"]

    def notice(self, project: str, *, is_predicting: bool = False) -> None:
        """Take note that Label Studio asks about a project, or for its predictions."""
        if self._api and project not in self._done and (is_predicting or project not in self._due):
            self._plan(project, _FIRST_PAUSE_SECONDS)

    def start(self) -> None:
        """Start checking."""
        if self._api:
            self._task = asyncio.create_task(self._work(self._api))

    async def stop(self) -> None:
        """Stop checking."""
        if self._task:
            self._task.cancel()
            await asyncio.wait([self._task])

    def _plan(self, project: str, pause: float) -> None:
        if len(self._due) >= _MAX_PROJECTS and project not in self._due:
            self._forget(max(self._due, key=self._due.__getitem__))
        self._pauses[project] = pause
        self._due[project] = time.monotonic() + pause

    def _forget(self, project: str) -> None:
        del self._due[project], self._pauses[project]

    async def _work(self, api: ProjectApi) -> None:
        while True:
            await asyncio.sleep(_TICK_SECONDS)
            self._reopen()
            now = time.monotonic()
            for project in [name for name, due in self._due.items() if due <= now]:
                await self._check(api, project)

    def _reopen(self) -> None:
        """Plan a check of each project that other versions serve since it was done."""
        with suppress(ModelNotReadyError):
            for project, names in list(self._done.items()):
                if self._registry.deployment(project).names != names:
                    del self._done[project]
                    self._plan(project, _FIRST_PAUSE_SECONDS)

    async def _check(self, api: ProjectApi, project: str) -> None:
        pause = min(2 * self._pauses[project], _LAST_PAUSE_SECONDS)
        try:
            names = self._registry.deployment(project).names
            is_done = await asyncio.to_thread(self._show, api, project)
            self._is_failing = False
            if is_done:
                self._forget(project)
                if len(self._done) >= _MAX_PROJECTS:
                    del self._done[next(iter(self._done))]
                self._done[project] = names
                return
        except (ClientError, EventError) as error:
            self._fail(project, error)
            if not getattr(error, "is_passing", False):
                pause = _LAST_PAUSE_SECONDS
        except Exception:  # One project must not stop the checks of the others.
            logger.exception(_FAILED, project, "an internal error")
            pause = _LAST_PAUSE_SECONDS
        self._plan(project, pause)

    def _fail(self, project: str, error: Exception) -> None:
        if not self._is_failing:
            logger.warning(_FAILED, project, error)
        self._is_failing = True

    def _show(self, api: ProjectApi, project: str) -> bool:
        """Make a project show the version that serves it, if it can; return whether it is done."""
        number = int(project.partition(".")[0])
        found = api.project(number)
        if project_key(found) != project:
            logger.warning(_FAILED, project, "LABEL_STUDIO_URL names another Label Studio")
            return True
        versions = api.versions(found)
        served = serve(found["label_config"], self._registry.deployment(project)).versions[0]
        state = showing(versions, served)
        # While a project shows a backend's title, the label stream asks for each prediction.
        is_live = versions.shown in versions.backends
        if is_live and 2 * versions.counts.get(served, 0) < found["task_number"]:
            return False
        if state is Showing.BEHIND:
            api.show_version(number, served)
            logger.info("Project %s shows the scores of %s now", project, served)
        elif state is Showing.FOREIGN:
            logger.info(
                "Project %s shows %r, which is not of this server: to see its scores, choose %s "
                "under %s",
                *(project, versions.shown, served, WHERE),
            )
        return state in (Showing.SERVED, Showing.BEHIND, Showing.FOREIGN)
