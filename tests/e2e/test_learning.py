"""From annotations in a real Label Studio to a trained version that predicts."""

import random
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest

from model_store.learning import behaviour
from model_store.pretraining import corpus
from tests.conftest import CORPUS
from tests.e2e.conftest import StartBackend
from tests.e2e.label_studio_api import LabelStudioApi
from tests.e2e.servers import LabelStudioServer, Server, wait_until

ANNOTATED = 200
LEFT = 60
TRAINING_SECONDS = 180
INTERFACE = """
<View>
  <Text name="text" value="$review"/>
  <Choices name="verdict" toName="text" choice="single">
    <Choice value="Praise"/>
    <Choice value="Complaint"/>
  </Choices>
</View>
"""
VERDICTS = {"Positive": "Praise", "Negative": "Complaint"}


@pytest.fixture(scope="module")
def server(backend: StartBackend) -> Server:
    return backend()


@pytest.fixture(scope="module")
def opinions() -> list[tuple[str, str]]:
    """Texts with their verdicts, from the corpus or, without it, from the behaviour suite."""
    if Path(CORPUS).is_dir():
        reviews = corpus.read(CORPUS / "train.parquet")
        pairs = [
            (text, corpus.LABELS[label])
            for text, label in zip(reviews.texts, reviews.labels, strict=True)
        ]
    else:
        pairs = [(case.text, case.label) for case in behaviour.suite()]
    random.Random(1).shuffle(pairs)
    return [(text, VERDICTS[label]) for text, label in pairs[: ANNOTATED + LEFT]]


def region(verdict: str) -> dict[str, Any]:
    return {
        "from_name": "verdict",
        "to_name": "text",
        "type": "choices",
        "value": {"choices": [verdict]},
    }


def project_of(api: LabelStudioApi, number: int) -> str:
    """Return the name that Label Studio gives the project in its requests."""
    created = datetime.fromisoformat(api.get(f"/api/projects/{number}/")["created_at"])
    return f"{number}.{int(created.timestamp())}"


def jobs_of(server: Server, project: str) -> Any:
    return httpx.get(f"{server.url}/jobs", params={"project": project}).json()["jobs"]


def test_new_labels_are_learned_from_two_hundred_annotations(
    api: LabelStudioApi, server: Server, opinions: list[tuple[str, str]]
) -> None:
    number = api.create_project("Verdicts", INTERFACE)
    api.import_tasks(number, [{"review": text} for text, _ in opinions])
    backend = api.connect(number, server.url)
    tasks = api.task_ids(number)
    verdicts = dict(zip(tasks, (verdict for _, verdict in opinions), strict=True))
    api.retrieve_predictions(number, tasks[:3])
    assert api.predictions(number) == [], "nothing was learned yet"

    for task in tasks[:ANNOTATED]:
        api.annotate(task, [region(verdicts[task])])
    api.post(f"/api/ml/{backend['id']}/train")
    project = project_of(api, number)
    wait_until(
        lambda: jobs_of(server, project)[0]["state"] not in ("queued", "running"),
        "the training did not end",
        seconds=TRAINING_SECONDS,
    )
    (job,) = jobs_of(server, project)
    assert job["state"] == "promoted", job["reasons"]
    assert job["metrics"]["verdict"]["learned_from"] == ANNOTATED

    def setup() -> Any:
        body = {"project": project, "schema": INTERFACE}
        return httpx.post(f"{server.url}/setup", json=body).json()

    wait_until(lambda: setup()["model_version"] == job["version"], "the old version serves")
    assert setup()["controls"] == ["verdict"]
    assert job["version"] in httpx.get(f"{server.url}/versions").json()["versions"]
    api.retrieve_predictions(number)
    api.retrieve_predictions(number)
    predictions = api.predictions(number)
    assert {item["model_version"] for item in predictions} == {job["version"]}
    left = Counter(item["task"] for item in predictions if item["task"] in tasks[ANNOTATED:])
    assert left == Counter(tasks[ANNOTATED:]), "each of the others exactly once"
    agreed = [
        item["result"][0]["value"]["choices"] == [verdicts[item["task"]]]
        for item in predictions
        if item["task"] in left
    ]
    assert sum(agreed) >= 0.8 * LEFT


def test_start_training_without_annotations_says_how_many_are_missing(
    api: LabelStudioApi, server: Server
) -> None:
    number = api.create_project("Nothing yet", INTERFACE)
    api.import_tasks(number, [{"review": "A film."}])
    backend = api.connect(number, server.url)
    (task,) = api.task_ids(number)
    api.annotate(task, [region("Praise")])
    api.post(f"/api/ml/{backend['id']}/train")

    def job() -> Any:
        return jobs_of(server, project_of(api, number))[0]

    wait_until(lambda: job()["state"] not in ("queued", "running"), "it did not end", seconds=60)
    assert job()["state"] == "too few annotations"
    assert "19 more annotations are needed" in job()["reasons"][0]
    assert "19 more annotations are needed" in server.read_log()


def test_corrections_and_deletions_of_annotations_are_stored(
    api: LabelStudioApi, server: Server
) -> None:
    number = api.create_project("Second thoughts", INTERFACE)
    api.import_tasks(number, [{"review": text} for text in ("A film.", "A play.")])
    api.connect(number, server.url)
    first, second = api.task_ids(number)
    kept = api.annotate(first, [region("Praise")])["id"]
    deleted = api.annotate(second, [region("Praise")])["id"]
    api.patch(f"/api/annotations/{kept}/", {"result": [region("Complaint")]})
    api.delete(f"/api/annotations/{deleted}/")

    def problems() -> str:
        project = project_of(api, number)
        body = {"project": project, "schema": INTERFACE}
        return " ".join(httpx.post(f"{server.url}/setup", json=body).json()["problems"])

    assert "19 more annotations are needed, 5 of them Praise, 4 of them Complaint" in problems()


def test_annotations_without_an_event_are_fetched_by_the_api(
    api: LabelStudioApi, backend: StartBackend, label_studio: LabelStudioServer
) -> None:
    server = backend(
        LABEL_STUDIO_URL=label_studio.url,
        LABEL_STUDIO_API_KEY=label_studio.token,
        SENTIMENT_WORKERS="1",
    )
    number = api.create_project("From before", INTERFACE)
    api.import_tasks(number, [{"review": case.text} for case in behaviour.suite()[:30]])
    for task, case in zip(api.task_ids(number), behaviour.suite(), strict=False):
        api.annotate(task, [region(VERDICTS[case.label])])
    connected = api.connect(number, server.url)
    api.post(f"/api/ml/{connected['id']}/train")
    project = project_of(api, number)
    wait_until(
        lambda: jobs_of(server, project)[0]["state"] not in ("queued", "running"),
        "the training did not end",
        seconds=TRAINING_SECONDS,
    )
    (job,) = jobs_of(server, project)
    assert job["state"] in ("promoted", "refused"), job["reasons"]
    learned = job["metrics"]["verdict"]
    assert learned["learned_from"] == 30
    assert label_studio.token not in server.read_log()
