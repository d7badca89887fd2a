"""The metrics after requests of Label Studio."""

from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from starlette.testclient import TestClient

from adapters.observability.metrics import Metrics
from model_store.errors import ModelNotReadyError
from tests.integration.conftest import PROJECT, VERSION, KeywordModel, payload


@pytest.fixture
def seen(metrics: Metrics, measured: CollectorRegistry) -> Any:
    def value(name: str, **labels: str) -> float:
        metrics.flush()
        return measured.get_sample_value(f"sentiment_{name}", labels) or 0.0

    return value


def annotated(choice: str, text: str) -> dict[str, Any]:
    event = payload("webhook_ANNOTATION_CREATED")
    event["annotation"]["result"][0]["value"]["choices"] = [choice]
    event["task"]["data"]["review"] = text
    return event


def test_predictions_are_counted_by_project_label_and_version(
    client: TestClient, seen: Any
) -> None:
    body = payload("predict_open_task")
    body["tasks"] = [
        {"id": i, "data": {"review": t}} for i, t in enumerate(["good", "bad", "good"])
    ]
    client.post("/predict", json=body)
    names = {"project": PROJECT, "version": VERSION}
    assert seen("predictions_total", label="Positive", **names) == 2
    assert seen("predictions_total", label="Negative", **names) == 1
    assert seen("prediction_score_count") == 3
    assert seen("stage_seconds_count", stage="encode") == 1


def test_the_distances_of_texts_are_observed_by_project(
    client: TestClient, model: KeywordModel, seen: Any
) -> None:
    body = payload("predict_open_task")
    body["tasks"] = [{"id": i, "data": {"review": "good"}} for i in range(3)]
    client.post("/predict", json=body)
    assert seen("text_distance_count", project=PROJECT) == 0
    model.distance = 0.75
    client.post("/predict", json=body)
    assert seen("text_distance_count", project=PROJECT) == 3
    assert seen("text_distance_sum", project=PROJECT) == 2.25
    assert seen("text_distance_bucket", project=PROJECT, le="0.7") == 0
    assert seen("text_distance_bucket", project=PROJECT, le="0.8") == 3


@pytest.mark.parametrize(
    ("data", "reason"), [({}, "missing"), ({"review": " "}, "empty"), ({"review": None}, "no text")]
)
def test_a_task_without_text_is_counted_by_its_reason(
    client: TestClient, seen: Any, data: dict[str, Any], reason: str
) -> None:
    client.post(
        "/predict", json=payload("predict_open_task") | {"tasks": [{"id": 1, "data": data}]}
    )
    assert seen("abstentions_total", reason=reason) == 1


def test_tasks_of_a_config_that_is_not_served_are_counted(client: TestClient, seen: Any) -> None:
    client.post("/predict", json=payload("predict_open_task") | {"label_config": "<View/>"})
    assert seen("abstentions_total", reason="no control") == 1


def test_tasks_after_the_deadline_are_counted(
    client: TestClient, seen: Any, model: KeywordModel
) -> None:
    model.reached = 1
    body = payload("predict_open_task")
    client.post("/predict", json=body | {"tasks": body["tasks"] * 3})
    assert seen("abstentions_total", reason="deadline") == 2
    assert seen("requests_partial_total", endpoint="/predict") == 1


def test_events_and_stored_changes_are_counted(client: TestClient, seen: Any) -> None:
    skipped = payload("webhook_ANNOTATION_CREATED")
    skipped["annotation"] |= {"id": 99, "was_cancelled": True, "result": []}
    for event in (payload("webhook_ANNOTATION_CREATED"), skipped):
        client.post("/webhook", json=event)
    client.post("/webhook", json=payload("webhook_ANNOTATIONS_DELETED"))
    assert seen("webhook_events_total", action="ANNOTATION_CREATED") == 2
    assert seen("webhook_events_total", action="ANNOTATIONS_DELETED") == 1
    assert seen("annotations_total", change="annotated") == 1
    assert seen("annotations_total", change="skipped") == 1
    assert seen("annotations_total", change="deleted") == 1


def test_new_annotations_are_compared_with_the_active_version(
    client: TestClient, seen: Any
) -> None:
    for choice, text in (("Positive", "good"), ("Positive", "bad"), ("Negative", "bad")):
        client.post("/webhook", json=annotated(choice, text))
    assert seen("annotations_compared_total", version=VERSION, agrees="true") == 2
    assert seen("annotations_compared_total", version=VERSION, agrees="false") == 1


def test_changed_and_skipped_annotations_are_not_compared(
    client: TestClient, seen: Any, model: KeywordModel
) -> None:
    client.post("/webhook", json=payload("webhook_ANNOTATION_UPDATED"))
    skipped = annotated("Positive", "good")
    skipped["annotation"]["was_cancelled"] = True
    client.post("/webhook", json=skipped)
    assert seen("annotations_compared_total", version=VERSION, agrees="true") == 0
    assert model.texts == []


def test_an_annotation_that_cannot_be_compared_is_stored(
    client: TestClient, seen: Any, model: KeywordModel
) -> None:
    model.error = ModelNotReadyError()
    assert client.post("/webhook", json=annotated("Positive", "good")).status_code == 200
    assert seen("annotations_total", change="annotated") == 1
    assert seen("annotations_compared_total", version=VERSION, agrees="true") == 0


def test_at_most_a_hundred_annotations_of_an_event_are_compared(
    client: TestClient, seen: Any, model: KeywordModel
) -> None:
    event = annotated("Positive", "good")
    annotation, task = event.pop("annotation"), event.pop("task")
    event["action"] = "ANNOTATIONS_CREATED"
    event["annotations"] = [annotation | {"id": n, "task": n} for n in range(150)]
    event["tasks"] = [task | {"id": n} for n in range(150)]
    client.post("/webhook", json=event)
    assert len(model.texts) == 100
    assert seen("annotations_total", change="annotated") == 150
    assert seen("annotations_compared_total", version=VERSION, agrees="true") == 100
