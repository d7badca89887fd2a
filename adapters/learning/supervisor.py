"""Run the queued training jobs of a server, each in a process of its own."""

import asyncio
import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from adapters.learning.jobs import Job, JobQueue, State
from adapters.observability.metrics import Metrics
from model_store.serving.failure_log import FailureLog

logger = logging.getLogger(__name__)

_POLL_SECONDS = 0.5
_GRACE_SECONDS = 30.0
"""Time added to the limit of a process for its start and its end."""
_CODE = Path(__file__).parents[2]


class Trainer:
    """Runs jobs from the queue, one at a time on each machine.

    arguments: arguments of `python -m adapters.learning.process` after the id of the job.
    threads: number of threads for the computations of a job.
    timeout: seconds after which a job stops itself. It is killed 30 seconds later.
    metrics: records how each job ends.
    promoted: is called with the project of each version that was promoted.
    """

    def __init__(
        self,
        jobs: JobQueue,
        arguments: Sequence[str],
        *,
        threads: int,
        timeout: float,
        metrics: Metrics,
        promoted: Callable[[str], None] | None = None,
    ) -> None:
        self._jobs = jobs
        self._arguments = tuple(arguments)
        self._threads = threads
        self._timeout = timeout
        self._metrics = metrics
        self._promoted = promoted
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Start polling the queue."""
        self._task = asyncio.create_task(self._work())

    async def stop(self) -> None:
        """Kill the running job and stop polling."""
        if self._task:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _work(self) -> None:
        failures = FailureLog(
            logger, "Cannot start training jobs: %s. Retrying.", "Training jobs can start again."
        )
        while True:
            with failures:
                for job in await asyncio.to_thread(self._jobs.reap_stale):
                    self._count(job, State.KILLED, time.time())
                if claimed := await asyncio.to_thread(self._jobs.claim):
                    await self._run(claimed)
            await asyncio.sleep(_POLL_SECONDS)

    async def _run(self, job: Job) -> None:
        logger.info("Project %s: training job %s starts", job.project, job.id)
        self._metrics.job(State.RUNNING)
        reason = "The server was stopped. Click Start Training to retry."
        try:
            reason = await self._outcome(job)
        except Exception:  # The job must end with a reason, whatever the failure.
            logger.exception("Project %s: cannot run training job %s", job.project, job.id)
            reason = "The training process could not start; see the server log."
        finally:
            await self._end(job, reason)

    async def _outcome(self, job: Job) -> str:
        """Run a job; return the reason for its end, in case it does not record one itself."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "adapters.learning.process", job.id, *self._arguments),
            env={**os.environ, "OMP_NUM_THREADS": str(self._threads), "PYTHONPATH": python_path()},
            # Ctrl-C in the terminal must reach only the server, which then kills the job.
            start_new_session=True,
        )
        try:
            async with asyncio.timeout(self._timeout + _GRACE_SECONDS):
                status = await process.wait()
        except TimeoutError:
            return f"The training process did not end after {self._timeout:g} seconds."
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        return _cause(status)

    async def _end(self, job: Job, reason: str) -> None:
        try:
            # Changes nothing if the job recorded its end itself.
            if await asyncio.to_thread(self._jobs.end, job.id, State.KILLED, [reason]):
                logger.warning("Project %s: training job %s: %s", job.project, job.id, reason)
            ended = await asyncio.to_thread(self._jobs.job, job.id)
        except Exception:  # Must not hide a cancellation. The job is reaped later.
            logger.exception("Project %s: cannot record the end of job %s", job.project, job.id)
        else:
            if ended:
                self._count(ended, ended.state, ended.ended_at or time.time())
                if ended.state is State.PROMOTED and self._promoted:
                    self._promoted(ended.project)

    def _count(self, job: Job, state: State, ended_at: float) -> None:
        self._metrics.job(state, ended_at - (job.started_at or ended_at))


def _cause(status: int) -> str:
    """Return a sentence that says how a process ended, and what to do."""
    if status >= 0:
        return f"The training process ended with status {status}; see the server log."
    try:
        name = signal.Signals(-status).name
    except ValueError:
        name = f"signal {-status}"
    if -status == signal.SIGKILL:
        return (
            f"The training process was killed ({name}), most likely because memory ran out: give "
            "the machine or the container more memory, then click Start Training to retry."
        )
    return f"The training process was ended by {name}; see the server log."


def python_path() -> str:
    """Return a PYTHONPATH that starts with this code, which a Bento keeps in its own folder."""
    return os.pathsep.join([str(_CODE), *filter(None, [os.environ.get("PYTHONPATH")])])
