"""Kill workers, trainings and servers at random moments: no acknowledged annotation is lost."""

import os
import random
import signal
import threading
import time
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Self

import httpx2 as httpx
import psutil
import pytest

from adapters.learning.examples import ExampleStore
from model_store import manifests
from model_store.learning import behaviour
from model_store.manifests import MODEL_NAME
from model_store.serving.database import connect, sqlite_url
from model_store.serving.deployments import DeploymentLog
from tests.e2e.servers import Server, run_backend, wait_until
from tests.stored import snapshot

KILLS = int(os.environ.get("KILLS", "6"))
"""Number of kills; set `KILLS=50` for a long run."""
NUMBER, CREATED = 7, "2026-11-23T17:01:57.597054Z"
PROJECT = f"{NUMBER}.1795453317"
INTERFACE = (
    '<View><Text name="text" value="$review"/><Choices name="verdict" toName="text">'
    '<Choice value="Praise"/><Choice value="Complaint"/></Choices></View>'
)
OF_PROJECT = {"id": NUMBER, "created_at": CREATED, "label_config": INTERFACE}
VERDICTS = {"Positive": "Praise", "Negative": "Complaint"}
CASES = behaviour.suite()


def event(number: int) -> dict[str, Any]:
    case = CASES[number % len(CASES)]
    value = {"choices": [VERDICTS[case.label]]}
    return {
        "action": "ANNOTATION_CREATED",
        "project": OF_PROJECT,
        "task": {"id": number, "data": {"review": case.text}},
        "annotation": {
            "id": number,
            "task": number,
            "updated_at": CREATED,
            "result": [{"type": "choices", "from_name": "verdict", "value": value}],
        },
    }


class Annotator:
    """Send annotations one after the other, also while the server is down."""

    def __init__(self) -> None:
        self.url = ""
        self.acknowledged: list[int] = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._work)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _work(self) -> None:
        number = 0
        while not self._ended.wait(0.01):
            number += 1
            with suppress(httpx.HTTPError):
                answer = httpx.post(f"{self.url}/webhook", json=event(number), timeout=5)
                if answer.status_code == httpx.codes.OK:
                    self.acknowledged.append(number)


def press(server: Server) -> Any:
    body = {"action": "START_TRAINING", "project": OF_PROJECT}
    return httpx.post(f"{server.url}/webhook", json=body, timeout=10).json()["job"]


def job_of(server: Server, job: str) -> Any:
    return httpx.get(f"{server.url}/jobs/{job}", timeout=10).json()


def trainers(server: Server) -> list[psutil.Process]:
    return [
        process
        for process in psutil.process_iter(["cmdline", "environ"])
        if "adapters.learning.process" in (process.info["cmdline"] or ())
        and (process.info["environ"] or {}).get("SENTIMENT_DATA_DIR") == str(server.data)
    ]


def workers(server: Server) -> list[psutil.Process]:
    return [process for process in server.family()[1:] if process not in trainers(server)]


def kill(processes: list[psutil.Process]) -> None:
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(signal.SIGKILL)


def predicts(server: Server) -> bool:
    body = {"tasks": [{"id": 1, "data": {"review": "A good film."}}], "project": PROJECT}
    with suppress(httpx.HTTPError):
        answer = httpx.post(
            f"{server.url}/predict", json={**body, "label_config": INTERFACE}, timeout=5
        )
        return answer.status_code == httpx.codes.OK
    return False


def serving(server: Server) -> Any:
    body = {"project": PROJECT, "schema": INTERFACE}
    return httpx.post(f"{server.url}/setup", json=body, timeout=10).json()["model_version"]


def jobs(server: Server) -> Any:
    return httpx.get(f"{server.url}/jobs", timeout=10).json()["jobs"]


def end_of(server: Server, job: str) -> Any:
    """Wait until the job ends and return it."""
    wait_until(partial(is_done, server, job), "the training did not end", seconds=60)
    return job_of(server, job)


def is_done(server: Server, job: str) -> bool:
    return job_of(server, job)["state"] not in ("queued", "running")


@pytest.mark.timeout(240 + 30 * KILLS)
def test_kills_lose_no_acknowledged_annotation_and_the_server_continues(
    tmp_path: Path,
) -> None:
    seed = int(os.environ.get("SEED", "1"))
    dice = random.Random(seed)
    # Each kind at least twice, in random order.
    victims = [("trainer", "worker", "server")[index % 3] for index in range(KILLS)]
    dice.shuffle(victims)
    shipped = None
    with Annotator() as annotator:
        while victims:
            with run_backend(tmp_path, {"SENTIMENT_WORKERS": "2"}) as server:
                annotator.url = server.url
                assert predicts(server)
                shipped = shipped or serving(server)
                while victims and kill_something(server, victims.pop(), dice):
                    wait_until(partial(predicts, server), "nothing serves")
        with run_backend(tmp_path, {"SENTIMENT_WORKERS": "2"}) as server:
            annotator.url = server.url
            job = job_of(server, press(server))
            if end_of(server, job["id"])["state"] == "killed":  # by the last kill
                job = job_of(server, press(server))
            done = end_of(server, job["id"])
            # The gate may refuse one of two equally good models by chance.
            assert done["state"] in ("promoted", "refused"), done["reasons"]
            promoted = [item["version"] for item in jobs(server) if item["state"] == "promoted"]
            expected = promoted[0] if promoted else shipped
            wait_until(lambda: serving(server) == expected, "not served", seconds=5)
            assert "Cannot load version" not in server.read_log()
            states = {item["id"]: item["state"] for item in jobs(server)}
    assert not {"queued", "running"} & set(states.values())
    engine = connect(sqlite_url(tmp_path / "data"))
    by_training = [
        entry.version for entry in DeploymentLog(engine).since(0) if entry.changed_by == "training"
    ]
    assert by_training == promoted[::-1], "each promoted job has its entry, and no other has"
    assert_all_versions_are_whole(tmp_path / "data" / "bentoml" / "models" / MODEL_NAME)
    kept = {example.task for example in snapshot(ExampleStore(engine), PROJECT)}
    assert len(annotator.acknowledged) > KILLS
    assert set(annotator.acknowledged) <= kept, f"SEED={seed}"


def test_a_killed_training_is_a_killed_job_and_changes_nothing(tmp_path: Path) -> None:
    with run_backend(tmp_path, {"SENTIMENT_WORKERS": "1"}) as server:
        before = serving(server)
        for number in range(60):
            httpx.post(f"{server.url}/webhook", json=event(number), timeout=10)
        job = press(server)
        wait_until(lambda: trainers(server) != [], "no training begins")
        kill(trainers(server))
        done = end_of(server, job)
        assert done["state"] == "killed"
        assert done["reasons"]
        assert serving(server) == before
        assert end_of(server, press(server))["state"] in ("promoted", "refused")


def assert_all_versions_are_whole(folder: Path) -> None:
    """Verify candidates too, which no server loads."""
    versions = [path for path in folder.iterdir() if path.is_dir()]
    assert versions
    for path in versions:
        manifests.verify(path)


def kill_something(server: Server, victim: str, dice: random.Random) -> bool:
    """Kill `victim` at a random moment of a training; return whether the server still runs."""
    job = press(server)
    time.sleep(dice.uniform(0, 4))
    if victim == "server":
        kill([*server.family(), *trainers(server)])
        server.process.wait()
        return False
    if victim == "worker":
        kill([dice.choice(workers(server))])
        return True
    kill(trainers(server))
    done = end_of(server, job)  # killed, or it was faster
    assert done["state"] != "failed", done["reasons"]
    return True
