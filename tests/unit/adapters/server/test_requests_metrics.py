"""Requests are counted by route and status."""

import pytest
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from adapters.observability.exposition import metrics_route
from adapters.observability.metrics import Metrics
from adapters.observability.route_names import RouteNames
from adapters.server.requests import RequestMiddleware

LABELS = {"service_name": "s", "service_version": "1", "runner_name": "r"}


async def fine(_: Request) -> Response:
    return PlainTextResponse("fine")


async def broken(_: Request) -> Response:
    raise RuntimeError("broken")


ROUTES = [
    Route("/fine", fine),
    Route("/broken", broken),
    Route("/jobs/{job_id}", fine),
]


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def client(registry: CollectorRegistry) -> TestClient:
    metrics = Metrics(registry)
    metrics.name_service("s", "1", "r")
    app = Starlette(routes=[*ROUTES, metrics_route(metrics)])
    routes = RouteNames(app, ["/livez"])
    return TestClient(
        RequestMiddleware(app, metrics=metrics, routes=routes), raise_server_exceptions=False
    )


def count(registry: CollectorRegistry, endpoint: str, status: int) -> float | None:
    labels = {**LABELS, "endpoint": endpoint, "http_response_code": str(status)}
    total = registry.get_sample_value("bentoml_service_request_total", labels)
    timed = registry.get_sample_value("bentoml_service_request_duration_seconds_count", labels)
    assert total == timed
    return total


def test_requests_are_counted_by_route_and_status(
    client: TestClient, registry: CollectorRegistry
) -> None:
    for path in ("/fine", "/fine", "/jobs/1", "/jobs/2", "/livez", "/wp-login.php", "/broken"):
        client.get(path)
    client.get("/metrics")

    assert count(registry, "/fine", 200) == 2
    assert count(registry, "/jobs/{job_id}", 200) == 2
    assert count(registry, "/livez", 404) == 1
    assert count(registry, "other", 404) == 1
    assert count(registry, "/broken", 500) == 1
    assert count(registry, "/metrics", 200) is None


def test_an_answered_request_is_no_longer_in_progress(
    client: TestClient, registry: CollectorRegistry
) -> None:
    client.get("/fine")
    client.get("/metrics")
    labels = {**LABELS, "endpoint": "/fine"}
    assert registry.get_sample_value("bentoml_service_request_in_progress", labels) == 0
