"""Start, load and stop of the real server, without Label Studio."""

import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median
from typing import Any

import bentoml
import httpx2 as httpx
import pytest
from bentoml.exceptions import BentoMLException

from tests.e2e.conftest import StartBackend
from tests.e2e.numbers import wait_for_metric
from tests.e2e.servers import Server, accepts_connections, run_backend, stop, wait_until

LABELS = {"Negative", "Positive"}
ONE_WORKER = {"SENTIMENT_WORKERS": "1"}
THREADS = 50
REQUESTS_PER_THREAD = 4
LABEL_STUDIO_HEALTH_SECONDS = 1


def predict_body(interface: str, texts: list[str], first_id: int = 1) -> dict[str, Any]:
    tasks = [{"id": first_id + i, "data": {"review": text}} for i, text in enumerate(texts)]
    return {"tasks": tasks, "project": "1.1", "label_config": interface, "params": {}}


def files_below(directory: Path) -> list[str]:
    return sorted(str(path.relative_to(directory)) for path in directory.rglob("*"))


def test_the_first_start_on_an_empty_disk_serves_and_leaves_home_empty(
    tmp_path: Path, labeling_interface: str
) -> None:
    with run_backend(tmp_path) as server:
        body = predict_body(labeling_interface, ["What a film!"])
        response = httpx.post(f"{server.url}/predict", json=body)

        assert response.status_code == 200
        assert len(response.json()["results"]) == 1
    assert files_below(server.home) == []


def test_a_second_start_on_the_same_data_serves_the_same_version(tmp_path: Path) -> None:
    with run_backend(tmp_path / "first", ONE_WORKER) as server:
        first = httpx.get(f"{server.url}/versions").json()
    data = str(tmp_path / "first" / "data")
    again = {"SENTIMENT_DATA_DIR": data, "BENTOML_HOME": f"{data}/bentoml"}
    with run_backend(tmp_path / "second", {**ONE_WORKER, **again}) as server:
        assert httpx.get(f"{server.url}/versions").json() == first


def test_a_hundred_tasks_get_a_hundred_predictions_in_order_and_the_same_ones_again(
    backend: StartBackend, labeling_interface: str, reviews: list[str]
) -> None:
    body = predict_body(labeling_interface, reviews)
    with httpx.Client(base_url=backend().url, timeout=60) as client:
        first = client.post("/predict", json=body).json()["results"]
        second = client.post("/predict", json=body).json()["results"]
        alone = [
            client.post("/predict", json=predict_body(labeling_interface, [text], id_)).json()
            for id_, text in enumerate(reviews[:10], start=1)
        ]

    assert len(first) == len(reviews) == 100
    assert len({prediction["result"][0]["id"] for prediction in first}) == 100
    for one, other in zip(
        [*first, *first[:10]],
        [*second, *(answer["results"][0] for answer in alone)],
        strict=True,
    ):
        (region,), (same,) = one["result"], other["result"]
        assert region["value"]["choices"][0] in LABELS
        assert (region["id"], region["value"]) == (same["id"], same["value"])
        # The last digits of a sum depend on the other texts in its batch.
        assert one["score"] == pytest.approx(other["score"], abs=1e-5)


def test_fifty_threads_are_all_answered_from_the_moment_the_port_opens(
    tmp_path: Path, labeling_interface: str, reviews: list[str]
) -> None:
    with (
        run_backend(tmp_path, wait=False) as server,
        httpx.Client(base_url=server.url, limits=httpx.Limits(max_connections=None)) as client,
        ThreadPoolExecutor(THREADS) as pool,
    ):
        wait_until(lambda: accepts_connections(server), "the port is closed", seconds=60)

        def predict(index: int) -> int:
            body = predict_body(labeling_interface, [reviews[index % len(reviews)]])
            return client.post("/predict", json=body, timeout=60).status_code

        answers = [pool.submit(predict, i) for i in range(THREADS * REQUESTS_PER_THREAD)]
        durations = [seconds_for_health(server)]
        while not all(answer.done() for answer in answers):
            durations.append(seconds_for_health(server))

        assert [answer.result() for answer in answers] == [200] * len(answers)
        assert median(durations) < LABEL_STUDIO_HEALTH_SECONDS  # the load tests know the slowest


def seconds_for_health(server: Server) -> float:
    """Time a request to /health on a new connection, as Label Studio makes it."""
    start = time.monotonic()
    assert httpx.get(f"{server.url}/health", timeout=30).status_code == 200
    return time.monotonic() - start


def test_health_answers_in_time_while_a_thousand_tasks_are_predicted(
    backend: StartBackend, labeling_interface: str, reviews: list[str]
) -> None:
    server = backend()
    body = predict_body(labeling_interface, reviews * 10)
    with ThreadPoolExecutor(2) as pool:
        answers = [
            pool.submit(httpx.post, f"{server.url}/predict", json=body, timeout=60)
            for _ in range(2)
        ]
        durations = [seconds_for_health(server)]
        while not all(answer.done() for answer in answers):
            durations.append(seconds_for_health(server))

    assert [len(answer.result().json()["results"]) for answer in answers] == [1000, 1000]
    assert median(durations) < LABEL_STUDIO_HEALTH_SECONDS  # the load tests know the slowest


def test_texts_are_classified_without_label_studio(
    backend: StartBackend, reviews: list[str]
) -> None:
    response = httpx.post(f"{backend().url}/classify", json={"texts": reviews[:3]})

    answer = response.json()
    assert len(answer["classifications"]) == 3
    for item in answer["classifications"]:
        assert set(item["probabilities"]) == LABELS
        assert sum(item["probabilities"].values()) == pytest.approx(1)
        assert item["score"] == item["probabilities"][item["label"]]


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/healthz", "/health", "/"])
def test_a_probe_answers_200(backend: StartBackend, path: str) -> None:
    assert httpx.get(f"{backend().url}{path}").status_code == 200


def test_metrics_count_the_requests(tmp_path: Path) -> None:
    with run_backend(tmp_path, ONE_WORKER) as server:
        httpx.post(f"{server.url}/classify", json={"texts": ["Fine."]})

        wait_for_metric(server, 1, "bentoml_service_request_total", endpoint="/classify")
        page = httpx.get(f"{server.url}/metrics")
        assert page.headers["content-type"].startswith("text/plain")


def test_bentomls_client_refuses_a_string_in_place_of_a_list(backend: StartBackend) -> None:
    """It would make a list of the characters of the string."""
    with bentoml.SyncHTTPClient(backend().url) as client:
        assert len(client.classify(texts=["Good.", "Bad."])["classifications"]) == 2
        with pytest.raises(BentoMLException, match="list of strings"):
            client.classify(texts="Good.")
    client._temp_dir.cleanup()  # `close` leaves it to the garbage collector, which warns of that.


def test_docs_json_describes_classify(backend: StartBackend) -> None:
    url = backend().url
    described = httpx.get(f"{url}/docs.json").json()["paths"]["/classify"]["post"]
    example = described["requestBody"]["content"]["application/json"]["example"]
    assert len(httpx.post(f"{url}/classify", json=example).json()["classifications"]) == 2


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_the_server_with_all_its_processes_and_frees_its_port(
    tmp_path: Path, sign: signal.Signals
) -> None:
    with run_backend(tmp_path, ONE_WORKER) as server:
        processes = server.family()

        status = stop(server, sign)

        assert status == 0
        assert len(processes) >= 2  # At least one worker besides the server itself.
        assert not [process for process in processes if process.is_running()]
        assert not accepts_connections(server)
        assert "Traceback" not in server.read_log()
