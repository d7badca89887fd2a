"""Graceful shutdown under load: accepted requests are answered, new ones refused."""

import json
import signal
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from loadtests.connection import CallError, call
from tests.e2e.servers import Server, accepts_connections, run_backend, wait_until

CALLERS = 30
TASKS = 20
GONE_SECONDS = 15.0
REFUSED_SECONDS = 2.0
LONG_TASKS = 150_000
LONG_REVIEW = "It was, frankly, a film like many others. " * 4


@dataclass(frozen=True)
class Call:
    """One request with its times in seconds and its status; 0 for a refused connection."""

    began: float
    ended: float
    status: int


@dataclass
class Callers:
    """The calls that all callers made."""

    calls: list[Call] = field(default_factory=list)


def predict_content(interface: str, tasks: int, text: str) -> bytes:
    body = {
        "tasks": [{"id": n, "data": {"review": text}} for n in range(tasks)],
        "project": "1.1",
        "label_config": interface,
    }
    return json.dumps(body).encode()


@contextmanager
def calling(server: Server, content: bytes) -> Iterator[Callers]:
    """Call the server from many threads, each time on a new connection, as Label Studio does."""
    callers, ended = Callers(), threading.Event()

    def ask() -> None:
        while not ended.is_set():
            began = time.monotonic()
            try:
                status = call(server.url, "POST", "/predict", content, patience=60).status
            except CallError:
                status = 0
            callers.calls.append(Call(began, time.monotonic(), status))
            if not status:
                time.sleep(0.01)

    threads = [threading.Thread(target=ask) for _ in range(CALLERS)]
    for thread in threads:
        thread.start()
    try:
        yield callers
    finally:
        ended.set()
        for thread in threads:
            thread.join()


@pytest.mark.parametrize("workers", [1, 2])
def test_a_stop_under_load_answers_accepted_requests_and_refuses_new_ones(
    tmp_path: Path, labeling_interface: str, workers: int
) -> None:
    content = predict_content(labeling_interface, TASKS, "A good film, all in all.")
    with run_backend(tmp_path, {"SENTIMENT_WORKERS": str(workers)}) as server:
        family = server.family()
        with calling(server, content) as callers:
            time.sleep(2)
            stopped = time.monotonic()
            server.process.send_signal(signal.SIGTERM)
            server.process.wait(GONE_SECONDS)
            took = time.monotonic() - stopped
            time.sleep(REFUSED_SECONDS)

    assert took < GONE_SECONDS
    assert not [process for process in family if process.is_running()]
    before = [item for item in callers.calls if item.began < stopped - 0.01]
    assert len(before) > CALLERS
    assert {item.status for item in before} == {200}
    refused = [item for item in callers.calls if not item.status]
    assert refused
    assert max(item.ended - item.began for item in refused) < REFUSED_SECONDS
    late = [item for item in callers.calls if item.began > stopped + REFUSED_SECONDS]
    assert {item.status for item in late} == {0}
    assert "Traceback" not in server.read_log()


def test_a_request_that_takes_too_long_is_answered_with_the_results_so_far(
    tmp_path: Path, labeling_interface: str
) -> None:
    content = predict_content(labeling_interface, LONG_TASKS, LONG_REVIEW)
    slow = {"SENTIMENT_WORKERS": "1", "SENTIMENT_MAX_BATCH_TOKENS": "1"}
    with run_backend(tmp_path, slow) as server, ThreadPoolExecutor() as pool:
        long = pool.submit(call, server.url, "POST", "/predict", content, patience=60)
        time.sleep(3)
        assert not long.done()
        stopped = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        closes = "the port is still open while the last answer is made"
        wait_until(lambda: not accepts_connections(server), closes, seconds=REFUSED_SECONDS)
        assert not long.done()
        answer = long.result()
        server.process.wait(GONE_SECONDS)
        took = time.monotonic() - stopped

    assert answer.status == 200
    results = json.loads(answer.body)["results"]
    assert len(results) == LONG_TASKS
    assert results[0]
    assert not results[-1]
    assert took < GONE_SECONDS


def test_a_stalled_upload_does_not_delay_the_stop(tmp_path: Path) -> None:
    with run_backend(tmp_path, {"SENTIMENT_WORKERS": "1"}) as server:
        (_, *workers) = server.family()
        with socket.create_connection(server.address, timeout=60) as connection:
            head = b"POST /predict HTTP/1.1\r\nHost: here\r\nContent-Length: 1000\r\n\r\n{"
            connection.sendall(head)
            time.sleep(0.5)
            server.process.send_signal(signal.SIGTERM)
            assert server.process.wait(GONE_SECONDS) == 0
        assert not psutil.wait_procs(workers, timeout=0)[1]
