"""`POST /classify` takes JSON alone, and each bad request gets its status without a traceback."""

import logging
import math
from collections.abc import Sequence

import pytest
from sqlalchemy import create_engine
from starlette.applications import Starlette
from starlette.testclient import TestClient

from adapters.observability.metrics import Metrics
from adapters.server.classify import TextEndpoint, classify_route
from model_store.errors import InferenceError
from model_store.model.classification import Classification
from model_store.model.classifier import Classifier, Query, classify_together
from model_store.serving.deployments import DeploymentLog
from model_store.serving.registry import Deployment, Version
from tests.conftest import ClassifierFactory
from tests.integration.conftest import DEADLINE, VERSION, FixedRegistry, KeywordModel

BODY = b'{"texts": ["A good film.", "Boring."]}'
MULTIPART = "multipart/form-data; boundary=mark"


@pytest.fixture
def client(model: KeywordModel, make_classifier: ClassifierFactory) -> TestClient:
    return client_of(model, make_classifier())


def client_of(model: KeywordModel, classifier: Classifier) -> TestClient:
    log = DeploymentLog(create_engine("sqlite://"))
    registry = FixedRegistry(log, lambda _: classifier, lambda _: False)
    registry.fixed = Deployment((Version(VERSION, classifier),))
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


def test_evidence_is_told_where_it_is_asked_for(make_classifier: ClassifierFactory) -> None:
    classifier = make_classifier()

    class Real(KeywordModel):
        async def classify(
            self, queries: Sequence[Query], *, deadline: float | None = None
        ) -> list[list[Classification]]:
            assert deadline is not None
            return classify_together(queries)

    text = "👍 good film"
    with client_of(Real(), classifier) as client:
        answers = [
            client.post("/classify", json={"texts": [text], **more}).json()["classifications"][0]
            for more in ({}, {"evidence": False}, {"evidence": True})
        ]
    assert answers[0] == answers[1]
    assert "evidence" not in answers[0]
    evidence = answers[2].pop("evidence")
    assert answers[2] == answers[0]
    assert evidence["label"] == answers[0]["label"]
    other = answers[0]["probabilities"][evidence["against"]]
    assert evidence["log_odds"] == pytest.approx(math.log(answers[0]["score"] / other))
    weights = [span["weight"] for span in evidence["spans"]]
    assert sum(weights) + evidence["rest"] + evidence["bias"] == pytest.approx(evidence["log_odds"])
    assert weights
    for span in evidence["spans"]:
        assert text[span["start"] : span["end"]] == span["text"]
        units = text.encode("utf-16-le")[2 * span["start_utf16"] : 2 * span["end_utf16"]]
        assert units.decode("utf-16-le") == span["text"]


def test_a_model_that_cannot_tell_has_no_evidence(client: TestClient) -> None:
    answer = client.post("/classify", json={"texts": ["A good film."], "evidence": True})
    assert answer.json()["classifications"][0]["evidence"] is None
