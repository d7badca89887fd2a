"""Runs the training jobs of a server, each in a process of its own. Trains nothing itself."""

import asyncio
import logging
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from adapters.learning.jobs import Job, JobQueue, State
from adapters.observability.metrics import Metrics
from model_store.errors import ModelStoreError

logger = logging.getLogger(__name__)

_POLL_SECONDS = 0.5
_GRACE_SECONDS = 30.0
"""In which a process starts, and ends by itself when its time is over."""
_CODE = Path(__file__).parents[2]


class Trainer:
    """Takes jobs from the queue, one at a time on each machine, whichever worker is first.

    `arguments` are those of `python -m adapters.learning.process` after the job's id;
    `threads` bounds what a job computes with at once. A process that is still there some time
    after `timeout` seconds is killed. `metrics` is told how each job ends.
    """

    def __init__(
        self,
        jobs: JobQueue,
        arguments: Sequence[str],
        *,
        threads: int,
        timeout: float,
        metrics: Metrics,
    ) -> None:
        self._jobs = jobs
        self._arguments = tuple(arguments)
        self._threads = threads
        self._timeout = timeout
        self._metrics = metrics
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to look for jobs."""
        self._task = asyncio.create_task(self._work())

    async def stop(self) -> None:
        """End the job that runs, and look for no others."""
        if self._task:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _work(self) -> None:
        works = True
        while True:
            try:
                for dead in await asyncio.to_thread(self._jobs.bury_the_dead):
                    self._count(dead, State.KILLED, time.time())
                job = await asyncio.to_thread(self._jobs.claim)
                if job:
                    await self._run(job)
            except Exception as error:  # Whatever it was, the next job may do.
                if works:
                    logger.warning(
                        "No job is begun until this is mended: %s",
                        error,
                        exc_info=not isinstance(error, ModelStoreError),
                    )
                works = False
            else:
                works = True
            await asyncio.sleep(_POLL_SECONDS)

    async def _run(self, job: Job) -> None:
        logger.info("Project %s: training job %s begins", job.project, job.id)
        self._metrics.job(State.RUNNING)
        reason = "The server was stopped: press the button again."
        try:
            reason = await self._outcome(job)
        except Exception:  # Whatever it was, the job ends with a word.
            logger.exception("Project %s: training job %s cannot be done", job.project, job.id)
            reason = "The process of the job could not be started: see the log."
        finally:
            await self._end(job, reason)

    async def _outcome(self, job: Job) -> str:
        """Do a job; why it has ended, should it not have said so itself."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "adapters.learning.process", job.id, *self._arguments),
            env={**os.environ, "OMP_NUM_THREADS": str(self._threads), "PYTHONPATH": _python_path()},
            # Ctrl-C in the terminal is for the server, which ends the job in its own way.
            start_new_session=True,
        )
        try:
            async with asyncio.timeout(self._timeout + _GRACE_SECONDS):
                status = await process.wait()
        except TimeoutError:
            return f"The process of the job did not end after {self._timeout:g} seconds."
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        return f"The process of the job has ended with status {status}: see the log."

    async def _end(self, job: Job, reason: str) -> None:
        try:
            # Does nothing where the job has said itself how it has ended.
            await asyncio.to_thread(self._jobs.end, job.id, State.KILLED, [reason])
            ended = await asyncio.to_thread(self._jobs.job, job.id)
        except Exception:  # It must not hide that we are told to stop; later the job is buried.
            logger.exception("Project %s: the end of job %s is not kept", job.project, job.id)
        else:
            if ended:
                self._count(ended, ended.state, ended.ended_at or time.time())

    def _count(self, job: Job, state: State, ended_at: float) -> None:
        self._metrics.job(state, ended_at - (job.started_at or ended_at))


def _python_path() -> str:
    """The job must find this very code, which a Bento keeps in a folder of its own."""
    return os.pathsep.join([str(_CODE), *filter(None, [os.environ.get("PYTHONPATH")])])
