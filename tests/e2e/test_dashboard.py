"""The dashboard's panels and the alerts in a real Prometheus, after some load."""

import json
import math
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest

from loadtests.server import free_port
from tests.e2e.conftest import unavailable
from tests.e2e.servers import ROOT, Server, run_backend, wait_until

DASHBOARD = ROOT / "deploy/grafana/dashboards/sentiment.json"
PAYLOADS = ROOT / "tests/integration/payloads"
LOAD_SECONDS = 20
VARIABLES = {"$__rate_interval": "10s", "$__range": "5m", '=~"$instance"': '=~".*"'}
ENDED = ("promoted", "refused", "too few annotations", "failed", "killed")


@contextmanager
def run_prometheus(directory: Path, target: str) -> Iterator[str]:
    """Run a Prometheus with our settings, another target and a scrape interval of one second."""
    program = shutil.which("prometheus")
    if program is None:
        unavailable("prometheus is not installed (Debian: `apt install prometheus`)")
    for name in ("prometheus.yml", "alerts.yml"):
        content = (ROOT / "deploy/prometheus" / name).read_text()
        content = content.replace("backend.internal:9090", target).replace(": 15s", ": 1s")
        content = content.replace("/etc/prometheus", str(directory))
        (directory / name).write_text(content)
    (directory / "backend-password").write_text("not asked for by this server")
    port = free_port()
    with (directory / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(
            [
                *(program, f"--config.file={directory / 'prometheus.yml'}"),
                *(f"--storage.tsdb.path={directory / 'series'}", "--log.level=warn"),
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            stdout=log,
            stderr=log,
        )
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(30)


def expressions() -> list[tuple[str, str]]:
    panels = json.loads(DASHBOARD.read_text())["panels"]
    return [
        (panel["title"], target["expr"]) for panel in panels for target in panel.get("targets", ())
    ]


def ask(prometheus: str, expression: str, start: float, end: float) -> list[float]:
    """Return the values that a panel draws for a period."""
    for variable, value in VARIABLES.items():
        expression = expression.replace(variable, value)
    query: dict[str, str | float] = {"query": expression, "start": start, "end": end, "step": 1}
    answer: Any = httpx.get(f"{prometheus}/api/v1/query_range", params=query).json()
    assert answer["status"] == "success", answer
    values = [float(value) for row in answer["data"]["result"] for _, value in row["values"]]
    return [value for value in values if math.isfinite(value)]


def put_load_on(url: str) -> None:
    """Run the mixed load test and one training."""
    event = (PAYLOADS / "webhook_ANNOTATION_CREATED.json").read_bytes()
    press = (PAYLOADS / "webhook_START_TRAINING.json").read_bytes()
    for body in (event, press):
        httpx.post(f"{url}/webhook", content=body).raise_for_status()
    command = ["-m", "loadtests", "mixed", "--duration", f"{LOAD_SECONDS}s", "--url", url]
    # Its thresholds are for a machine that does nothing else: here its figures do not matter.
    subprocess.run([sys.executable, *command], cwd=ROOT, check=False, stdout=subprocess.DEVNULL)
    wait_until(lambda: has_ended(url), "the training has not ended", seconds=60)


def has_ended(url: str) -> bool:
    jobs = httpx.get(f"{url}/jobs").json()["jobs"]
    return bool(jobs) and all(job["state"] in ENDED for job in jobs)


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, float]]:
    """The URL of a Prometheus that observed the server under load, and the time of its start."""
    directory = tmp_path_factory.mktemp("dashboard")
    with run_backend(directory / "server") as server:
        target = server.url.removeprefix("http://")
        with run_prometheus(directory, target) as prometheus:
            wait_until(lambda: is_up(prometheus), "Prometheus does not get /metrics")
            start = time.time()
            put_load_on(server.url)
            time.sleep(3)  # Workers publish once a second, and Prometheus reads once a second.
            yield prometheus, start
        check_log(server)


def is_up(prometheus: str) -> bool:
    try:
        if httpx.get(f"{prometheus}/-/ready").status_code != httpx.codes.OK:
            return False  # It answers requests with 503 while it loads its data.
    except httpx.TransportError:
        return False
    return ask(prometheus, "up", time.time(), time.time()) == [1.0]


def check_log(server: Server) -> None:
    assert "Traceback" not in server.read_log()


def test_every_panel_has_data_after_the_mixed_load(loaded: tuple[str, float]) -> None:
    prometheus, start = loaded
    empty = {
        f"{title}: {expression}"
        for title, expression in expressions()
        if not ask(prometheus, expression, start, time.time())
    }
    assert not empty


def test_the_load_shows_in_the_metrics(loaded: tuple[str, float]) -> None:
    prometheus, start = loaded
    for expression in (
        "sum(sentiment_predictions_total)",
        "sum(sentiment_annotations_compared_total)",
        'sentiment_webhook_events_total{action="ANNOTATION_CREATED"}',
        "sum(sentiment_job_seconds_count)",
        "max_over_time(sentiment_queue_requests[5m])",
    ):
        assert max(ask(prometheus, expression, start, time.time())) > 0, expression


def test_the_rules_are_loaded(loaded: tuple[str, float]) -> None:
    (group,) = httpx.get(f"{loaded[0]}/api/v1/rules").json()["data"]["groups"]
    assert {rule["health"] for rule in group["rules"]} == {"ok"}
