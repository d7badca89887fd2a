"""The doctor, given an invalid address or a backend that does not answer."""

import json
import threading
from collections.abc import Iterator, Mapping
from typing import Any, cast

import pytest

from adapters.label_studio.project_api import ProjectApi
from adapters.preannotate.cli import main
from adapters.preannotate.doctor import BackendClient, examine_address
from adapters.preannotate.doctor import backend as module
from adapters.preannotate.doctor.webhook import examine_webhook
from tests.unit.adapters.label_studio.test_client import Answer, Stranger, says, serve

SECRET = "geheim"


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LABEL_STUDIO_URL", "SENTIMENT_BASIC_AUTH_USER", "SENTIMENT_BASIC_AUTH_PASSWORD"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def silent_after_health(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stranger]:
    released = threading.Event()
    monkeypatch.setattr(module, "_TIMEOUT_SECONDS", 0.2)

    def behaviour(path: str) -> Answer:
        if path != "/health":
            released.wait(30)
        return 200, {}, json.dumps({"status": "UP"}).encode()

    with serve(behaviour) as server:
        yield server
        released.set()


def test_credentials_in_the_url_are_used_and_removed_from_it() -> None:
    url = f"https://anna%40b:{SECRET}%2F@backend.internal:9090/path/"
    backend = BackendClient.at(url, "another", "other")
    assert backend == BackendClient("https://backend.internal:9090/path", "anna@b", f"{SECRET}/")
    assert SECRET not in repr(backend)


def test_a_password_in_the_url_is_sent_and_not_shown(capsys: pytest.CaptureFixture[str]) -> None:
    answer = {"status": "UP", "model_version": "sentiment-cnn:1"}
    with serve(says(200, answer)) as server:
        host = server.url.removeprefix("http://")
        assert main(["doctor", f"http://anna:{SECRET}@{host}"]) == 0
        header = BackendClient(server.url, "anna", SECRET).authorization["Authorization"]
        assert {sent for _, sent in server.asked} == {header}
    said = capsys.readouterr().out
    assert f"reachable: {server.url} answers" in said
    assert SECRET not in said


def test_a_backend_that_stops_answering_is_a_finding(
    silent_after_health: Stranger, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["doctor", silent_after_health.url]) == 1
    said = capsys.readouterr().out
    assert "WRONG  version: the backend does not answer (ReadTimeoutError): see its log" in said


@pytest.mark.parametrize("body", [b"<html>", [], 3, {"status": 3}])
def test_an_unexpected_answer_is_a_finding(
    body: object, capsys: pytest.CaptureFixture[str]
) -> None:
    with serve(says(200, body)) as server:
        assert main(["doctor", server.url]) == 1
    assert "WRONG  version" in capsys.readouterr().out


@pytest.mark.parametrize(
    "url",
    [
        "",
        "http://[::1",
        "http://",
        "backend.internal:9090",
        f"http://anna:{SECRET}@host:99999",
        f"ftp://anna:{SECRET}@host",
    ],
)
def test_an_invalid_address_is_a_finding(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", url]) == 1
    said = capsys.readouterr().out
    assert "WRONG  address" in said
    assert "http://backend.internal:9090" in said
    assert SECRET not in said


@pytest.mark.parametrize("host", ["a..b", f"{'a' * 64}.internal"])
def test_an_impossible_host_name_is_a_finding(host: str) -> None:
    *_, last = examine_address(f"http://{host}:9090")
    assert (last.fine, last.text) == (False, f"{host} cannot be resolved: check the name")


class Webhooks:
    """A Label Studio with one webhook, and the changes that were made to it."""

    def __init__(self, url: str, **fields: Any) -> None:
        self._hook = {"id": 3, "url": f"{url}/webhook", **fields}
        self.changes: list[tuple[int, Mapping[str, Any]]] = []

    def webhooks(self, _: int) -> list[Mapping[str, Any]]:
        return [self._hook]

    def change_webhook(self, number: int, changes: Mapping[str, Any]) -> None:
        self.changes.append((number, changes))


def examined(hooks: Webhooks, url: str, *, fix: bool = False) -> list[str]:
    api = cast("ProjectApi", hooks)
    project = {"id": 1, "created_at": "2026-11-23T17:01:57Z"}
    return [str(item) for item in examine_webhook(api, project, BackendClient(url), fix=fix)]


def test_a_webhook_of_a_label_studio_without_these_fields_is_fine() -> None:
    with serve(says(200, {})) as server:
        assert examined(Webhooks(server.url), server.url) == ["ok     webhook: events are sent"]


def test_failures_in_a_row_are_found_before_they_switch_the_webhook_off() -> None:
    with serve(says(200, {})) as server:
        said = examined(Webhooks(server.url, consecutive_failures=49), server.url)
    assert said[0].startswith("WRONG  webhook failures: the last 49 events failed")


def test_a_webhook_that_label_studio_switched_off_is_found_and_switched_on() -> None:
    with serve(says(200, {})) as server:
        hooks = Webhooks(server.url, is_active=False, consecutive_failures=50)
        (found,) = examined(hooks, server.url)
        assert "switched off by Label Studio after 50 failures in a row" in found
        fixed = examined(hooks, server.url, fix=True)
    assert hooks.changes == [(3, {"is_active": True})]
    assert all(line.startswith("ok") for line in fixed)
