"""A real Label Studio and a backend with HTTP basic authentication."""

from pathlib import Path
from typing import Any

import pytest

from tests.e2e.commands import Workplace, block
from tests.e2e.conftest import ConnectProject, StartBackend
from tests.e2e.label_studio_api import LabelStudioApi
from tests.e2e.servers import LabelStudioServer, Server, logged_statuses, wait_until

USER = "label-studio"
PASSWORD = "p\N{LATIN SMALL LETTER A WITH DIAERESIS}ss:word of the tests"
CREDENTIALS = {
    "auth_method": "BASIC_AUTH",
    "basic_auth_user": USER,
    "basic_auth_pass": PASSWORD,
}


@pytest.fixture(scope="module")
def server(backend: StartBackend) -> Server:
    return backend(
        SENTIMENT_BASIC_AUTH_USER=USER,
        SENTIMENT_BASIC_AUTH_PASSWORD=PASSWORD,
        SENTIMENT_WORKERS="1",
    )


def test_a_password_with_an_umlaut_is_accepted_from_label_studio(
    api: LabelStudioApi, server: Server, labeling_interface: str
) -> None:
    assert not PASSWORD.isascii()
    project = api.create_project("Umlaut", labeling_interface)

    answer = api.try_to_connect(project, server.url, **CREDENTIALS)

    assert answer.status_code == 201


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({}, "401 Client Error: Unauthorized"),
        ({**CREDENTIALS, "basic_auth_pass": "wrong"}, "authentication parameters"),
    ],
)
def test_label_studio_refuses_the_backend_without_the_right_password_and_says_why(
    api: LabelStudioApi,
    server: Server,
    labeling_interface: str,
    settings: dict[str, Any],
    reason: str,
) -> None:
    project = api.create_project("Refused", labeling_interface)

    response = api.try_to_connect(project, server.url, **settings)

    assert response.status_code == 400
    (message,) = response.json()["validation_errors"]["non_field_errors"]
    assert reason in message
    assert api.get("/api/ml/", project=project) == []


def test_with_the_right_password_it_connects_and_predicts(
    api: LabelStudioApi, server: Server, connect_project: ConnectProject
) -> None:
    project = connect_project(server, **CREDENTIALS)
    assert project.backend["state"] == "CO"

    (opened,) = api.open_task(project.tasks[0])["predictions"]
    api.retrieve_predictions(project.id)
    api.retrieve_predictions(project.id)

    predictions = api.predictions(project.id)
    assert sorted(prediction["task"] for prediction in predictions) == project.tasks
    assert {item["model_version"] for item in predictions} == {project.backend["model_version"]}
    assert opened["id"] in {prediction["id"] for prediction in predictions}


def test_start_training_carries_the_password(
    api: LabelStudioApi, server: Server, connect_project: ConnectProject
) -> None:
    project = connect_project(server, **CREDENTIALS)
    before = len(logged_statuses(server, "POST", "/webhook"))

    api.post(f"/api/ml/{project.backend['id']}/train", {})

    wait_until(
        lambda: logged_statuses(server, "POST", "/webhook")[before:] == [200],
        "the training request is not acknowledged",
    )


def test_events_arrive_after_the_documented_header_is_set(
    api: LabelStudioApi,
    label_studio: LabelStudioServer,
    server: Server,
    connect_project: ConnectProject,
    tmp_path: Path,
) -> None:
    project = connect_project(server, **CREDENTIALS)
    (webhook,) = api.get("/api/webhooks/", project=project.id)
    before = len(logged_statuses(server, "POST", "/webhook"))

    api.annotate(project.tasks[0], [])
    Workplace(tmp_path).run(
        block("docs/label-studio.md", "/api/webhooks/"),
        {
            "LABEL_STUDIO_URL": label_studio.url,
            "ID": str(webhook["id"]),
            "TOKEN": label_studio.token,
            "USER": USER,
            "PASSWORD": PASSWORD,
        },
    )
    api.annotate(project.tasks[1], [])

    wait_until(
        lambda: logged_statuses(server, "POST", "/webhook")[before:] == [401, 200],
        "not one event refused and one acknowledged",
    )
