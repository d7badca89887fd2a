"""What a project's annotations come to: examples that are kept, and trainings that are asked for.

Everything here waits for the database, in threads of its own, so that the event loop does not; and
what only reads does so in another thread than what keeps events, for which an annotator waits.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

from adapters.label_studio.events import Changes, changes_of
from adapters.label_studio.labeling_config import ChoicesControl
from adapters.learning.examples import ExampleStore
from adapters.learning.jobs import Job, JobQueue
from model_store.learning.split import missing
from model_store.serving.deployments import DeploymentLog

logger = logging.getLogger(__name__)

R = TypeVar("R")


class Coordinator:
    """The examples, jobs and deployments of one database, for the routes of one worker.

    `train_every`: annotations after which a training is asked for by itself; 0 for never.
    """

    def __init__(
        self,
        examples: ExampleStore,
        jobs: JobQueue,
        deployments: DeploymentLog,
        *,
        train_every: int = 0,
    ) -> None:
        self._examples = examples
        self._jobs = jobs
        self._deployments = deployments
        self._train_every = train_every
        # Those that have enough: Label Studio asks with every task that is opened.
        self._ready: set[tuple[str, str, tuple[str, ...]]] = set()
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="learning")
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="learning-reader")

    async def record(self, event: Mapping[str, Any]) -> Changes:
        """Keep what an event says of annotations; when this returns, it is on the disk.

        Returns the changes it held. Raises EventError if it is no event of Label Studio's.
        """
        return await _do(self._writer, self._record, event)

    async def train(self, project: str) -> Job:
        """Ask for a training of a project; one that is not done yet serves for this one too."""
        return await _do(self._writer, self._train, project)

    async def needed(self, project: str, controls: Sequence[ChoicesControl]) -> list[str]:
        """For each control that cannot be trained yet, how many annotations are missing."""
        return await _do(self._reader, self._needed, project, controls)

    async def choose(self, project: str, models: Sequence[str], *, ensemble: bool) -> None:
        """Let these versions predict for a project."""
        choose = partial(self._deployments.choose, project, models, ensemble=ensemble)
        await _do(self._writer, choose)

    async def jobs(self, project: str | None) -> list[Job]:
        """The last jobs, the newest first."""
        return await _do(self._reader, self._jobs.jobs, project)

    async def job(self, job_id: str) -> Job | None:
        """One job."""
        return await _do(self._reader, self._jobs.job, job_id)

    def _record(self, event: Mapping[str, Any]) -> Changes:
        changes = changes_of(event)
        self._examples.record(changes)
        if self._train_every and changes.annotations:
            self._train_if_due(changes.project)
        return changes

    def _train_if_due(self, project: str) -> None:
        count = self._examples.annotation_count(project)
        last = next(iter(self._jobs.jobs(project, limit=1)), None)
        if count - (last.annotations if last else 0) >= self._train_every:
            self._jobs.enqueue(project, count)

    def _train(self, project: str) -> Job:
        return self._jobs.enqueue(project, self._examples.annotation_count(project))

    def _needed(self, project: str, controls: Sequence[ChoicesControl]) -> list[str]:
        asked = [control for control in controls if _key(project, control) not in self._ready]
        if not asked:
            return []
        choices = self._examples.choices(project)
        sentences = []
        for control in asked:
            counts = Counter(chosen.get(control.name, "") for chosen in choices)
            if lacking := missing(counts, control.options):
                sentences.append(f'Before "{control.name}" can be trained: {lacking}.')
            else:
                self._ready.add(_key(project, control))
        return sentences


async def _do(thread: ThreadPoolExecutor, function: Callable[..., R], *args: Any) -> R:
    return await asyncio.get_running_loop().run_in_executor(thread, function, *args)


def _key(project: str, control: ChoicesControl) -> tuple[str, str, tuple[str, ...]]:
    """A control as it is now: with other choices it is another one."""
    return project, control.name, control.options
