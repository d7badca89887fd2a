"""Events without the secret of the server change nothing."""

import logging
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, cast

import pytest
import uvicorn
from sqlalchemy import Engine
from starlette.testclient import TestClient

from adapters.label_studio.project_api import ProjectApi
from adapters.label_studio.routes import Backend, create_app
from adapters.label_studio.webhook_secret import HEADER, WebhookSecret
from adapters.learning.coordinator import Coordinator
from adapters.learning.examples import ExampleStore
from adapters.learning.jobs import JobQueue
from adapters.preannotate.doctor import BackendClient
from adapters.preannotate.doctor.webhook import examine_webhook
from tests.integration.conftest import PROJECT, FixedRegistry, KeywordModel, payload
from tests.stored import snapshot

SECRET = "correct horse battery"


async def _ignore(_: object) -> None:
    """Compare nothing."""


@pytest.fixture
def guarded(model: KeywordModel, registry: FixedRegistry, learning: Coordinator) -> TestClient:
    """The routes of a server with a secret."""
    backend = Backend(model, registry, learning, _ignore, secret=WebhookSecret(SECRET))
    return TestClient(create_app(backend))


@contextmanager
def listening(client: TestClient) -> Iterator[str]:
    """Serve the routes on a port; yield the address."""
    server = uvicorn.Server(uvicorn.Config(client.app, port=0, log_level="warning"))
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()  # A request that comes before the server waits.
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


class Webhooks:
    """A Label Studio with one webhook."""

    def __init__(self, url: str) -> None:
        self.hook: dict[str, Any] = {"id": 3, "url": f"{url}/webhook", "headers": {"X-Other": "1"}}

    def webhooks(self, _: int) -> list[Mapping[str, Any]]:
        return [self.hook]

    def change_webhook(self, _: int, changes: Mapping[str, Any]) -> None:
        self.hook |= changes


def test_the_doctor_finds_a_missing_or_wrong_secret_and_adds_the_right_one(
    guarded: TestClient, database: Engine
) -> None:
    project = {"id": 20, "created_at": "2026-11-23T17:01:57.597054Z"}
    with listening(guarded) as url:
        hooks = Webhooks(url)

        def examined(secret: str | None = None, *, fix: bool = False) -> str:
            backend = BackendClient(url, secret=secret)
            found = examine_webhook(cast("ProjectApi", hooks), project, backend, fix=fix)
            return "\n".join(map(str, found))

        for headers in ({"X-Other": "1"}, {"X-Other": "1", HEADER: "wrong secret"}):
            hooks.hook["headers"] = headers
            assert "WRONG  webhook secret: Label Studio sends events without" in examined()
            assert "WRONG  webhook secret" in examined(SECRET)
            assert "the backend refuses this secret" in examined("not this one", fix=True)
            assert hooks.hook["headers"] == headers
            assert "WRONG" not in examined(SECRET, fix=True)
            assert hooks.hook["headers"] == {"X-Other": "1", HEADER: SECRET}
            assert "ok     webhook secret: the backend accepts it" in examined()
    assert ExampleStore(database).label_config("20.1795453317") is None, "nothing was stored"


@pytest.mark.parametrize("given", [{}, {HEADER: "wrong"}, {HEADER: ""}, {HEADER: SECRET.upper()}])
def test_an_event_without_the_secret_is_refused_with_403(
    guarded: TestClient, database: Engine, given: dict[str, str]
) -> None:
    event = payload("webhook_ANNOTATION_CREATED")
    assert guarded.post("/webhook", json=event, headers={HEADER: SECRET}).status_code == 200
    known = snapshot(ExampleStore(database), PROJECT)
    deletion = {**event, "action": "ANNOTATION_DELETED"}
    answer = guarded.post("/webhook", json=deletion, headers=given)
    assert answer.status_code == 403
    assert HEADER in answer.json()["error"]
    assert "SENTIMENT_WEBHOOK_SECRET" in answer.json()["error"]
    assert known == snapshot(ExampleStore(database), PROJECT) != []


def test_the_log_has_one_line_for_a_series_of_refused_events(
    guarded: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    event = payload("webhook_ANNOTATION_CREATED")
    for given in ("wrong secret", "wrong secret", SECRET, "wrong secret"):
        guarded.post("/webhook", json=event, headers={HEADER: given})
    refusals = [r.getMessage() for r in caplog.records if r.levelno >= logging.WARNING]
    assert len(refusals) == 2
    assert HEADER in refusals[0]
    assert "wrong secret" not in caplog.text
    assert SECRET not in caplog.text


def test_start_training_needs_no_secret_as_label_studio_sends_none(
    guarded: TestClient, database: Engine
) -> None:
    body = {"action": "START_TRAINING", "project": payload("webhook_ANNOTATION_CREATED")["project"]}
    assert guarded.post("/webhook", json=body).status_code == 200
    assert JobQueue(database).jobs(PROJECT)


def test_without_a_secret_every_event_is_stored(client: TestClient, database: Engine) -> None:
    assert client.post("/webhook", json=payload("webhook_ANNOTATION_CREATED")).status_code == 200
    assert snapshot(ExampleStore(database), PROJECT)
