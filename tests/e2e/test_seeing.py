"""Metrics, logs, traces and API documents of a running server."""

import gzip
import importlib.util
import json
import signal
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import httpx2 as httpx
import psutil
import pytest

from tests.e2e.conftest import StartBackend
from tests.e2e.numbers import metric, wait_for_metric
from tests.e2e.servers import ROOT, Server, run_backend, wait_until

PAYLOADS = ROOT / "tests/integration/payloads"
ONE_WORKER = {"SENTIMENT_WORKERS": "1"}
TWO_WORKERS = {"SENTIMENT_WORKERS": "2"}
LIMIT = 1_000_000
"""Maximum tokens queued or running per worker."""


def post(server: Server, path: str, name: str, **headers: str) -> httpx.Response:
    content = (PAYLOADS / f"{name}.json").read_bytes()
    return httpx.post(f"{server.url}{path}", content=content, headers=headers)


def lines(server: Server) -> list[dict[str, Any]]:
    return [json.loads(line) for line in server.read_log().splitlines()]


def workers(server: Server) -> list[psutil.Process]:
    return server.family()[1:]


def test_metrics_include_all_workers_and_one_that_died(tmp_path: Path) -> None:
    settings = {**TWO_WORKERS, "SENTIMENT_MAX_QUEUE_TOKENS": str(LIMIT)}
    with run_backend(tmp_path, settings) as server:
        wait_for_metric(server, 2 * LIMIT, "sentiment_queue_limit_tokens")
        for _ in range(50):
            post(server, "/predict", "predict_open_task")
        wait_for_metric(server, 50, "sentiment_predictions_total")

        victim, *_ = workers(server)
        victim.send_signal(signal.SIGKILL)
        wait_until(lambda: len(workers(server)) == 2 and victim not in workers(server), "not back")
        wait_for_metric(server, 2 * LIMIT, "sentiment_queue_limit_tokens")

        assert metric(server, "sentiment_predictions_total") == 50
        assert f"Worker process {victim.pid} ended: killed by SIGKILL" in server.read_log()


def test_a_second_server_on_the_same_data_keeps_the_metrics_of_the_first(tmp_path: Path) -> None:
    with run_backend(tmp_path / "first", ONE_WORKER) as first:
        post(first, "/predict", "predict_open_task")
        data = str(first.data)
        shared = {**ONE_WORKER, "SENTIMENT_DATA_DIR": data, "BENTOML_HOME": f"{data}/bentoml"}
        with run_backend(tmp_path / "second", shared) as second:
            wait_for_metric(first, 1, "sentiment_predictions_total")
            assert metric(second, "sentiment_predictions_total") == 0


@pytest.fixture(scope="module")
def json_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with a log in JSON."""
    settings = {**ONE_WORKER, "SENTIMENT_LOG_FORMAT": "json"}
    with run_backend(tmp_path_factory.mktemp("json"), settings) as server:
        yield server


def test_an_unknown_path_makes_no_series(json_server: Server) -> None:
    httpx.get(f"{json_server.url}/wp-login.php")
    wait_for_metric(json_server, 1, "bentoml_service_request_total", endpoint="other")
    assert "wp-login" not in httpx.get(f"{json_server.url}/metrics").text


def test_every_line_of_the_log_is_json_and_requests_carry_their_ids(json_server: Server) -> None:
    server = json_server
    answer = post(server, "/predict", "predict_retrieve", **{"X-Request-ID": "mine-1"})
    post(server, "/setup", "setup")
    post(server, "/webhook", "webhook_ANNOTATION_CREATED")
    post(server, "/webhook", "webhook_START_TRAINING")
    wait_until(lambda: "too few annotations" in server.read_log(), "no training")

    assert answer.headers["x-request-id"] == "mine-1"
    logged = lines(server)
    assert all({"level", "logger", "message", "time"} <= line.keys() for line in logged)
    assert "adapters.learning.process" in {line["logger"] for line in logged}
    (request,) = (line for line in logged if line.get("route") == "/predict")
    assert request["request_id"] == "mine-1"
    assert request["status"] == 200
    for stage in ("total", "queue", "tokenize", "model", "encode"):
        assert request[f"{stage}_ms"] >= 0
    assert sum(line.get("request_id") == "mine-1" for line in logged) > 1
    secrets = ("A good story", "fedcba9876543210")
    assert not [secret for secret in secrets if secret in server.read_log()]


class Collector:
    """Receive traces by OpenTelemetry's protocol over HTTP."""

    def __init__(self) -> None:
        self.spans: list[Any] = []
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                from opentelemetry.proto.collector.trace.v1 import (  # noqa: PLC0415
                    trace_service_pb2,
                )

                body = self.rfile.read(int(self.headers["content-length"]))
                if self.headers.get("content-encoding") == "gzip":
                    body = gzip.decompress(body)
                sent = trace_service_pb2.ExportTraceServiceRequest.FromString(body)
                collector.spans += [
                    span
                    for resource in sent.resource_spans
                    for scope in resource.scope_spans
                    for span in scope.spans
                ]
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Log nothing."""

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/v1/traces"


@pytest.fixture
def collector() -> Iterator[Collector]:
    if importlib.util.find_spec("opentelemetry.proto") is None:
        pytest.skip("there is no opentelemetry-exporter-otlp-proto-http: `make test` installs it")
    made = Collector()
    yield made
    made.server.shutdown()
    made.server.server_close()


def test_the_stages_of_a_request_are_child_spans_without_metrics_too(
    tmp_path: Path, collector: Collector
) -> None:
    otlp = {"protocol": "http", "endpoint": collector.url}
    tracing = {"exporter_type": "otlp", "sample_rate": 1.0, "otlp": otlp}
    config = tmp_path / "tracing.yaml"  # JSON is YAML
    config.write_text(json.dumps({"services": {"sentiment": {"tracing": tracing}}}))
    settings = {**TWO_WORKERS, "SENTIMENT_TRACING": "true", "SENTIMENT_METRICS": "false"}
    with run_backend(tmp_path, {**settings, "BENTOML_CONFIG": str(config)}) as server:
        post(server, "/predict", "predict_open_task")
        wait_until(lambda: "encode" in {span.name for span in collector.spans}, "no spans")
        assert "sentiment_" not in httpx.get(f"{server.url}/metrics").text

    (request,) = (span for span in collector.spans if span.name == "POST /predict")
    below = [span for span in collector.spans if span.parent_span_id == request.span_id]
    stages = [span for span in below if " " not in span.name]
    assert [span.name for span in stages] == ["queue", "tokenize", "model", "encode"]
    for span in stages:
        assert request.start_time_unix_nano <= span.start_time_unix_nano
        assert span.end_time_unix_nano <= request.end_time_unix_nano


def test_docs_json_describes_the_routes_of_label_studio_and_the_others(
    backend: StartBackend,
) -> None:
    server = backend()
    document = httpx.get(f"{server.url}/docs.json").json()
    assert {"/predict", "/setup", "/webhook", "/jobs/{job_id}", "/classify", "/metrics"} <= set(
        document["paths"]
    )
    for path, methods in document["paths"].items():
        if "get" in methods and "{" not in path:
            assert httpx.get(f"{server.url}{path}").status_code == 200, path
