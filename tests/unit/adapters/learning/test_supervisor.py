"""Processes of training jobs: how they start, how they end, and what their jobs record."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from sqlalchemy import Engine

from adapters.learning import supervisor as trainer_module
from adapters.learning.jobs import Job, JobQueue, State
from adapters.learning.supervisor import Trainer
from adapters.observability.metrics import Metrics
from model_store.errors import DatabaseError

SECONDS = 30


class World:
    """A queue of jobs, and a program that runs in place of Python."""

    def __init__(self, database: Engine, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.jobs = JobQueue(database)
        self.written = folder / "written"
        self._program = folder / "program"
        self._monkeypatch = monkeypatch
        monkeypatch.setattr(trainer_module, "_POLL_SECONDS", 0.01)
        monkeypatch.setattr(trainer_module, "_GRACE_SECONDS", 0.0)

    def program(self, script: str) -> None:
        """Set the script that each process runs; `$3` is its job."""
        self._program.write_text(f"#!/bin/sh\n{script}\n")
        self._program.chmod(0o755)
        self._monkeypatch.setattr(sys, "executable", str(self._program))

    @asynccontextmanager
    async def trainer(self, *, seconds: float = 1000) -> AsyncIterator[Trainer]:
        made = Trainer(self.jobs, ["--more"], threads=3, timeout=seconds, metrics=Metrics())
        made.start()
        try:
            yield made
        finally:
            await made.stop()

    def job(self, job: Job) -> Job:
        found = self.jobs.job(job.id)
        assert found
        return found

    async def ended(self, job: Job) -> Job:
        await until(lambda: self.job(job).state not in (State.QUEUED, State.RUNNING))
        return self.job(job)


@pytest.fixture
def world(database: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    return World(database, tmp_path, monkeypatch)


async def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


def run(scenario: Callable[[], Awaitable[None]]) -> None:
    async def main() -> None:
        await scenario()

    asyncio.run(main())


def test_a_process_gets_its_job_and_its_number_of_threads(world: World) -> None:
    world.program(f'echo "$OMP_NUM_THREADS $*" > {world.written}')

    async def scenario() -> None:
        job = world.jobs.enqueue("1.1", 1)
        async with world.trainer():
            await world.ended(job)
        command = f"3 -m adapters.learning.process {job.id} --more"
        assert world.written.read_text().strip() == command

    run(scenario)


def test_the_job_of_a_process_that_dies_shows_its_status(world: World) -> None:
    world.program("exit 7")

    async def scenario() -> None:
        job = world.jobs.enqueue("1.1", 1)
        async with world.trainer():
            ended = await world.ended(job)
        assert ended.state is State.KILLED
        assert ended.reasons == ["The training process ended with status 7; see the server log."]

    run(scenario)


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (9, "The training process was killed (SIGKILL), most likely because memory ran out: "),
        (11, "The training process was ended by SIGSEGV; see the server log."),
    ],
)
def test_a_job_and_the_log_name_the_signal_that_ended_the_process(
    world: World, caplog: pytest.LogCaptureFixture, number: int, reason: str
) -> None:
    world.program(f"kill -{number} $$")

    async def scenario() -> None:
        job = world.jobs.enqueue("1.1", 1)
        async with world.trainer():
            (found,) = (await world.ended(job)).reasons
            assert found.startswith(reason)
            await until(lambda: f"Project 1.1: training job {job.id}: {found}" in caplog.messages)

    run(scenario)


def test_a_process_that_cannot_start_ends_its_job_and_the_next_job_runs(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sys, "executable", "/no/such/program")

    async def scenario() -> None:
        job = world.jobs.enqueue("1.1", 1)
        async with world.trainer():
            ended = await world.ended(job)
            assert ended.state is State.KILLED
            assert ended.reasons == ["The training process could not start; see the server log."]
            world.program("exit 7")
            assert "status 7" in (await world.ended(world.jobs.enqueue("1.1", 1))).reasons[0]

    run(scenario)
    assert "FileNotFoundError" in caplog.text


def test_a_process_that_hangs_is_killed(world: World) -> None:
    world.program("exec sleep 600")

    async def scenario() -> None:
        job = world.jobs.enqueue("1.1", 1)
        async with world.trainer(seconds=0.5):
            ended = await world.ended(job)
        assert ended.state is State.KILLED
        assert ended.reasons == ["The training process did not end after 0.5 seconds."]
        names = {process.name() for process in psutil.Process().children()}
        assert not {"sleep", "program"} & names

    run(scenario)


def test_a_stop_kills_the_process_and_its_job_says_so(world: World) -> None:
    world.program(f"echo $$ > {world.written}; exec sleep 600")

    async def scenario() -> None:
        job = world.jobs.enqueue("1.1", 1)
        async with world.trainer():
            await until(lambda: world.written.is_file() and world.written.read_text() != "")
        assert world.job(job).state is State.KILLED
        assert world.job(job).reasons == ["The server was stopped. Click Start Training to retry."]
        assert not psutil.pid_exists(int(world.written.read_text()))

    run(scenario)


def test_a_stop_ends_even_without_the_database(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.program(f"echo $$ > {world.written}; exec sleep 600")

    def fail(*_: object, **__: object) -> Any:
        raise DatabaseError("of the tests", "it is gone")

    async def scenario() -> None:
        world.jobs.enqueue("1.1", 1)
        async with world.trainer():
            await until(lambda: world.written.is_file() and world.written.read_text() != "")
            monkeypatch.setattr(JobQueue, "end", fail)

    run(scenario)
    assert not psutil.pid_exists(int(world.written.read_text()))


@pytest.mark.parametrize("error", [DatabaseError("of the tests", "it is gone"), OSError("broken")])
def test_an_outage_is_logged_once_and_jobs_run_after_it(
    world: World,
    error: Exception,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    world.program("exit 7")
    tries = []
    claim = JobQueue.claim

    def fail(jobs: JobQueue) -> Job | None:
        tries.append(jobs)
        if len(tries) < 4:
            raise error
        return claim(jobs)

    monkeypatch.setattr(JobQueue, "claim", fail)

    async def scenario() -> None:
        job = world.jobs.enqueue("1.1", 1)
        async with world.trainer():
            assert (await world.ended(job)).state is State.KILLED

    run(scenario)
    assert caplog.text.count("Cannot start training jobs") == 1
