"""The queue of training jobs, with processes that can die at any moment."""

import os
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Engine, text

from adapters.learning import jobs as jobs_module
from adapters.learning.jobs import STALE_SECONDS, Job, JobQueue, QueueFullError, State
from model_store.serving.database import writing
from tests.processes import all_at_once

CLAIM = """
    import sys
    from adapters.learning.jobs import JobQueue
    from model_store.serving.database import connect
    jobs = JobQueue(connect(sys.argv[1]))
    print("ready", flush=True)
    sys.stdin.readline()
    job = jobs.claim()
    print(job.id if job else "none", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def jobs(database: Engine) -> JobQueue:
    return JobQueue(database)


def again(jobs: JobQueue, job: Job) -> Job:
    found = jobs.job(job.id)
    assert found
    return found


def claimed(jobs: JobQueue) -> Job:
    job = jobs.claim()
    assert job
    return job


def pretend(database: Engine, **columns: object) -> None:
    """Change the rows of all jobs."""
    assignments = ", ".join(f"{name} = :{name}" for name in columns)
    with writing(database) as connection:
        connection.execute(text(f"UPDATE jobs SET {assignments}"), columns)


def dead_pid() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_a_new_job_is_queued(jobs: JobQueue) -> None:
    job = jobs.enqueue("1.1", 7)
    assert (job.project, job.state, job.annotations) == ("1.1", State.QUEUED, 7)
    assert (job.stage, job.progress, job.reasons, job.metrics) == ("waiting", 0, [], {})
    assert (job.started_at, job.ended_at, job.version, job.host, job.pid) == (None,) * 5
    assert again(jobs, job) == job
    assert jobs.job("nosuch") is None


def test_a_project_has_one_queued_or_running_job(jobs: JobQueue) -> None:
    first = jobs.enqueue("1.1", 1)
    assert jobs.enqueue("1.1", 2) == first
    running = claimed(jobs)
    assert jobs.enqueue("1.1", 3).id == first.id == running.id
    jobs.end(first.id, State.REFUSED)
    assert jobs.enqueue("1.1", 4).id != first.id
    assert jobs.enqueue("2.2", 4).project == "2.2"


def test_many_requests_at_once_give_one_job(jobs: JobQueue) -> None:
    with ThreadPoolExecutor(8) as pool:
        ids = {job.id for job in pool.map(lambda n: jobs.enqueue("1.1", n), range(24))}
    assert len(ids) == len(jobs.jobs()) == 1


def test_the_oldest_job_is_claimed_first_and_records_the_process(jobs: JobQueue) -> None:
    first = jobs.enqueue("1.1", 1)
    jobs.enqueue("2.2", 1)
    job = claimed(jobs)
    assert job == again(jobs, first)
    assert (job.id, job.state) == (first.id, State.RUNNING)
    assert (job.host, job.pid) == (socket.gethostname(), os.getpid())
    assert job.started_at == job.seen_at
    assert job.ended_at is None


def test_an_empty_queue_gives_no_job(jobs: JobQueue) -> None:
    assert jobs.claim() is None


def test_a_machine_runs_one_job_at_a_time(jobs: JobQueue) -> None:
    first, second = jobs.enqueue("1.1", 1), jobs.enqueue("2.2", 1)
    claimed(jobs)
    assert jobs.claim() is None
    jobs.end(first.id, State.PROMOTED)
    assert claimed(jobs).id == second.id


def test_two_machines_run_two_jobs(jobs: JobQueue, database: Engine) -> None:
    jobs.enqueue("1.1", 1)
    claimed(jobs)
    pretend(database, host="elsewhere")
    second = jobs.enqueue("2.2", 1)
    assert claimed(jobs).id == second.id


def test_one_of_several_claiming_processes_gets_the_job(jobs: JobQueue, database_url: str) -> None:
    job = jobs.enqueue("1.1", 1)
    answers = [line.strip() for line in all_at_once(CLAIM, database_url, count=4)]
    assert sorted(answers) == sorted([job.id, "none", "none", "none"])


def test_a_heartbeat_records_the_time_and_the_progress(jobs: JobQueue, database: Engine) -> None:
    job = jobs.enqueue("1.1", 1)
    claimed(jobs)
    pretend(database, seen_at=1.0, pid=1)
    assert jobs.heartbeat(job.id, stage="fitting", progress=0.5)
    reported = again(jobs, job)
    assert (reported.stage, reported.progress, reported.pid) == ("fitting", 0.5, os.getpid())
    assert (reported.seen_at or 0) > time.time() - 60


@pytest.mark.parametrize(
    "state", [State.PROMOTED, State.REFUSED, State.TOO_FEW, State.FAILED, State.KILLED]
)
def test_a_job_ends_once(jobs: JobQueue, state: State) -> None:
    job = jobs.enqueue("1.1", 1)
    claimed(jobs)
    metrics = {"held_out": {"accuracy": 0.9, "labels": ["a", "b"]}}
    assert jobs.end(job.id, state, ["Because.", "Also."], version="m:1", metrics=metrics)
    ended = again(jobs, job)
    assert (ended.state, ended.reasons, ended.version) == (state, ["Because.", "Also."], "m:1")
    assert ended.metrics == metrics
    assert ended.ended_at
    assert not jobs.end(job.id, State.KILLED, ["Too late."])
    assert not jobs.heartbeat(job.id, stage="too late")
    assert again(jobs, job) == ended


def test_a_job_and_other_changes_are_committed_together(jobs: JobQueue) -> None:
    job = jobs.enqueue("1.1", 1)
    claimed(jobs)
    done: list[object] = []

    def fail(connection: object) -> None:
        done.append(connection)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        jobs.end(job.id, State.PROMOTED, together_with=fail)
    assert again(jobs, job).state is State.RUNNING
    assert jobs.end(job.id, State.PROMOTED, together_with=done.append)
    assert not jobs.end(job.id, State.PROMOTED, together_with=done.append)
    assert len(done) == 2


def test_a_job_whose_process_is_gone_is_reaped_at_once(jobs: JobQueue, database: Engine) -> None:
    job = jobs.enqueue("1.1", 1)
    claimed(jobs)
    jobs.reap_stale()
    assert again(jobs, job).state is State.RUNNING
    pretend(database, pid=dead_pid())
    jobs.reap_stale()
    buried = again(jobs, job)
    assert buried.state is State.KILLED
    assert buried.ended_at
    assert buried.reasons == [
        "The training process died unexpectedly. Click Start Training to retry."
    ]


def test_a_job_whose_process_is_a_zombie_is_reaped(jobs: JobQueue, database: Engine) -> None:
    job = jobs.enqueue("1.1", 1)
    claimed(jobs)
    with subprocess.Popen([sys.executable, "-c", ""], stdout=subprocess.PIPE) as zombie:
        assert zombie.stdout
        zombie.stdout.read()
        pretend(database, pid=zombie.pid)
        deadline = time.monotonic() + 30
        while again(jobs, job).state is State.RUNNING and time.monotonic() < deadline:
            jobs.reap_stale()
            time.sleep(0.01)
    assert again(jobs, job).state is State.KILLED


def test_a_request_reaps_a_stale_job_and_queues_a_new_one(jobs: JobQueue, database: Engine) -> None:
    job = jobs.enqueue("1.1", 1)
    claimed(jobs)
    pretend(database, pid=dead_pid())
    assert jobs.enqueue("1.1", 2).id != job.id
    assert again(jobs, job).state is State.KILLED


def test_a_claim_reaps_stale_jobs(jobs: JobQueue, database: Engine) -> None:
    jobs.enqueue("1.1", 1)
    claimed(jobs)
    pretend(database, pid=dead_pid())
    second = jobs.enqueue("2.2", 1)
    assert claimed(jobs).id == second.id


@pytest.mark.parametrize(
    ("silence", "state"),
    [(STALE_SECONDS - 20, State.RUNNING), (STALE_SECONDS + 1, State.KILLED)],
)
def test_a_job_of_another_machine_is_reaped_without_heartbeats(
    jobs: JobQueue, database: Engine, silence: float, state: State
) -> None:
    job = jobs.enqueue("1.1", 1)
    claimed(jobs)
    pretend(database, host="elsewhere", pid=dead_pid(), seen_at=time.time() - silence)
    jobs.reap_stale()
    assert again(jobs, job).state is state


def test_a_queued_job_is_never_reaped(jobs: JobQueue) -> None:
    job = jobs.enqueue("1.1", 1)
    jobs.reap_stale()
    assert again(jobs, job).state is State.QUEUED


def test_jobs_of_one_or_all_projects_are_listed_newest_first(jobs: JobQueue) -> None:
    made = []
    for project in ("1.1", "2.2", "1.1"):
        job = jobs.enqueue(project, 1)
        jobs.end(job.id, State.FAILED)
        made.append(job.id)
    assert [job.id for job in jobs.jobs()] == made[::-1]
    assert [job.id for job in jobs.jobs("1.1")] == [made[2], made[0]]
    assert [job.id for job in jobs.jobs(limit=1)] == [made[2]]


def test_projects_with_enough_annotations_come_before_made_up_ones(jobs: JobQueue) -> None:
    for number in range(5):
        jobs.enqueue(f"{number}.1", 3)
    first, second = jobs.enqueue("7.1", 500), jobs.enqueue("8.1", 20)
    for expected in (first, second):
        assert claimed(jobs).id == expected.id
        jobs.end(expected.id, State.PROMOTED)
    assert claimed(jobs).project == "0.1"


def test_the_queue_is_bounded_and_made_up_projects_keep_no_other_out(jobs: JobQueue) -> None:
    for number in range(50):
        jobs.enqueue(f"{number}.1", 0)
    with pytest.raises(QueueFullError, match="50 trainings are queued already"):
        jobs.enqueue("50.1", 19)
    assert jobs.enqueue("0.1", 0).state is State.QUEUED
    real = jobs.enqueue("51.1", 20)
    assert claimed(jobs).id == real.id


def test_a_job_without_annotations_has_ended_at_once_and_repeating_it_adds_none(
    jobs: JobQueue,
) -> None:
    job = jobs.reject("1.1", "Nothing.")
    assert (job.state, job.reasons, job.started_at) == (State.TOO_FEW, ["Nothing."], None)
    assert job.ended_at
    assert jobs.reject("1.1", "Nothing.") == job
    assert jobs.claim() is None
    queued = jobs.enqueue("1.1", 30)
    assert jobs.reject("1.1", "Nothing.").id == queued.id


def test_old_jobs_are_deleted_but_not_those_of_other_projects(
    jobs: JobQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs_module, "_KEPT", 2)
    trained = jobs.enqueue("1.1", 30)
    claimed(jobs)
    jobs.end(trained.id, State.PROMOTED, version="m:1")
    rejected = [jobs.reject(f"{number}.2", "Nothing.").id for number in range(4)]
    assert [job.id for job in jobs.jobs(limit=1000)] == [*rejected[:1:-1], trained.id]


def test_the_oldest_jobs_of_a_project_are_deleted(
    jobs: JobQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs_module, "_KEPT", 2)
    made = []
    for _ in range(5):
        made.append(jobs.enqueue("1.1", 30).id)
        claimed(jobs)
        jobs.end(made[-1], State.FAILED)
    assert [job.id for job in jobs.jobs("1.1", limit=1000)] == made[:1:-1]


def test_the_number_of_a_project_finds_its_jobs(jobs: JobQueue) -> None:
    made = [jobs.enqueue(project, 1) for project in ("1.1795647959", "1.5", "11.1", "1")]
    assert [job.id for job in jobs.jobs("1")] == [made[3].id, made[1].id, made[0].id]
    assert jobs.jobs("1.5") == [made[1]]
