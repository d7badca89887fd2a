"""Events without the secret of the server change nothing."""

import logging

import pytest
from sqlalchemy import Engine
from starlette.testclient import TestClient

from adapters.label_studio.routes import Backend, create_app
from adapters.label_studio.webhook_secret import HEADER, WebhookSecret
from adapters.learning.coordinator import Coordinator
from adapters.learning.examples import ExampleStore
from adapters.learning.jobs import JobQueue
from tests.integration.conftest import PROJECT, FixedRegistry, KeywordModel, payload

SECRET = "correct horse battery"


async def _ignore(_: object) -> None:
    """Compare nothing."""


@pytest.fixture
def guarded(model: KeywordModel, registry: FixedRegistry, learning: Coordinator) -> TestClient:
    """The routes of a server with a secret."""
    backend = Backend(model, registry, learning, _ignore, secret=WebhookSecret(SECRET))
    return TestClient(create_app(backend))


@pytest.mark.parametrize("given", [{}, {HEADER: "wrong"}, {HEADER: ""}, {HEADER: SECRET.upper()}])
def test_an_event_without_the_secret_is_refused_with_403(
    guarded: TestClient, database: Engine, given: dict[str, str]
) -> None:
    event = payload("webhook_ANNOTATION_CREATED")
    assert guarded.post("/webhook", json=event, headers={HEADER: SECRET}).status_code == 200
    known = ExampleStore(database).snapshot(PROJECT)
    deletion = {**event, "action": "ANNOTATION_DELETED"}
    answer = guarded.post("/webhook", json=deletion, headers=given)
    assert answer.status_code == 403
    assert HEADER in answer.json()["error"]
    assert "SENTIMENT_WEBHOOK_SECRET" in answer.json()["error"]
    assert known == ExampleStore(database).snapshot(PROJECT) != []


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
    assert ExampleStore(database).snapshot(PROJECT)
