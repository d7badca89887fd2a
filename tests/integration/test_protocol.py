"""The routes answer requests in the format of Label Studio."""

import json
import logging
import math
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine
from starlette.testclient import TestClient

from adapters.label_studio.routes import Backend, create_app
from adapters.label_studio.withholding import is_withheld
from adapters.learning.agreement import Agreement
from adapters.learning.budget import Budgets
from adapters.learning.coordinator import Coordinator
from adapters.learning.examples import ExampleStore
from adapters.learning.jobs import JobQueue
from adapters.observability.metrics import Metrics
from model_store.errors import InferenceError, ModelNotReadyError
from model_store.serving.database import sqlite_url
from model_store.serving.deployments import DeploymentLog
from tests.integration.conftest import (
    DEADLINE,
    PAYLOADS,
    PROJECT,
    VERSION,
    FixedRegistry,
    KeywordModel,
    payload,
)
from tests.stored import snapshot


@pytest.mark.parametrize("path", ["/", "/health"])
def test_health_is_up_while_the_model_answers(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 200
    assert answer.json() == {"status": "UP", "model_class": "SentimentCNN"}


def test_health_is_down_with_503_while_the_model_fails(
    client: TestClient, model: KeywordModel
) -> None:
    model.error = ModelNotReadyError()
    answer = client.get("/health")
    assert answer.status_code == 503
    assert answer.json()["status"] == "DOWN"


def test_setup_names_the_active_version_and_the_served_controls(client: TestClient) -> None:
    answer = client.post("/setup", json=payload("setup"))
    assert answer.status_code == 200
    assert answer.json() == {"model_version": VERSION, "controls": ["sentiment"], "problems": []}


def test_setup_says_why_a_config_is_not_served(
    client: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    body = payload("setup")
    body["schema"] = body["schema"].replace("Positive", "Spam")
    answer = client.post("/setup", json=body)
    assert answer.status_code == 200, "an error would hide the reason from Label Studio's log"
    assert answer.json()["controls"] == []
    assert "offers Spam, Negative" in answer.json()["problems"][0]
    assert "offers Spam, Negative" in caplog.text


def test_setup_never_shows_the_token(client: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    body = payload("setup")
    answer = client.post("/setup", json=body | {"schema": 3})
    assert body["access_token"] not in caplog.text + answer.text


def test_an_opened_task_gets_one_prediction(client: TestClient) -> None:
    answer = client.post("/predict", json=payload("predict_open_task"))
    assert answer.status_code == 200
    (prediction,) = answer.json()["results"]
    assert prediction["model_version"] == VERSION
    (region,) = prediction["result"]
    assert region.pop("id")
    assert region.pop("score") == prediction["score"]
    assert region == {
        "from_name": "sentiment",
        "to_name": "text",
        "type": "choices",
        "value": {"choices": ["Positive"]},
    }


def test_a_retrieve_gets_one_result_for_each_task_in_order(client: TestClient) -> None:
    answer = client.post("/predict", json=payload("predict_retrieve"))
    labels = [
        result and result["result"][0]["value"]["choices"][0] for result in answer.json()["results"]
    ]
    assert labels == ["Positive", "Negative", [], "Negative", [], "Positive"]


def test_tasks_without_text_are_logged_by_id_and_never_by_text(
    client: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    client.post("/predict", json=payload("predict_retrieve"))
    assert 'data key "review" is empty (tasks 277)' in caplog.text
    assert "holds null instead of text (tasks 279)" in caplog.text
    assert "good" not in caplog.text


def test_scores_are_finite_numbers_in_0_to_1(client: TestClient) -> None:
    for result in client.post("/predict", json=payload("predict_retrieve")).json()["results"]:
        if result:
            assert math.isfinite(result["score"])
            assert 0 <= result["score"] <= 1


def test_the_same_request_gets_the_same_answer(client: TestClient) -> None:
    body = payload("predict_retrieve")
    assert client.post("/predict", json=body).text == client.post("/predict", json=body).text


def test_an_interactive_request_is_answered_like_any_other(client: TestClient) -> None:
    answer = client.post("/predict", json=payload("predict_interactive"))
    assert answer.json()["results"][0]["result"][0]["value"] == {"choices": ["Positive"]}


def test_several_controls_make_one_region_each_and_the_least_certain_scores(
    client: TestClient,
) -> None:
    body = payload("predict_open_task")
    body["label_config"] = (
        '<View><Text name="t" value="$review"/><Text name="u" value="$url"/>'
        + "".join(
            f'<Choices name="{name}" toName="{to}"><Choice value="Positive"/>'
            '<Choice value="Negative"/></Choices>'
            for name, to in (("a", "t"), ("b", "u"))
        )
        + "</View>"
    )
    (prediction,) = client.post("/predict", json=body).json()["results"]
    assert [region["from_name"] for region in prediction["result"]] == ["a", "b"]
    assert len({region["id"] for region in prediction["result"]}) == 2
    assert prediction["score"] == min(region["score"] for region in prediction["result"])


def test_a_config_with_nothing_to_serve_gets_an_empty_result_for_each_task(
    client: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    body = payload("predict_retrieve") | {"label_config": "<View/>"}
    assert client.post("/predict", json=body).json() == {"results": [[]] * 6}
    assert "no Choices, Taxonomy or Rating control" in caplog.text


def test_no_tasks_give_no_results(client: TestClient) -> None:
    body = payload("predict_retrieve") | {"tasks": []}
    assert client.post("/predict", json=body).json() == {"results": []}


@pytest.mark.parametrize("data", [None, [], "text", 3, {}])
def test_a_task_without_data_fails_no_other(client: TestClient, data: Any) -> None:
    body = payload("predict_open_task")
    body["tasks"].append({"id": 9, "data": data})
    results = client.post("/predict", json=body).json()["results"]
    assert results[0]["result"]
    assert results[1] == []


def test_half_a_surrogate_pair_in_one_task_fails_no_other(client: TestClient) -> None:
    body = payload("predict_open_task")
    body["tasks"].append({"id": 9, "data": {"review": "good \ud83d"}})
    answer = client.post(
        "/predict", content=json.dumps(body), headers={"Content-Type": "application/json"}
    )
    assert [bool(result) for result in answer.json()["results"]] == [True, True]


@pytest.mark.parametrize("markup", ["<![x[ secret", "&#" + "9" * 5000 + ";", "<a " * 300_000])
def test_hostile_markup_in_one_task_fails_no_other_and_is_not_logged(
    client: TestClient, caplog: pytest.LogCaptureFixture, markup: str
) -> None:
    body = payload("predict_open_task")
    body["label_config"] = body["label_config"].replace("<Text", "<HyperText")
    body["tasks"].append({"id": 9, "data": {"review": markup}})
    answer = client.post("/predict", json=body)
    assert answer.status_code == 200
    assert answer.json()["results"][0]["result"]
    assert "secret" not in caplog.text


def test_a_body_of_many_megabytes_is_accepted(client: TestClient) -> None:
    body = payload("predict_open_task")
    body["tasks"] = [
        {"id": n, "data": {"review": f"good {n} " + "film " * 1000}} for n in range(1000)
    ]
    results = client.post("/predict", json=body).json()["results"]
    assert len(results) == 1000
    assert all(result["result"] for result in results)


def test_versions_names_the_active_version(client: TestClient) -> None:
    assert client.get("/versions").json() == {"versions": [VERSION]}


@pytest.mark.parametrize("name", sorted(path.stem for path in PAYLOADS.glob("webhook_*.json")))
def test_every_event_is_acknowledged(client: TestClient, name: str) -> None:
    answer = client.post("/webhook", json=payload(name))
    assert answer.status_code == 200
    assert answer.json()["status"] == "received"
    assert answer.json()["action"] == name.removeprefix("webhook_")
    assert ("job" in answer.json()) is (name == "webhook_START_TRAINING")


def test_an_annotation_is_kept_when_its_event_is_acknowledged(
    client: TestClient, database: Engine
) -> None:
    event = payload("webhook_ANNOTATION_CREATED")
    client.post("/webhook", json=event)
    (example,) = snapshot(ExampleStore(database), PROJECT)
    assert example.task == event["task"]["id"]
    assert example.choices == {"sentiment": ("Positive",)}
    client.post("/webhook", json=payload("webhook_ANNOTATIONS_DELETED"))
    assert snapshot(ExampleStore(database), PROJECT) == []


def test_start_training_queues_a_job_and_repeating_it_returns_the_same_job(
    client: TestClient,
) -> None:
    client.post("/webhook", json=payload("webhook_ANNOTATION_CREATED"))
    first, second = (
        client.post("/webhook", json=payload("webhook_START_TRAINING")).json()["job"]
        for _ in range(2)
    )
    assert first == second
    job = client.get(f"/jobs/{first}").json()
    assert (job["state"], job["project"], job["progress"]) == ("queued", PROJECT, 0.0)
    assert client.get("/jobs").json()["jobs"] == [job]
    assert client.get("/jobs?project=1.1").json()["jobs"] == []
    number, _, _ = PROJECT.partition(".")
    assert client.get(f"/jobs?project={number}").json()["jobs"] == [job]
    assert client.get(f"/jobs?project={number[:-1]}").json()["jobs"] == []
    assert client.get("/jobs/none").status_code == 404


def test_a_training_of_a_project_without_annotations_ends_at_once(client: TestClient) -> None:
    answer = client.post("/webhook", json=payload("webhook_START_TRAINING")).json()
    job = client.get(f"/jobs/{answer['job']}").json()
    assert (job["state"], job["started_at"]) == ("too few annotations", None)
    (reason,) = job["reasons"]
    assert "annotate some tasks first" in reason
    assert "no event for imported annotations" in reason
    assert "LABEL_STUDIO_API_KEY" in reason
    assert reason in answer["detail"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"project": {}}, "project.id"),
        ({"project": {"id": 1, "created_at": "yesterday"}}, "project.created_at"),
        ({"annotation": None}, "annotation"),
        ({"annotation": {"id": "x"}}, "annotation.id"),
        ({"task": {"id": 1}}, "task.data"),
    ],
)
def test_a_malformed_event_is_refused_with_the_field(
    client: TestClient, change: dict[str, Any], field: str
) -> None:
    event = {**payload("webhook_ANNOTATION_CREATED"), **change}
    answer = client.post("/webhook", json=event)
    assert answer.status_code == 422
    assert field in answer.json()["error"]


def test_setup_says_how_many_annotations_a_control_still_needs(client: TestClient) -> None:
    spam = (
        '<View><Text name="text" value="$review"/><Choices name="kind" toName="text">'
        '<Choice value="Spam"/><Choice value="Ham"/></Choices></View>'
    )
    answer = client.post("/setup", json={"project": PROJECT, "schema": spam}).json()
    assert answer["model_version"] == VERSION
    assert answer["controls"] == []
    assert any("20 more annotations are needed" in problem for problem in answer["problems"])


def test_extra_params_choose_the_versions_and_unknown_ones_are_named(
    client: TestClient, database: Engine
) -> None:
    body = {"project": PROJECT, "schema": payload("setup")["schema"]}
    unusable = ({"models": ["a:9"]}, {"models": "a:9"}, {"models": [3]}, "a:9", ["a:9"], 3)
    for extra_params in unusable:
        answer = client.post("/setup", json={**body, "extra_params": extra_params})
        assert answer.status_code == 200
        assert any("extra_params" in problem for problem in answer.json()["problems"])
    assert DeploymentLog(database).since(0) == []
    answer = client.post("/setup", json={**body, "extra_params": {"models": ["active"]}})
    assert answer.json()["problems"] == []
    (entry,) = DeploymentLog(database).since(0)
    assert (entry.project, entry.models) == (PROJECT, ("active",))


def test_setup_without_extra_params_leaves_the_choice_of_the_project(
    client: TestClient, database: Engine
) -> None:
    body = {"project": PROJECT, "schema": payload("setup")["schema"]}
    client.post("/setup", json={**body, "extra_params": {"models": ["active"]}})
    client.post("/setup", json=body)
    assert [entry.models for entry in DeploymentLog(database).since(0)] == [("active",)]


@pytest.mark.parametrize(
    "extra_params", ['{"models": ["active"]}', ' {"models": ["active"], "ensemble": false}\n']
)
def test_extra_params_are_parsed_as_label_studios_form_sends_them(
    client: TestClient, database: Engine, extra_params: str
) -> None:
    body = {"project": PROJECT, "schema": payload("setup")["schema"], "extra_params": extra_params}
    assert client.post("/setup", json=body).json()["problems"] == []
    (entry,) = DeploymentLog(database).since(0)
    assert (entry.project, entry.models) == (PROJECT, ("active",))


@pytest.mark.parametrize("extra_params", ["", " \n", "null", "{}", None, {}])
def test_blank_extra_params_choose_nothing(
    client: TestClient, database: Engine, extra_params: object
) -> None:
    body = {"project": PROJECT, "schema": payload("setup")["schema"], "extra_params": extra_params}
    assert client.post("/setup", json=body).json()["problems"] == []
    assert DeploymentLog(database).since(0) == []


def test_a_problem_is_logged_once_until_it_changes(
    client: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    spam = (
        '<View><Text name="text" value="$review"/><Choices name="kind" toName="text">'
        '<Choice value="Spam"/><Choice value="Ham&#10;ERROR"/></Choices></View>'
    )
    for _ in range(3):
        client.post("/setup", json={"project": PROJECT, "schema": spam})
        client.post("/predict", json=payload("predict_open_task") | {"label_config": spam})
    lines = [record.getMessage() for record in caplog.records if "offers" in record.getMessage()]
    assert len(lines) == 2, "one for each route"
    assert all(line.isprintable() for line in lines)
    client.post("/setup", json={"project": PROJECT, "schema": spam.replace("Spam", "Eggs")})
    assert caplog.text.count("offers Eggs") == 1


def test_an_event_without_payload_is_refused_and_the_switch_is_logged_once(
    client: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(3):
        answer = client.post("/webhook", json={"action": "ANNOTATION_CREATED"})
        assert answer.status_code == 422
        assert "Send payload" in answer.json()["error"]
    assert caplog.text.count("Send payload") == 1


def test_a_bulk_event_with_one_malformed_item_is_stored_but_for_it(
    client: TestClient, database: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    event = payload("webhook_ANNOTATION_CREATED")
    event["annotation"] = [event["annotation"], {"id": "a secret"}]
    answer = client.post("/webhook", json=event)
    assert "1 changes of annotations" in answer.json()["detail"]
    assert "Malformed items that were skipped: 1." in answer.json()["detail"]
    assert "Malformed items that were skipped: 1." in caplog.text
    assert len(snapshot(ExampleStore(database), PROJECT)) == 1
    assert "secret" not in caplog.text


@pytest.mark.parametrize("path", ["/setup", "/predict", "/webhook"])
@pytest.mark.parametrize("content", [b"", b"{", b"secret", b"\xff", b'{"tasks": [}', b"[" * 10**5])
def test_a_body_that_is_not_json_is_refused_with_400(
    client: TestClient, path: str, content: bytes
) -> None:
    answer = client.post(path, content=content)
    assert answer.status_code == 400
    assert "not JSON" in answer.json()["error"]
    assert "secret" not in answer.text


@pytest.mark.parametrize(
    ("path", "body", "where"),
    [
        ("/predict", {}, ["tasks"]),
        ("/predict", [], []),
        ("/predict", {"tasks": {}}, ["tasks"]),
        ("/predict", {"tasks": ["secret"]}, ["tasks", 0]),
        ("/predict", {"tasks": [], "label_config": ["secret"]}, ["label_config"]),
        ("/setup", {"schema": 7}, ["schema"]),
        ("/setup", 3, []),
        ("/webhook", {}, ["action"]),
    ],
)
def test_json_with_wrong_fields_is_refused_with_422_and_the_field(
    client: TestClient, path: str, body: Any, where: list[str | int]
) -> None:
    answer = client.post(path, json=body)
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == where
    assert "secret" not in answer.text


@pytest.mark.parametrize("error", [ModelNotReadyError(), InferenceError()])
def test_a_model_that_cannot_answer_is_503_with_retry_after(
    client: TestClient, model: KeywordModel, error: Exception
) -> None:
    model.error = error
    answer = client.post("/predict", json=payload("predict_open_task"))
    assert answer.status_code == 503
    assert answer.headers["Retry-After"]
    assert answer.json()["error"] == str(error)


def test_another_method_is_405_in_json(client: TestClient) -> None:
    answer = client.get("/predict")
    assert answer.status_code == 405
    assert answer.json()["error"]


def test_tasks_after_the_deadline_get_no_prediction_and_are_counted_in_the_log(
    client: TestClient, model: KeywordModel, caplog: pytest.LogCaptureFixture
) -> None:
    model.reached = 3
    body = payload("predict_retrieve")
    body["tasks"] = [{"id": n, "data": {"review": "good"}} for n in range(5)]
    answer = client.post("/predict", json=body)
    assert answer.status_code == 200
    assert [bool(result) for result in answer.json()["results"]] == [True] * 3 + [False] * 2
    assert "2 of 5 tasks" in caplog.text


def test_a_task_with_one_of_two_controls_predicted_gets_no_prediction(
    client: TestClient, model: KeywordModel
) -> None:
    model.reached = 3
    body = payload("predict_retrieve")
    choices = '<Choice value="Positive"/><Choice value="Negative"/>'
    body["label_config"] = (
        '<View><Text name="text" value="$review"/>'
        f'<Choices name="a" toName="text">{choices}</Choices>'
        f'<Choices name="b" toName="text">{choices}</Choices></View>'
    )
    body["tasks"] = [{"id": n, "data": {"review": "good"}} for n in range(3)]
    results = client.post("/predict", json=body).json()["results"]
    assert [len(result["result"]) if result else 0 for result in results] == [2, 0, 0]


@pytest.mark.parametrize("name", ["%00", "a%00b", "%ED%A0%80"])
def test_a_job_or_project_that_no_database_can_hold_does_not_exist(
    client: TestClient, name: str
) -> None:
    assert client.get(f"/jobs/{name}").status_code == 404
    assert client.get(f"/jobs?project={name}").json() == {"jobs": []}


def test_an_error_of_the_database_tells_its_place_to_the_log_alone(
    model: KeywordModel, registry: FixedRegistry, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    gone = create_engine(sqlite_url(tmp_path / "secret-folder"))
    learning = Coordinator(ExampleStore(gone), JobQueue(gone), DeploymentLog(gone), Budgets(gone))
    metrics = Metrics()
    compare = Agreement(registry, model, metrics).compare
    backend = Backend(model, registry, learning, compare, deadline=DEADLINE)
    client = TestClient(create_app(backend))
    with caplog.at_level(logging.WARNING):
        answers = [
            client.post("/webhook", json=payload("webhook_ANNOTATION_CREATED")),
            client.get("/jobs"),
        ]
    for answer in answers:
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
        assert "secret" not in answer.text
        assert "predictions go on" in answer.json()["error"]
    assert caplog.text.count("secret-folder") == 2
    assert client.post("/predict", json=payload("predict_retrieve")).status_code == 200


def test_a_project_has_suspects_and_a_budget(client: TestClient) -> None:
    assert client.get("/projects/1.1/suspects").json() == {"suspects": []}
    budget = client.get("/projects/1.1/budget").json()
    assert (budget["tasks"], budget["suspects"]) == (0, 0)
    assert "no training has judged them yet" in budget["summary"]


@pytest.mark.parametrize("page", ["suspects", "budget"])
def test_a_key_that_no_project_has_is_not_found(client: TestClient, page: str) -> None:
    answer = client.get(f"/projects/nonsense/{page}")
    assert answer.status_code == 404
    assert "No project has such a key" in answer.json()["error"]


def test_predictions_of_a_share_of_the_tasks_have_a_score_and_no_answer(
    model: KeywordModel, registry: FixedRegistry, learning: Coordinator
) -> None:
    compare = Agreement(registry, model, Metrics()).compare
    backend = Backend(model, registry, learning, compare, deadline=DEADLINE, withhold=0.3)
    body = payload("predict_open_task")
    body["tasks"] = [{**body["tasks"][0], "id": number} for number in range(100)]
    results = TestClient(create_app(backend)).post("/predict", json=body).json()["results"]
    withheld = [number for number, each in enumerate(results) if not each["result"]]
    assert withheld == [
        number for number in range(100) if is_withheld(body["project"], number, 0.3)
    ]
    assert 15 < len(withheld) < 45
    assert all(0.5 <= each["score"] <= 1 for each in results)
