"""Versions that change under load: the command line on one side, callers on the other."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import httpx2 as httpx
import pytest

from model_store import artifact
from model_store.classifier import Classifier
from model_store.database import connect, sqlite_url
from model_store.deployments import DeploymentLog
from model_store.store import PRETRAINED
from tests.e2e.conftest import StartBackend
from tests.e2e.servers import ROOT, Server, wait_until

PROJECT = "7.1795453317"
CONNECTIONS = 50
CHANGES = 20
TASKS = 20
SECONDS = 2.0
"""In which a change must be everywhere."""
SLACK = 0.25
"""Between two workers, and between an answer and its reading here."""


@pytest.fixture(scope="module")
def server(backend: StartBackend) -> Server:
    return backend(SENTIMENT_WORKERS="2")


def model_store(server: Server, *arguments: str, check: bool = True) -> str:
    """What a user's `python -m model_store` prints beside the running server."""
    done = subprocess.run(
        [sys.executable, "-m", "model_store", *arguments],
        env={
            **{k: v for k, v in os.environ.items() if not k.startswith(("SENTIMENT_", "BENTOML_"))},
            "SENTIMENT_DATA_DIR": str(server.data),
            "BENTOML_DO_NOT_TRACK": "True",
            "HOME": str(server.home),
        },
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert not check or done.returncode == 0, done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def versions(server: Server, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Two versions for the project in the server's store: the shipped model, turned colder."""
    shipped = artifact.load(PRETRAINED, device="cpu")
    tags = []
    for index, temperature in enumerate((1.0, 2.0)):
        directory = tmp_path_factory.mktemp("versions") / f"version-{index}"
        head = replace(shipped.head, temperature=temperature)
        artifact.save(
            directory,
            Classifier(shipped.encoder, shipped.head, {"sentiment": head}),
            training={"project": PROJECT, "created": f"2026-01-0{index + 1}", "examples": {}},
            metrics={"refused": ["it was made up"]} if index else {},
        )
        tags.append(model_store(server, "import", str(directory)).strip())
    return tags


def setup_version(server: Server, project: str = PROJECT) -> Any:
    return httpx.post(f"{server.url}/setup", json={"project": project}).json()["model_version"]


@dataclass
class Callers:
    """What callers have seen: when they asked, when they were answered, by which version."""

    answers: list[tuple[float, float, str]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


@contextmanager
def calling(server: Server, interface: str) -> Iterator[Callers]:
    """Callers that ask again and again until the end of the block."""
    callers, ended = Callers(), threading.Event()
    tasks = [{"id": n, "data": {"review": f"A good film, number {n}."}} for n in range(TASKS)]
    body = {"tasks": tasks, "project": PROJECT, "label_config": interface}

    def call() -> None:
        with httpx.Client(base_url=server.url, timeout=30) as client:
            while not ended.is_set():
                asked = time.monotonic()
                answer = client.post("/predict", json=body)
                if answer.status_code != httpx.codes.OK:
                    callers.problems.append(f"status {answer.status_code}")
                    continue
                names = {result["model_version"] for result in answer.json()["results"]}
                if len(names) != 1:
                    callers.problems.append(f"mixed: {sorted(names)}")
                    continue
                callers.answers.append((asked, time.monotonic(), names.pop()))

    threads = [threading.Thread(target=call) for _ in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    try:
        yield callers
    finally:
        ended.set()
        for thread in threads:
            thread.join()


def test_twenty_changes_under_load_are_seen_by_all_at_once_and_fail_nobody(
    server: Server, versions: list[str], labeling_interface: str
) -> None:
    shipped = setup_version(server)
    first, second = versions
    model_store(server, "promote", second)
    assert first in model_store(server, "promote", first)
    wait_until(lambda: setup_version(server) == first, "it does not serve", seconds=SECONDS)
    log = DeploymentLog(connect(sqlite_url(server.data)))
    expected = [first]
    took = []
    with calling(server, labeling_interface) as callers:
        for number in range(CHANGES):
            # As the commands do it; they themselves take long to start beside so many callers.
            if number % 2:
                log.rollback(PROJECT, by="test", available=versions)
                expected.append(first)
            else:
                log.activate(PROJECT, second, by="test")
                expected.append(second)
            started = time.monotonic()
            wait_until(lambda: setup_version(server) == expected[-1], "no change", poll=0.01)
            took.append(time.monotonic() - started)
    assert callers.problems == []
    assert max(took) < SECONDS
    assert len(callers.answers) > CONNECTIONS
    # Whoever asks after somebody has seen a change sees it too, whichever worker answers.
    answers = sorted(callers.answers, key=lambda answer: answer[1])
    changed = 0.0
    serving = [answers[0][2]]
    for _, answered, name in answers:
        if name != serving[-1] and answered > changed + SLACK:
            serving.append(name)
            changed = answered
    assert serving == expected
    assert setup_version(server, "8.1795453317") == shipped, "other projects are left alone"


def test_the_table_of_versions_shows_what_serves_and_what_was_overruled(
    server: Server, versions: list[str]
) -> None:
    model_store(server, "promote", versions[1])
    wait_until(lambda: setup_version(server) == versions[1], "it does not serve")
    rows = [line.split() for line in model_store(server, "versions").splitlines()]
    assert rows[0] == ["version", "project", "created", "examples", "accuracy", "state"]
    states = {row[0]: (row[1], row[-1]) for row in rows[1:]}
    assert states[versions[1]] == (PROJECT, "active")
    assert states[versions[0]] == (PROJECT, "retired")
    assert "overruled: it was made up" in server.read_log()


def test_what_cannot_be_done_is_said_in_a_sentence(server: Server) -> None:
    answer = model_store(server, "promote", "sentiment-cnn:none", check=False)
    assert "There is no version 'sentiment-cnn:none'" in answer
    assert "Traceback" not in answer
    answer = model_store(server, "rollback", "9.9", check=False)
    assert "Project 9.9 has no earlier version" in answer


def test_models_by_extra_params_predict_side_by_side_with_their_average(
    server: Server, versions: list[str], labeling_interface: str
) -> None:
    project = "11.1795453317"
    body = {
        "project": project,
        "schema": labeling_interface,
        "extra_params": {"models": versions, "ensemble": True},
    }
    task = {"id": 1, "data": {"review": "A good film."}}

    def predict() -> list[Any]:
        answer = httpx.post(
            f"{server.url}/predict",
            json={"tasks": [task], "project": project, "label_config": labeling_interface},
        )
        (result,) = answer.json()["results"]
        return result if isinstance(result, list) else [result]

    httpx.post(f"{server.url}/setup", json=body)
    wait_until(lambda: len(predict()) == 3, "not three predictions", seconds=5)
    first, second, average = predict()
    assert [first["model_version"], second["model_version"]] == versions
    assert average["model_version"].startswith("ensemble:")
    assert average["score"] == pytest.approx((first["score"] + second["score"]) / 2)
    assert setup_version(server, project) == versions[0]
    httpx.post(f"{server.url}/setup", json={**body, "extra_params": {}})
    wait_until(lambda: len(predict()) == 1, "the choice was not taken back", seconds=5)
