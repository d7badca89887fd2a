"""The command line changes versions while clients send requests."""

import time
from statistics import median
from typing import Any

import httpx2 as httpx
import pytest

from model_store.serving.database import connect, sqlite_url
from model_store.serving.deployments import DeploymentLog
from tests.e2e.conftest import StartBackend
from tests.e2e.servers import Server, wait_until
from tests.e2e.versions import (
    CONNECTIONS,
    PROJECT,
    SECONDS,
    calling,
    make_versions,
    model_store,
    setup_version,
)

CHANGES = 20


@pytest.fixture(scope="module")
def server(backend: StartBackend) -> Server:
    return backend()


@pytest.fixture(scope="module")
def versions(server: Server, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    return make_versions(server, tmp_path_factory.mktemp("versions"))


def test_twenty_changes_under_load_reach_all_workers_at_once_and_fail_no_request(
    server: Server, versions: list[str], labeling_interface: str
) -> None:
    shipped = setup_version(server)
    first, second = versions
    model_store(server, "promote", second)
    assert first in model_store(server, "promote", first)
    wait_until(lambda: setup_version(server) == first, "it does not serve")
    log = DeploymentLog(connect(sqlite_url(server.data)))
    expected = [first]
    took = []
    with calling([server], labeling_interface) as callers:
        for number in range(CHANGES):
            # Like the commands, which themselves start too slowly under this load.
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
    assert median(took) < SECONDS  # not the longest: others use this machine too
    assert len(callers.answers) > CONNECTIONS
    assert callers.changes() == expected
    assert setup_version(server, "8.1795453317") == shipped, "other projects are left alone"


def test_the_table_of_versions_shows_active_and_overruled_versions(
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


def test_an_impossible_change_ends_with_an_error_in_a_sentence(server: Server) -> None:
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
