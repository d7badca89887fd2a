"""Each request is one JSON line with its id and times, never its content."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from adapters.observability.logs import JsonFormatter
from adapters.observability.request_log import RequestLog
from adapters.observability.route_names import RouteNames
from adapters.server.requests import RequestMiddleware
from model_store.model.stages import MODEL, QUEUE, Stage, recorded

SECRET = "my private review"


async def predict(request: Request) -> Response:
    await request.body()
    logging.getLogger("adapters.somewhere").warning("Project %s: broken", 3)
    stages = recorded()
    assert stages is not None
    stages += [Stage(QUEUE, 1.0, 1.5), Stage(MODEL, 2.0, 2.25), Stage(MODEL, 3.0, 3.25)]
    return PlainTextResponse("done")


async def broken(_: Request) -> Response:
    raise RuntimeError


APP = Starlette(
    routes=[
        Route("/predict", predict, methods=["POST"]),
        Route("/broken", broken),
        Route("/livez", broken),
    ]
)


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    logger = logging.getLogger("adapters")
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield stream
    logger.removeHandler(handler)
    logger.setLevel(level)


@pytest.fixture
def client() -> TestClient:
    middleware = RequestMiddleware(APP, routes=RouteNames(APP), log=RequestLog(["/livez"]))
    return TestClient(middleware, raise_server_exceptions=False)


def read(lines: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in lines.getvalue().splitlines()]


def test_a_request_is_one_line_with_its_id_sizes_and_times(
    client: TestClient, lines: io.StringIO
) -> None:
    headers = {"X-Request-ID": "abc-1", "Authorization": f"Token {SECRET}"}
    answer = client.post("/predict?q=private", content=SECRET, headers=headers)

    assert answer.headers["x-request-id"] == "abc-1"
    inside, request = read(lines)
    assert inside["message"] == "Project 3: broken"
    assert inside["level"] == "WARNING"
    assert inside["logger"] == "adapters.somewhere"
    assert inside["request_id"] == "abc-1"
    assert request.pop("total_ms") > 0
    assert request.pop("time")
    assert request == {
        "level": "INFO",
        "logger": "adapters.observability.request_log",
        "message": "request",
        "request_id": "abc-1",
        "method": "POST",
        "route": "/predict",
        "status": 200,
        "request_bytes": len(SECRET),
        "response_bytes": 4,
        "queue_ms": 500.0,
        "model_ms": 500.0,
    }
    assert "private" not in lines.getvalue()


@pytest.mark.parametrize("given", ["", "a b", "x" * 129, 'a"}', "ä"])
def test_a_malformed_id_is_replaced(client: TestClient, lines: io.StringIO, given: str) -> None:
    answer = client.post("/predict", headers={b"x-request-id": given.encode()})
    made = answer.headers["x-request-id"]
    assert len(made) == 32
    assert read(lines)[-1]["request_id"] == made


def test_a_request_that_fails_is_logged_with_500(client: TestClient, lines: io.StringIO) -> None:
    client.get("/broken")
    assert read(lines)[-1]["status"] == 500


def test_an_unknown_path_is_logged_as_other(client: TestClient, lines: io.StringIO) -> None:
    client.get("/my-private-path")
    assert read(lines)[-1]["route"] == "other"
    assert "private" not in lines.getvalue()


def test_probes_are_not_logged(client: TestClient, lines: io.StringIO) -> None:
    client.get("/livez")
    assert not read(lines)


def test_a_traced_request_is_logged_with_its_trace(client: TestClient, lines: io.StringIO) -> None:
    with TracerProvider().get_tracer("test").start_as_current_span("request") as span:
        client.post("/predict")
    assert read(lines)[-1]["trace_id"] == f"{span.get_span_context().trace_id:032x}"


def test_an_exception_is_part_of_its_line() -> None:
    error = ValueError("broken")
    record = logging.LogRecord(
        "a", logging.ERROR, "", 1, "It failed", (), (ValueError, error, None)
    )
    line = json.loads(JsonFormatter().format(record))
    assert line["message"] == "It failed"
    assert "ValueError: broken" in line["exc_info"]
