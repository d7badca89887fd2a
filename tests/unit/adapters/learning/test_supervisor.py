"""Processes of training jobs: begun, bounded, killed, and what becomes of their jobs."""

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
    """A queue of jobs, and a program that stands for the Python of their processes."""

    def __init__(self, database: Engine, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.jobs = JobQueue(database)
        self.written = folder / "written"
        self._program = folder / "program"
        self._monkeypatch = monkeypatch
        monkeypatch.setattr(trainer_module, "_POLL_SECONDS", 0.01)
        monkeypatch.setattr(trainer_module, "_GRACE_SECONDS", 0.0)

    def program(self, script: str) -> None:
        """Each process runs this from now on; `$3` is its job."""
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


def test_a_process_is_told_its_job_and_how_many_threads_it_may_have(world: World) -> None:
    world.program(f'echo "$OMP_NUM_THREADS $*" > {world.written}')

    async def scenario() -> None:
        job = world.jobs.enqueue("1.1", 1)
        async with world.trainer():
            await world.ended(job)
        command = f"3 -m adapters.learning.process {job.id} --more"
        assert world.written.read_text().strip() == command

    run(scenario)


def test_a_process_that_ends_without_a_word_is_told_of_in_its_job(world: World) -> None:
    world.program("exit 7")

    async def scenario() -> None:
        job = world.jobs.enqueue("1.1", 1)
        async with world.trainer():
            ended = await world.ended(job)
        assert ended.state is State.KILLED
        assert ended.reasons == ["The process of the job has ended with status 7: see the log."]

    run(scenario)


def test_a_process_that_cannot_be_started_ends_its_job_and_the_next_is_begun(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sys, "executable", "/no/such/program")

    async def scenario() -> None:
        job = world.jobs.enqueue("1.1", 1)
        async with world.trainer():
            ended = await world.ended(job)
            assert ended.state is State.KILLED
            assert ended.reasons == ["The process of the job could not be started: see the log."]
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
        assert ended.reasons == ["The process of the job did not end after 0.5 seconds."]
        names = {process.name() for process in psutil.Process().children()}
        assert not {"sleep", "program"} & names

    run(scenario)


def test_a_stop_kills_the_process_and_says_so_in_its_job(world: World) -> None:
    world.program(f"echo $$ > {world.written}; exec sleep 600")

    async def scenario() -> None:
        job = world.jobs.enqueue("1.1", 1)
        async with world.trainer():
            await until(lambda: world.written.is_file() and world.written.read_text() != "")
        assert world.job(job).state is State.KILLED
        assert world.job(job).reasons == ["The server was stopped: press the button again."]
        assert not psutil.pid_exists(int(world.written.read_text()))

    run(scenario)


def test_a_stop_ends_also_where_the_database_is_gone(
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


@pytest.mark.parametrize("error", [DatabaseError("of the tests", "it is gone"), OSError("odd")])
def test_whatever_is_wrong_it_is_logged_once_and_jobs_are_begun_when_it_is_mended(
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
    assert caplog.text.count("No job is begun until this is mended") == 1
