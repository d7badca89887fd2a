"""`/docs.json` describes every route, and recorded requests of Label Studio are valid by it."""

from typing import Any

import pytest
from jsonschema import Draft202012Validator
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.testclient import TestClient

from adapters.label_studio.openapi import OPERATIONS, document_route
from tests.integration.conftest import PAYLOADS, payload

OTHERS: dict[str, Any] = {
    "paths": {
        "/classify": {"post": {"responses": {200: {}}}},
        "/livez": {"get": {"responses": {}}},
    },
    "components": {"schemas": {"ClassifyRequest": {"type": "object"}}},
}
BODIES = {"predict": "/predict", "setup": "/setup", "webhook": "/webhook"}


@pytest.fixture
def document() -> Any:
    app = Starlette(routes=[document_route(lambda: OTHERS)])
    return TestClient(app).get("/docs.json").json()


def check(document: Any, schema: Any, body: Any) -> None:
    Draft202012Validator({**schema, "components": document["components"]}).validate(body)


def schema_of(body: Any) -> Any:
    return body["content"]["application/json"]["schema"]


def test_every_route_is_described(document: Any, client: TestClient) -> None:
    app = client.app
    assert isinstance(app, Starlette)
    for route in app.routes:
        assert isinstance(route, Route)
        for method in (route.methods or set()) - {"HEAD"}:
            described = document["paths"][route.path][method.lower()]
            assert described["summary"]
            assert (method == "POST") == ("requestBody" in described)


def test_every_described_route_exists(client: TestClient) -> None:
    app = client.app
    assert isinstance(app, Starlette)
    there = {route.path for route in app.routes if isinstance(route, Route)}
    assert {path for path, _ in OPERATIONS} - there == {"/docs.json", "/schema.json"}


def test_routes_of_bentoml_are_described_too(document: Any) -> None:
    assert document["paths"]["/classify"] == {"post": {"responses": {"200": {}}}}
    assert document["components"]["schemas"]["ClassifyRequest"] == {"type": "object"}


@pytest.mark.parametrize("name", sorted(path.stem for path in PAYLOADS.glob("*.json")))
def test_requests_and_responses_of_label_studio_match_the_description(
    document: Any, client: TestClient, name: str
) -> None:
    path = BODIES[name.partition("_")[0]]
    described = document["paths"][path]["post"]
    check(document, schema_of(described["requestBody"]), payload(name))

    answer = client.post(path, json=payload(name))

    assert answer.status_code == 200
    check(document, schema_of(described["responses"]["200"]), answer.json())


@pytest.mark.parametrize("path", ["/", "/health", "/versions", "/jobs"])
def test_other_responses_match_the_description(
    document: Any, client: TestClient, path: str
) -> None:
    answer = client.get(path)
    assert answer.status_code == 200
    check(document, schema_of(document["paths"][path]["get"]["responses"]["200"]), answer.json())


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_examples_are_valid_and_the_server_answers_them(
    document: Any, client: TestClient, path: str, method: str
) -> None:
    described = document["paths"][path][method.lower()]
    answer = described["responses"]["200"]["content"]["application/json"]
    if example := answer.get("example"):
        check(document, answer["schema"], example)
    if method == "POST":
        request = described["requestBody"]["content"]["application/json"]
        check(document, request["schema"], request["example"])
        found = client.post(path, json=request["example"])
        assert found.status_code == 200
        assert set(found.json()) == set(example)


def test_error_responses_match_the_description(document: Any, client: TestClient) -> None:
    answer = client.post("/predict", json={"tasks": 3})
    default = document["paths"]["/predict"]["post"]["responses"]["default"]
    check(document, schema_of(default), answer.json())
