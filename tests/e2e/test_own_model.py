"""The model of the documentation is served in place of the one that ships."""

import json
import re
from pathlib import Path

import httpx2 as httpx
import pytest

from tests.e2e.conftest import StartBackend
from tests.e2e.servers import ROOT, Server, run_backend, wait_until

PAYLOADS = ROOT / "tests/integration/payloads"
NAME = "opinions:Opinions@1"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the module of the documentation."""
    page = (ROOT / "docs/your-own-model.md").read_text(encoding="utf-8")
    module, *_ = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    path = tmp_path_factory.mktemp("own")
    (path / "opinions.py").write_text(module, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def server(backend: StartBackend, folder: Path) -> Server:
    return backend(
        PYTHONPATH=str(folder), SENTIMENT_CLASSIFIER="opinions:Opinions", SENTIMENT_WORKERS="2"
    )


def test_predictions_have_label_studios_format(server: Server, labeling_interface: str) -> None:
    texts = ["A superb, great film.", "Dull and terrible."]
    tasks = [{"id": n, "data": {"review": text}} for n, text in enumerate(texts, start=1)]
    body = {"tasks": tasks, "project": "1.1", "label_config": labeling_interface, "params": {}}
    answer = httpx.post(f"{server.url}/predict", json=body)
    assert answer.status_code == 200, answer.text
    for prediction, label in zip(answer.json()["results"], ("Positive", "Negative"), strict=True):
        (region,) = prediction["result"]
        assert region["value"] == {"choices": [label]}
        assert (region["from_name"], region["to_name"]) == ("sentiment", "text")
        assert region["type"] == "choices"
        assert 0.5 < prediction["score"] <= 1
        assert prediction["model_version"] == NAME


def test_every_route_names_the_model(server: Server) -> None:
    assert httpx.get(f"{server.url}/versions").json()["versions"] == [NAME]
    answer = httpx.post(f"{server.url}/classify", json={"texts": ["superb", ""]}).json()
    assert answer["model_version"] == NAME
    assert [set(item["probabilities"]) for item in answer["classifications"]] == [
        {"Negative", "Positive"}
    ] * 2


def test_a_training_job_says_that_the_model_cannot_be_trained_here(server: Server) -> None:
    for name in ("webhook_ANNOTATION_CREATED", "webhook_START_TRAINING"):
        event = json.loads((PAYLOADS / f"{name}.json").read_text())
        answer = httpx.post(f"{server.url}/webhook", json=event)
    job = f"{server.url}/jobs/{answer.json()['job']}"
    wait_until(
        lambda: httpx.get(job).json()["state"] not in ("queued", "running"),
        "the job has not ended",
        seconds=60,
    )
    ended = httpx.get(job).json()
    assert ended["state"] == "failed"
    assert f"{NAME} is a model of your own and cannot be trained here" in ended["reasons"][0]


def test_a_server_with_an_invalid_model_does_not_become_ready_and_logs_why(
    tmp_path: Path, folder: Path
) -> None:
    settings = {
        "PYTHONPATH": str(folder),
        "SENTIMENT_CLASSIFIER": "opinions:Absent",
        "SENTIMENT_WORKERS": "1",
    }
    with run_backend(tmp_path, settings, wait=False) as server:
        reason = "The classifier opinions:Absent cannot be used: opinions has no callable Absent."
        wait_until(lambda: reason in server.read_log(), "the log lacks the reason", seconds=150)
