"""`POST /classify` takes JSON alone, and each bad request gets its status without a traceback."""

import logging

import pytest
from sqlalchemy import create_engine
from starlette.applications import Starlette
from starlette.testclient import TestClient

from adapters.observability.metrics import Metrics
from adapters.server.classify import TextEndpoint, classify_route
from model_store.errors import InferenceError
from model_store.serving.deployments import DeploymentLog
from model_store.serving.registry import Deployment, Version
from tests.conftest import ClassifierFactory
from tests.integration.conftest import DEADLINE, VERSION, FixedRegistry, KeywordModel

BODY = b'{"texts": ["A good film.", "Boring."]}'
MULTIPART = "multipart/form-data; boundary=mark"


@pytest.fixture
def client(model: KeywordModel, make_classifier: ClassifierFactory) -> TestClient:
    log = DeploymentLog(create_engine("sqlite://"))
    registry = FixedRegistry(log, lambda _: make_classifier(), lambda _: False)
    registry.fixed = Deployment((Version(VERSION, make_classifier()),))
    endpoint = TextEndpoint(model, registry, DEADLINE, Metrics())
    return TestClient(Starlette(routes=[classify_route(endpoint)]))


@pytest.mark.parametrize(
    "content_type", ["application/json", "Application/JSON; charset=utf-8", "a/b+json", None]
)
def test_json_is_classified_in_order(client: TestClient, content_type: str | None) -> None:
    headers = {"Content-Type": content_type} if content_type else {}
    answer = client.post("/classify", content=BODY, headers=headers)
    assert answer.status_code == 200
    assert answer.json()["model_version"] == VERSION
    assert [item["label"] for item in answer.json()["classifications"]] == ["Positive", "Negative"]


def test_the_distance_of_a_text_is_told_where_the_model_knows_it(
    client: TestClient, model: KeywordModel
) -> None:
    headers = {"Content-Type": "application/json"}
    for distance in (None, 0.0, 0.75):
        model.distance = distance
        answer = client.post("/classify", content=BODY, headers=headers)
        found = [item["distance"] for item in answer.json()["classifications"]]
        assert found == [distance, distance]


@pytest.mark.parametrize(
    ("content_type", "body", "status"),
    [
        (MULTIPART, b"", 415),
        (MULTIPART, b"--mark\r\nContent-Disposition: form-data\r\n\r\n", 415),
        ("application/x-www-form-urlencoded", b"texts=a", 415),
        ("application/vnd.bentoml+pickle", b"\x80\x04.", 415),
        ("application/json", b"", 400),
        ("application/json", b"[" * 100_000, 400),
        ("application/json", b'{"texts": ["\\ud800"]}', 400),
        ("application/json", b'{"texts": "secret"}', 400),
        ("application/json", b'{"texts": [["secret"]]}', 400),
        ("application/json", b"\xff", 400),
    ],
)
def test_a_bad_request_is_a_4xx_in_json_and_logs_nothing(
    client: TestClient,
    caplog: pytest.LogCaptureFixture,
    content_type: str,
    body: bytes,
    status: int,
) -> None:
    with caplog.at_level(logging.WARNING):
        answer = client.post("/classify", content=body, headers={"Content-Type": content_type})
    assert answer.status_code == status
    assert answer.json()["error"]
    assert "secret" not in answer.text
    assert not caplog.records


def test_a_failing_model_is_a_503_that_says_when_to_retry(
    client: TestClient, model: KeywordModel
) -> None:
    model.error = InferenceError()
    answer = client.post("/classify", content=BODY)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert answer.json() == {"error": str(InferenceError())}
