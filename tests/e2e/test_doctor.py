"""Faults in a real Label Studio: the doctor finds them, and its advice ends them."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest

from adapters.label_studio.events import project_key
from adapters.preannotate.cli import main
from model_store.learning import behaviour
from model_store.serving.database import connect, sqlite_url
from model_store.serving.deployments import DeploymentLog
from tests.e2e.commands import Workplace, block
from tests.e2e.conftest import ConnectProject, Project, StartBackend
from tests.e2e.label_studio_api import LabelStudioApi
from tests.e2e.servers import LabelStudioServer, Server, logged_statuses, wait_until

ANNOTATED = 24
INTERFACE = """
<View>
  <Text name="text" value="$review"/>
  <Choices name="verdict" toName="text">
    <Choice value="Praise"/>
    <Choice value="Complaint"/>
  </Choices>
</View>
"""
VERDICTS = {"Positive": "Praise", "Negative": "Complaint"}
FINE = "All is fine."

Doctor = Callable[..., str]


@pytest.fixture(scope="module")
def server(backend: StartBackend) -> Server:
    return backend()


@pytest.fixture
def doctor(
    server: Server,
    label_studio: LabelStudioServer,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Doctor:
    """Return a function that examines a project and returns what the doctor says."""
    for name in ("USER", "PASSWORD"):
        monkeypatch.delenv(f"SENTIMENT_BASIC_AUTH_{name}", raising=False)
    monkeypatch.setenv("LABEL_STUDIO_URL", label_studio.url)
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", label_studio.token)

    def examine(project: int, *options: str) -> str:
        status = main(["doctor", server.url, "--project", str(project), *options])
        said = capsys.readouterr().out
        assert (status == 0) == (FINE in said)
        return said

    return examine


def wrong(said: str) -> list[str]:
    return [line for line in said.splitlines() if line.startswith("WRONG")]


@pytest.mark.parametrize(
    "fault",
    [
        ({"is_active": False}, "it is switched off: switch it on under Settings, Webhooks"),
        (
            {"send_payload": False},
            "it sends events without their annotations: switch on Send payload",
        ),
        (
            {"send_for_all_actions": False, "actions": ["ANNOTATION_CREATED", "TASKS_DELETED"]},
            (
                "it does not send ANNOTATIONS_CREATED, ANNOTATION_UPDATED, ANNOTATIONS_DELETED: "
                "switch on Send for all actions"
            ),
        ),
    ],
    ids=["off", "payload", "events"],
)
def test_a_webhook_that_sends_too_little_is_found_and_mended_by_hand_or_by_fix(
    api: LabelStudioApi,
    doctor: Doctor,
    server: Server,
    connect_project: ConnectProject,
    fault: tuple[dict[str, Any], str],
) -> None:
    settings, finding = fault
    advice = {name: True for name, value in settings.items() if value is False}
    project = connect_project(server)
    (hook,) = api.get("/api/webhooks/", project=project.id)
    path = f"/api/webhooks/{hook['id']}/"
    for mend in (lambda: api.patch(path, advice), lambda: doctor(project.id, "--fix")):
        api.patch(path, settings)
        (found,) = wrong(doctor(project.id))
        assert finding in found
        assert "or run this again with --fix" in found
        mend()
        assert FINE in doctor(project.id)
    before = len(logged_statuses(server, "POST", "/webhook"))
    annotation = api.annotate(project.tasks[0], [])
    api.delete(f"/api/annotations/{annotation['id']}/")
    arrived = [200, 200]
    wait_until(
        lambda: logged_statuses(server, "POST", "/webhook")[before:] == arrived, "no event arrives"
    )


def test_a_backend_that_is_not_connected_is_found_and_connecting_it_helps(
    api: LabelStudioApi, doctor: Doctor, server: Server, labeling_interface: str
) -> None:
    number = api.create_project("Without a backend", labeling_interface)
    (found,) = wrong(doctor(number))
    assert f"the project has no backend {server.url}: add it under Settings, Model" in found
    api.connect(number, server.url)
    assert FINE in doctor(number)


def test_a_missing_webhook_is_found_and_connecting_the_backend_again_helps(
    api: LabelStudioApi, doctor: Doctor, server: Server, connect_project: ConnectProject
) -> None:
    project = connect_project(server)
    (hook,) = api.get("/api/webhooks/", project=project.id)
    api.delete(f"/api/webhooks/{hook['id']}/")
    (found,) = wrong(doctor(project.id))
    assert "there is none, so the backend receives no annotations" in found
    assert "connect the backend again" in found
    api.delete(f"/api/ml/{project.backend['id']}")
    api.connect(project.id, server.url)
    assert FINE in doctor(project.id)


def test_choices_that_the_model_does_not_know_are_found_and_predicted_values_help(
    api: LabelStudioApi, doctor: Doctor, server: Server
) -> None:
    number = api.create_project("Other choices", INTERFACE)
    api.connect(number, server.url)
    found = wrong(doctor(number))
    assert any("offers Praise, Complaint" in line for line in found)
    assert any("predicted_values" in line for line in found)
    paired = INTERFACE.replace('"Praise"', '"Praise" predicted_values="Positive"').replace(
        '"Complaint"', '"Complaint" predicted_values="Negative"'
    )
    api.patch(f"/api/projects/{number}/", {"label_config": paired})
    assert FINE in doctor(number)


@pytest.mark.parametrize("by_hand", [True, False])
def test_a_project_that_shows_the_backends_title_is_found_and_choosing_the_version_helps(
    api: LabelStudioApi,
    doctor: Doctor,
    server: Server,
    connect_project: ConnectProject,
    by_hand: bool,
) -> None:
    project = connect_project(server)
    said = doctor(project.id)
    assert "no task has a prediction yet: choose Retrieve Predictions, then check again" in said
    assert FINE in said
    api.retrieve_predictions(project.id)
    version = project.backend["model_version"]
    (found,) = wrong(doctor(project.id))
    assert f"the project shows sentiment, and {version} serves it" in found
    assert f"choose {version} under Settings, Annotation, Prelabeling" in found
    if by_hand:
        api.patch(f"/api/projects/{project.id}/", {"model_version": version})
    else:
        assert f"it shows {version} now" in doctor(project.id, "--fix")
    assert f"{version} is shown" in doctor(project.id)
    assert scores(api, project.id) == scores_of(api, project.id, version)


def test_the_documented_command_makes_the_label_stream_show_the_lowest_score_first(
    api: LabelStudioApi,
    doctor: Doctor,
    server: Server,
    connect_project: ConnectProject,
    tmp_path: Path,
) -> None:
    project = connect_project(server)
    api.retrieve_predictions(project.id)
    assert FINE in doctor(project.id, "--fix")
    Workplace(tmp_path).run(
        block("docs/active-learning.md", "Uncertainty sampling"),
        {
            "LABEL_STUDIO_URL": os.environ["LABEL_STUDIO_URL"],
            "TOKEN": os.environ["LABEL_STUDIO_API_KEY"],
            "ID": str(project.id),
        },
    )
    of_task = scores_of(api, project.id, project.backend["model_version"])
    lowest = min(of_task, key=of_task.__getitem__)
    shown = api.get(f"/api/projects/{project.id}/next")["id"]
    assert shown == lowest, of_task


@pytest.fixture(scope="module")
def trained(api: LabelStudioApi, server: Server) -> tuple[int, str]:
    """A project with choices of its own, and the version that it was trained to."""
    number = api.create_project("Verdicts of one's own", INTERFACE)
    cases = behaviour.suite()[:ANNOTATED]
    api.import_tasks(number, [{"review": case.text} for case in cases])
    connected = api.connect(number, server.url)
    for task, case in zip(api.task_ids(number), cases, strict=True):
        value = {"choices": [VERDICTS[case.label]]}
        api.annotate(
            task,
            [{"from_name": "verdict", "to_name": "text", "type": "choices", "value": value}],
        )
    job = api.post(f"/api/ml/{connected['id']}/train")
    jobs: list[Any] = []

    def has_ended() -> bool:
        jobs[:] = httpx.get(f"{server.url}/jobs").json()["jobs"]
        return jobs[0]["state"] not in ("queued", "running")

    wait_until(has_ended, f"the training does not end: {job}", seconds=180)
    version = jobs[0]["version"]
    assert version, jobs[0]["reasons"]
    if jobs[0]["state"] == "refused":
        activate(server, jobs[0]["project"], version)
    wait_until(lambda: backend_version(api, number) == version, "the version does not serve")
    return number, version


def test_a_project_with_choices_of_its_own_is_served_after_its_training(
    api: LabelStudioApi, doctor: Doctor, trained: tuple[int, str]
) -> None:
    number, version = trained
    said = doctor(number)
    assert "ok     labeling config: served: verdict" in said
    assert FINE in said
    api.retrieve_predictions(number)
    doctor(number, "--fix")
    assert f"{version} is shown" in doctor(number)
    assert scores(api, number) == scores_of(api, number, version)


def test_scores_of_the_version_before_the_training_are_found_and_retrieving_helps(
    api: LabelStudioApi,
    doctor: Doctor,
    server: Server,
    connect_project: ConnectProject,
    trained: tuple[int, str],
) -> None:
    project, (_, new) = connect_project(server), trained
    api.retrieve_predictions(project.id)
    doctor(project.id, "--fix")
    activate(server, key_of(api, project), new)
    wait_until(lambda: backend_version(api, project.id) == new, "the version does not serve")
    (found,) = wrong(doctor(project.id, "--fix"))
    assert f"{new} serves the project, and no task has a prediction of it" in found
    api.retrieve_predictions(project.id, project.tasks[:2])
    (found,) = wrong(doctor(project.id, "--fix"))
    assert f"{new}, which serves it, has 2 predictions instead of {len(project.tasks)}" in found
    assert None not in scores(api, project.id).values(), "the column is not blank before"
    api.retrieve_predictions(project.id)
    assert wrong(doctor(project.id))
    assert FINE in doctor(project.id, "--fix")
    assert scores(api, project.id) == scores_of(api, project.id, new)


def activate(server: Server, project: str, version: str) -> None:
    DeploymentLog(connect(sqlite_url(server.data))).activate(project, version, by="test")


def key_of(api: LabelStudioApi, project: Project) -> str:
    """Return the project's name in Label Studio's requests."""
    return project_key(api.get(f"/api/projects/{project.id}/"))


def backend_version(api: LabelStudioApi, project: int) -> str:
    """Return the version that the backend names to Label Studio."""
    (connected,) = api.get("/api/ml/", project=project)
    version: str = connected["model_version"]
    return version


def scores(api: LabelStudioApi, project: int) -> dict[int, float | None]:
    """Return the score column of the Data Manager, by task."""
    listed = api.get("/api/tasks/", project=project, page_size=1000, fields="all")
    return {task["id"]: task["predictions_score"] for task in listed["tasks"]}


def scores_of(api: LabelStudioApi, project: int, version: str) -> dict[int, float]:
    found = [item for item in api.predictions(project) if item["model_version"] == version]
    return {item["task"]: item["score"] for item in found}
