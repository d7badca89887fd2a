"""Load shedding and deadlines of the real server."""

import http.client
import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import httpx2 as httpx
import pytest

from tests.e2e.conftest import StartBackend

TASKS = 10_000
LONG_REVIEW = "It was, frankly, a film like many others. " * 40


def predict_content(interface: str, tasks: int) -> bytes:
    body = {
        "tasks": [{"id": n, "data": {"review": LONG_REVIEW}} for n in range(tasks)],
        "project": "1.1",
        "label_config": interface,
    }
    return json.dumps(body).encode()


@pytest.mark.parametrize("path", ["/predict", "/classify"])
def test_above_the_limit_requests_are_rejected_at_once_with_retry_after(
    backend: StartBackend, labeling_interface: str, path: str
) -> None:
    server = backend(SENTIMENT_WORKERS="1", SENTIMENT_MAX_QUEUE_TOKENS="1000")
    contents = {
        "/predict": predict_content(labeling_interface, 100),
        "/classify": json.dumps({"texts": [LONG_REVIEW] * 100}).encode(),
    }

    def ask(_: int) -> tuple[int, str | None, dict[str, object]]:
        answer = httpx.post(
            f"{server.url}{path}",
            content=contents[path],
            headers={"Content-Type": "application/json"},
            timeout=60,
        )
        return answer.status_code, answer.headers.get("Retry-After"), answer.json()

    with ThreadPoolExecutor(30) as pool:
        answers = list(pool.map(ask, range(120)))
    statuses = Counter(status for status, _, _ in answers)
    assert set(statuses) == {200, 503}
    for status, retry_after, body in answers:
        if status == 503:
            assert retry_after == "5"
            assert "more work than it can do" in str(body["error"])
    assert httpx.get(f"{server.url}/health").status_code == 200


def test_a_client_that_sends_connection_close_still_gets_the_rejection(
    backend: StartBackend, labeling_interface: str
) -> None:
    server = backend(SENTIMENT_WORKERS="1", SENTIMENT_MAX_QUEUE_TOKENS="1000")
    content = predict_content(labeling_interface, 1000)

    def ask(_: int) -> int:
        connection = http.client.HTTPConnection(*server.address, timeout=60)
        with closing(connection):
            connection.request("POST", "/predict", content, {"Connection": "close"})
            return connection.getresponse().status

    with ThreadPoolExecutor(16) as pool:
        assert set(pool.map(ask, range(48))) == {200, 503}


def test_tasks_after_the_deadline_are_left_for_the_next_request(
    backend: StartBackend, labeling_interface: str
) -> None:
    # Text by text it takes much longer, and reading the request much shorter, than the deadline.
    server = backend(
        SENTIMENT_WORKERS="1", SENTIMENT_DEADLINE="1.5", SENTIMENT_MAX_BATCH_TOKENS="1"
    )
    answer = httpx.post(
        f"{server.url}/predict", content=predict_content(labeling_interface, TASKS), timeout=60
    )
    assert answer.status_code == 200
    results = answer.json()["results"]
    done = [bool(result) for result in results]
    assert len(results) == TASKS
    assert done == sorted(done, reverse=True), "the first ones are done, the last ones are not"
    assert set(done) == {True, False}
    assert "the deadline came before" in server.read_log()
