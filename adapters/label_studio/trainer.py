"""Runs the training jobs of a server, each in a process of its own. Trains nothing itself."""

import asyncio
import logging
import os
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from adapters.label_studio.jobs import Job, JobQueue, State
from adapters.metrics import Metrics
from model_store.errors import ModelStoreError

logger = logging.getLogger(__name__)

_POLL_SECONDS = 0.5
_CODE = Path(__file__).parents[2]


class Trainer:
    """Takes jobs from the queue, one at a time on each machine, whichever worker is first.

    `arguments` are those of `python -m adapters.label_studio.training` after the job's id;
    `threads` bounds what a job computes with at once. `metrics` is told how each job ends.
    """

    def __init__(
        self, jobs: JobQueue, arguments: Sequence[str], *, threads: int, metrics: Metrics
    ) -> None:
        self._jobs = jobs
        self._arguments = tuple(arguments)
        self._threads = threads
        self._metrics = metrics
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to look for jobs."""
        self._task = asyncio.create_task(self._work())

    async def stop(self) -> None:
        """End the job that runs, and look for no others."""
        if self._task:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _work(self) -> None:
        reachable = True
        while True:
            try:
                for dead in await asyncio.to_thread(self._jobs.bury_the_dead):
                    self._count(dead, State.KILLED, time.time())
                job = await asyncio.to_thread(self._jobs.claim)
                if job:
                    await self._run(job)
            except ModelStoreError as error:
                if reachable:
                    logger.warning("No job is begun until this is mended: %s", error)
                reachable = False
            else:
                reachable = True
            await asyncio.sleep(_POLL_SECONDS)

    async def _run(self, job: Job) -> None:
        logger.info("Project %s: training job %s begins", job.project, job.id)
        self._metrics.job(State.RUNNING)
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "adapters.label_studio.training", job.id, *self._arguments),
            env={**os.environ, "OMP_NUM_THREADS": str(self._threads), "PYTHONPATH": _python_path()},
            # Ctrl-C in the terminal is for the server, which ends the job in its own way.
            start_new_session=True,
        )
        reason = "The server was stopped: press the button again."
        try:
            status = await process.wait()
            reason = f"The process of the job has ended with status {status}: see the log."
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
            # Does nothing where the job has said itself how it has ended.
            await asyncio.to_thread(self._jobs.end, job.id, State.KILLED, [reason])
            ended = await asyncio.to_thread(self._jobs.job, job.id)
            if ended:
                self._count(ended, ended.state, ended.ended_at or time.time())

    def _count(self, job: Job, state: State, ended_at: float) -> None:
        self._metrics.job(state, ended_at - (job.started_at or ended_at))


def _python_path() -> str:
    """The job must find this very code, which a Bento keeps in a folder of its own."""
    return os.pathsep.join([str(_CODE), *filter(None, [os.environ.get("PYTHONPATH")])])
