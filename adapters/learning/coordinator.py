"""The learning loop of one worker: store annotations, queue trainings, choose versions.

All calls wait for the database in a thread, so that the event loop does not. Reads have a thread
of their own, since an annotator waits for each event to be stored.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

from adapters.label_studio.controls import Control
from adapters.label_studio.events import Changes
from adapters.learning.budget import Budgets
from adapters.learning.event_recorder import EventRecorder
from adapters.learning.examples import ExampleStore
from adapters.learning.jobs import NO_ANNOTATIONS, NO_EVENTS, Job, JobQueue, QueueFullError
from adapters.learning.judgement_table import StoredJudgement
from adapters.learning.tally import Tally, tally
from model_store.learning.split import missing
from model_store.serving.deployments import DeploymentLog
from model_store.wording import shown

logger = logging.getLogger(__name__)

R = TypeVar("R")

_COUNT_SECONDS = 0.1
_COUNT_SHARE = 20
"""A count that takes more processor time is kept for that many times as long: Label Studio calls
/setup several times for each task that it opens."""
_COUNTED = 1000


class Coordinator:
    """The examples, jobs and deployments of one database, for the routes of one worker.

    train_every: number of new annotations after which a training is queued; 0 for never.
    fetches: whether trainings fetch annotations from Label Studio's API.
    """

    def __init__(
        self,
        examples: ExampleStore,
        jobs: JobQueue,
        deployments: DeploymentLog,
        budgets: Budgets,
        *,
        train_every: int = 0,
        fetches: bool = False,
    ) -> None:
        self._examples = examples
        self._jobs = jobs
        self._deployments = deployments
        self._budgets = budgets
        self._train_every = train_every
        self._fetches = fetches
        # Controls with enough annotations. Label Studio calls /setup for every task it opens.
        self._ready: set[tuple[str, str, tuple[str, ...]]] = set()
        self._counted: dict[object, tuple[float, list[str]]] = {}
        """What the controls of projects lack, and until when that need not be counted again."""
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="learning")
        self._recorder = EventRecorder(self._writer, self._record)
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="learning-reader")

    async def record(self, event: Mapping[str, Any]) -> Changes:
        """Store the changes in an event and return them; they are on disk when this returns.

        Raises EventError if the event is malformed.
        """
        return await self._recorder.record(event)

    async def train(self, project: str) -> Job:
        """Queue a training of a project, or return the job that is queued or running.

        A project without annotations gets a job that has ended. Raises QueueFullError.
        """
        return await _do(self._writer, self._train, project)

    async def needed(self, project: str, controls: Sequence[Control]) -> list[str]:
        """Return, for each control that cannot be trained yet, which annotations are missing."""
        return await _do(self._reader, self._needed, project, controls)

    async def choose(self, project: str, models: Sequence[str], *, ensemble: bool) -> None:
        """Deploy versions to a project."""
        choose = partial(self._deployments.choose, project, models, ensemble=ensemble)
        await _do(self._writer, choose)

    async def jobs(self, project: str | None) -> list[Job]:
        """Return the latest jobs, newest first."""
        return await _do(self._reader, self._jobs.jobs, project)

    async def suspects(self, project: str) -> list[StoredJudgement]:
        """Return what people should look at, the least likely annotation first."""
        return await _do(self._reader, self._budgets.judgements.open_of, project)

    async def budget(self, project: str) -> dict[str, Any]:
        """Return what a project still needs, for JSON."""
        return await _do(self._reader, lambda: self._budgets.of(project).to_json())

    async def job(self, job_id: str) -> Job | None:
        """Return a job, if it exists."""
        return await _do(self._reader, self._jobs.job, job_id)

    def _record(self, events: Sequence[Changes]) -> None:
        self._examples.record(*events)
        if self._train_every:
            for project in sorted({changes.project for changes in events if changes.annotations}):
                self._train_if_due(project)

    def _train_if_due(self, project: str) -> None:
        count = self._examples.annotation_count(project)
        last = next(iter(self._jobs.jobs(project, limit=1)), None)
        if count - (last.annotations if last else 0) >= self._train_every:
            with suppress(QueueFullError):  # The next event tries again.
                self._jobs.enqueue(project, count)

    def _train(self, project: str) -> Job:
        count = self._examples.annotation_count(project)
        if not count and not self._fetches:
            return self._jobs.reject(project, f"{NO_ANNOTATIONS} {NO_EVENTS}")
        return self._jobs.enqueue(project, count)

    def _needed(self, project: str, controls: Sequence[Control]) -> list[str]:
        waiting = [control for control in controls if _key(project, control) not in self._ready]
        if not waiting:
            return []
        key = tuple(_key(project, control) for control in waiting)
        until, sentences = self._counted.get(key, (0.0, []))
        if time.monotonic() < until:
            return sentences
        start = time.thread_time()
        tallies = tally(self._examples.annotated(project), waiting)
        sentences = [
            sentence
            for control, found in zip(waiting, tallies, strict=True)
            for sentence in self._lacking(project, control, found)
        ]
        seconds = time.thread_time() - start
        if len(self._counted) >= _COUNTED:
            self._counted.clear()
        until = time.monotonic() + _COUNT_SHARE * seconds if seconds > _COUNT_SECONDS else 0.0
        self._counted[key] = until, sentences
        return sentences

    def _lacking(self, project: str, control: Control, found: Tally) -> list[str]:
        """Say what a control lacks for a training, and which annotations are left out."""
        lacking = missing(found.options, control.options, control.kind, found.examples)
        if not lacking:
            self._ready.add(_key(project, control))
            return []
        needed = f'Before "{shown(control.name)}" can be trained: {lacking}.'
        return [needed, *([found.sentence] if found.sentence else [])]


async def _do(thread: ThreadPoolExecutor, function: Callable[..., R], *args: Any) -> R:
    return await asyncio.get_running_loop().run_in_executor(thread, function, *args)


def _key(project: str, control: Control) -> tuple[str, str, tuple[str, ...]]:
    """Identify a control with its present options: with other options it must be counted again."""
    return project, control.name, control.options
