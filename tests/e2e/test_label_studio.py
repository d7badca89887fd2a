"""The steps of the tutorial, through the API of a real Label Studio."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest

from adapters.label_studio import labeling_config
from tests.e2e.conftest import ConnectProject, StartBackend
from tests.e2e.label_studio_api import LabelStudioApi
from tests.e2e.servers import Server, logged_statuses, wait_until

LABELS = ("Negative", "Positive")


@pytest.fixture(scope="module")
def server(backend: StartBackend) -> Server:
    return backend()


def version_of(server: Server) -> Any:
    return httpx.post(f"{server.url}/setup", json={"project": "1.1"}).json()["model_version"]


def assert_is_prediction(prediction: Any, version: str) -> None:
    assert prediction["model_version"] == version
    assert 0 <= prediction["score"] <= 1
    (region,) = prediction["result"]
    assert (region["from_name"], region["to_name"]) == ("sentiment", "text")
    assert region["type"] == "choices"
    (choice,) = region["value"]["choices"]
    assert choice in LABELS


@pytest.fixture
def expect_event(server: Server) -> Callable[[], None]:
    """Wait until the log has one request to /webhook with status 200 since the test began."""
    before = len(logged_statuses(server, "POST", "/webhook"))

    def check() -> None:
        wait_until(
            lambda: logged_statuses(server, "POST", "/webhook")[before:] == [200],
            "not exactly one event that is answered with 200",
        )

    return check


def test_repeated_retrieving_gives_each_of_the_tutorials_reviews_one_prediction(
    api: LabelStudioApi, server: Server, labeling_interface: str, reviews_file: Path
) -> None:
    project = api.create_project("The tutorial", labeling_interface)
    assert api.import_file(project, reviews_file) == 100
    backend = api.connect(project, server.url)
    assert backend["state"] == "CO"

    answer = api.retrieve_predictions(project)
    predictions = api.predictions(project)
    api.retrieve_predictions(project)

    assert answer["processed_items"] == 100
    assert Counter(item["task"] for item in predictions) == Counter(api.task_ids(project))
    for prediction in predictions:
        assert_is_prediction(prediction, version_of(server))
    assert len({prediction["score"] for prediction in predictions}) > 1
    again = api.predictions(project)
    assert {item["id"] for item in again} == {item["id"] for item in predictions}


def test_a_new_backend_is_connected_with_the_version_that_its_setup_answers(
    server: Server, connect_project: ConnectProject
) -> None:
    backend = connect_project(server).backend

    assert (backend["state"], backend["readable_state"]) == ("CO", "Connected")
    assert backend["error_message"] is None
    assert backend["model_version"] == version_of(server)


def test_opening_a_task_twice_shows_the_same_prediction(
    api: LabelStudioApi, server: Server, connect_project: ConnectProject
) -> None:
    task = connect_project(server).tasks[0]

    (prediction,) = api.open_task(task)["predictions"]
    (again,) = api.open_task(task)["predictions"]

    assert_is_prediction(prediction, version_of(server))
    assert again["id"] == prediction["id"]


def test_the_label_stream_shows_one_prediction_each_time_it_opens_a_task(
    api: LabelStudioApi, server: Server, connect_project: ConnectProject
) -> None:
    project = connect_project(server)

    (prediction,) = api.get(f"/api/projects/{project.id}/next")["predictions"]
    (again,) = api.get(f"/api/projects/{project.id}/next")["predictions"]

    assert_is_prediction(prediction, version_of(server))
    assert again["id"] == prediction["id"]


def test_retrieving_after_opening_adds_nothing_to_the_opened_task(
    api: LabelStudioApi, server: Server, connect_project: ConnectProject
) -> None:
    project = connect_project(server)
    api.open_task(project.tasks[0])

    api.retrieve_predictions(project.id, project.tasks[:2])

    tasks = [prediction["task"] for prediction in api.predictions(project.id)]
    assert sorted(tasks) == project.tasks[:2]


def test_a_test_request_is_answered_and_stores_nothing(
    api: LabelStudioApi, server: Server, connect_project: ConnectProject
) -> None:
    project = connect_project(server)

    answer = api.post(f"/api/ml/{project.backend['id']}/predict/test", random="true")

    assert (answer["status"], answer["error_message"]) == (200, None)
    (prediction,) = answer["response"]
    assert_is_prediction(prediction, version_of(server))
    assert api.predictions(project.id) == []


def test_an_interactive_prediction_is_answered_and_stores_nothing(
    api: LabelStudioApi, server: Server, connect_project: ConnectProject
) -> None:
    project = connect_project(server, is_interactive=True)
    region = {
        "id": "c1",
        "from_name": "sentiment",
        "to_name": "text",
        "type": "choices",
        "value": {"choices": ["Positive"]},
    }

    answer = api.post(
        f"/api/ml/{project.backend['id']}/interactive-annotating",
        {"task": project.tasks[0], "context": {"result": [region]}},
    )

    assert_is_prediction(answer["data"], version_of(server))
    assert api.predictions(project.id) == []


def test_the_backend_lists_the_active_version(
    api: LabelStudioApi, server: Server, connect_project: ConnectProject
) -> None:
    backend = connect_project(server).backend

    versions = api.get(f"/api/ml/{backend['id']}/versions")

    # The server also knows the versions that other projects have trained.
    assert version_of(server) in versions["versions"]


def test_a_submitted_annotation_sends_an_event_that_is_acknowledged(
    api: LabelStudioApi,
    server: Server,
    connect_project: ConnectProject,
    expect_event: Callable[[], None],
) -> None:
    task = connect_project(server).tasks[0]
    (prediction,) = api.open_task(task)["predictions"]

    api.annotate(task, prediction["result"])

    expect_event()


def test_start_training_is_acknowledged_and_the_backend_stays_connected(
    api: LabelStudioApi,
    server: Server,
    connect_project: ConnectProject,
    expect_event: Callable[[], None],
) -> None:
    project = connect_project(server)

    api.post(f"/api/ml/{project.backend['id']}/train", {})

    expect_event()
    (backend,) = api.get("/api/ml/", project=project.id)
    assert (backend["state"], backend["error_message"]) == ("CO", None)


def test_tasks_without_usable_text_get_no_prediction_and_the_others_do(
    api: LabelStudioApi, server: Server, labeling_interface: str
) -> None:
    # Label Studio checks tasks against the labeling interface at import, not when it changes.
    project = api.create_project("Gaps", "<View/>")
    data: list[dict[str, Any]] = [
        {"review": "The first one is fine."},
        {"review": ""},
        {"review": "   "},
        {"review": None},
        {"review": []},
        {"review": {"text": "nested"}},
        {"other": "no review at all"},
        {"review": 10},
        {"review": ["Two lines", "of one review."]},
        {"review": "The last one is fine."},
    ]
    api.import_tasks(project, data)
    api.patch(f"/api/projects/{project}", {"label_config": labeling_interface})
    api.connect(project, server.url)

    api.retrieve_predictions(project)

    tasks = api.task_ids(project)
    predictions = api.predictions(project)
    assert sorted(item["task"] for item in predictions) == [tasks[i] for i in (0, 7, 8, 9)]
    for prediction in predictions:
        assert_is_prediction(prediction, version_of(server))
    assert api.open_task(tasks[1])["predictions"] == []


def test_a_skipped_task_is_named_in_the_backends_log_with_the_reason(
    api: LabelStudioApi, server: Server, connect_project: ConnectProject
) -> None:
    project = connect_project(server, ["Fine.", " "])

    api.retrieve_predictions(project.id)

    wait_until(
        lambda: f'data key "review" is empty (tasks {project.tasks[1]})' in server.read_log(),
        "the reason is not in the log",
    )


def test_an_event_without_payload_is_refused_and_the_log_names_the_switch(
    api: LabelStudioApi, server: Server, connect_project: ConnectProject
) -> None:
    project = connect_project(server)
    (webhook,) = api.get("/api/webhooks/", project=project.id)
    api.patch(f"/api/webhooks/{webhook['id']}/", {"send_payload": False})
    refused = logged_statuses(server, "POST", "/webhook").count(422)

    for task in project.tasks[:2]:
        api.annotate(task, [])

    wait_until(
        lambda: logged_statuses(server, "POST", "/webhook").count(422) == refused + 2,
        "not both events were refused",
    )
    assert 1 <= server.read_log().count("turn on Send payload") <= 2, "once for each worker"


def test_the_path_of_a_nested_choice_counts_as_an_annotation(
    api: LabelStudioApi, server: Server
) -> None:
    config = (
        '<View><Text name="text" value="$review"/>'
        '<Choices name="kind" toName="text" allowNested="true"><Choice value="Good">'
        '<Choice value="Praise"/></Choice><Choice value="Complaint"/></Choices></View>'
    )
    project = api.create_project("Nested", config)
    api.import_tasks(project, [{"review": "A film."}])
    backend = api.connect(project, server.url)
    region = {
        "from_name": "kind",
        "to_name": "text",
        "type": "choices",
        # The editor ticks Good as well, since it ticked all choices inside of it.
        "value": {"choices": [["Good"], ["Good", "Praise"]]},
    }

    api.annotate(api.task_ids(project)[0], [region])

    api.get(f"/api/ml/{backend['id']}")
    api.get("/api/ml/", project=project)
    wait_until(
        lambda: "4 of them Good / Praise, 5 of them Complaint" in server.read_log(),
        "the annotation is not counted",
    )


def test_a_control_in_a_repeater_is_reported_and_not_served(
    api: LabelStudioApi, server: Server
) -> None:
    config = (
        '<View><Repeater on="$items"><Text name="text_{{idx}}" value="$items[{{idx}}].body"/>'
        '<Choices name="kind_{{idx}}" toName="text_{{idx}}"><Choice value="Positive"/>'
        '<Choice value="Negative"/></Choices></Repeater></View>'
    )
    project = api.create_project("Repeated", config)

    api.connect(project, server.url)

    wait_until(
        lambda: 'The Choices control "kind_{{idx}}" is in a Repeater' in server.read_log(),
        "the reason is not in the log",
    )


def test_the_served_control_is_the_one_that_label_studio_parses(
    api: LabelStudioApi, labeling_interface: str
) -> None:
    project = api.create_project("Interface", labeling_interface)
    theirs = api.get(f"/api/projects/{project}")["parsed_label_config"]

    (control,) = labeling_config.parse(labeling_interface, labeling_config.Labels(LABELS)).controls

    assert [control.name] == list(theirs)
    (its_input,) = theirs[control.name]["inputs"]
    assert [control.to_name] == theirs[control.name]["to_name"]
    assert control.data_key == its_input["value"]
    assert set(control.option_of.values()) == set(theirs[control.name]["labels"])
    assert theirs[control.name]["type"] == "Choices"
