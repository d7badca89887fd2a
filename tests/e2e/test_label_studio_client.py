"""The client of Label Studio's API, against the real Label Studio."""

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine

from adapters.label_studio import client as module
from adapters.label_studio.client import LabelStudioClient
from adapters.label_studio.client_errors import ClientError
from adapters.label_studio.events import annotation_of, project_key, task_of
from adapters.learning.examples import ExampleStore
from loadtests.server import free_port
from tests.e2e.label_studio_api import LabelStudioApi
from tests.e2e.servers import LabelStudioServer
from tests.stored import snapshot

REFUSED = "refuses LABEL_STUDIO_API_KEY: it is wrong or has expired"
NO_PROJECT = "does not have it, or the owner of LABEL_STUDIO_API_KEY may not see it"


def chosen(choice: str) -> list[Any]:
    value = {"choices": [choice]}
    return [{"from_name": "sentiment", "to_name": "text", "type": "choices", "value": value}]


@pytest.fixture(params=["legacy", "personal"])
def client(
    request: pytest.FixtureRequest, label_studio: LabelStudioServer, personal_token: str
) -> Iterator[LabelStudioClient]:
    token = label_studio.token if request.param == "legacy" else personal_token
    with LabelStudioClient(label_studio.url, token) as made:
        yield made


@pytest.fixture
def project(api: LabelStudioApi, labeling_interface: str) -> int:
    number = api.create_project("Of the client", labeling_interface)
    api.import_tasks(number, [{"review": f"Text {n}.", "more": {"n": [n]}} for n in range(7)])
    return number


@pytest.fixture
def tasks(api: LabelStudioApi, project: int) -> list[int]:
    return api.task_ids(project)


def test_a_project_is_named_as_its_events_name_it(
    client: LabelStudioClient, api: LabelStudioApi, project: int, labeling_interface: str
) -> None:
    found = client.project(project)
    assert project_key(found) == project_key(api.get(f"/api/projects/{project}/"))
    assert found["label_config"] == labeling_interface.strip()


def test_annotated_and_skipped_tasks_are_read_in_pages(
    client: LabelStudioClient,
    api: LabelStudioApi,
    project: int,
    tasks: list[int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for task in tasks[:4]:
        api.annotate(task, chosen("Positive"))
    api.annotate(tasks[3], chosen("Negative"))
    api.post(f"/api/tasks/{tasks[5]}/annotations/", {"result": [], "was_cancelled": True})
    monkeypatch.setattr(module, "_PAGE_SIZE", 2)
    pages = list(client.tasks_with_annotations(project))
    assert [[task["id"] for task in page] for page in pages] == [
        tasks[:2],
        tasks[2:4],
        [tasks[5]],
    ]
    assert json.loads(json.dumps(pages)) == pages
    last, skipped = pages[1][1], pages[2][0]
    assert task_of(last).data == {"review": "Text 3.", "more": {"n": [3]}}
    read = [annotation_of(annotation, last["id"]) for annotation in last["annotations"]]
    assert [a.answers["sentiment"] for a in sorted(read, key=lambda a: a.id)] == [
        ("Positive",),
        ("Negative",),
    ]
    assert all(a.annotator and a.updated_at > 1e9 and not a.cancelled for a in read)
    assert annotation_of(skipped["annotations"][0], skipped["id"]).cancelled


def test_an_annotation_is_the_same_by_api_and_by_event(
    client: LabelStudioClient, api: LabelStudioApi, project: int, tasks: list[int]
) -> None:
    answered = api.annotate(tasks[0], chosen("Positive"))
    ((task,),) = client.tasks_with_annotations(project)
    assert annotation_of(task["annotations"][0], task["id"]) == annotation_of(answered)


def test_no_task_is_missed_while_others_are_deleted(
    client: LabelStudioClient,
    api: LabelStudioApi,
    project: int,
    tasks: list[int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for task in tasks:
        api.annotate(task, chosen("Positive"))
    monkeypatch.setattr(module, "_PAGE_SIZE", 2)
    pages = client.tasks_with_annotations(project)
    seen = [task["id"] for task in next(pages)]
    api.post(
        "/api/dm/actions",
        {"selectedItems": {"all": False, "included": [tasks[0], tasks[2]]}},
        project=project,
        id="delete_tasks",
    )
    seen += [task["id"] for page in pages for task in page]
    assert seen == [task for task in tasks if task != tasks[2]]


def test_a_project_larger_than_a_page_is_read_completely(
    client: LabelStudioClient, api: LabelStudioApi, labeling_interface: str
) -> None:
    number = api.create_project("Of many tasks", labeling_interface)
    body = [
        {"data": {"review": f"Text {n}."}, "annotations": [{"result": chosen("Positive")}]}
        for n in range(230)
    ]
    api.post(f"/api/projects/{number}/import", body)
    pages = list(client.tasks_with_annotations(number))
    assert [len(page) for page in pages] == [100, 100, 30]
    assert [task["id"] for page in pages for task in page] == api.task_ids(number)


def test_fetched_annotations_become_examples_of_the_project(
    client: LabelStudioClient,
    api: LabelStudioApi,
    project: int,
    tasks: list[int],
    database: Engine,
) -> None:
    store = ExampleStore(database)
    annotations = [api.annotate(task, chosen("Positive"))["id"] for task in tasks[:3]]
    found = client.project(project)
    key, config = project_key(found), found["label_config"]
    store.replace(key, config, client.tasks_with_annotations(project))
    assert [example.task for example in snapshot(store, key)] == tasks[:3]
    api.patch(f"/api/annotations/{annotations[0]}/", {"result": chosen("Negative")})
    store.replace(key, config, client.tasks_with_annotations(project))
    choices = [example.choices["sentiment"][0] for example in snapshot(store, key)]
    assert choices == ["Negative", "Positive", "Positive"]


def test_a_project_without_annotations_has_no_pages(
    client: LabelStudioClient, project: int
) -> None:
    assert list(client.tasks_with_annotations(project)) == []


def test_a_missing_project_is_reported(client: LabelStudioClient) -> None:
    with pytest.raises(ClientError, match=NO_PROJECT):
        client.project(10**6)
    with pytest.raises(ClientError, match=NO_PROJECT):
        list(client.tasks_with_annotations(10**6))


def test_a_wrong_legacy_token_is_refused(label_studio: LabelStudioServer, project: int) -> None:
    with (
        LabelStudioClient(label_studio.url, "f" * 40) as client,
        pytest.raises(ClientError, match=REFUSED) as caught,
    ):
        client.project(project)
    assert "f" * 40 not in str(caught.value)


def test_a_forged_personal_token_is_refused(
    label_studio: LabelStudioServer, personal_token: str, project: int
) -> None:
    head, body, signature = personal_token.split(".")
    forged = f"{head}.{body}.{signature[::-1]}"
    with (
        LabelStudioClient(label_studio.url, forged) as client,
        pytest.raises(ClientError, match=REFUSED) as caught,
    ):
        client.project(project)
    assert body not in str(caught.value)


def test_an_expired_personal_token_is_refused_before_any_request(
    personal_token: str,
) -> None:
    head, body, signature = personal_token.split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=="))
    old = base64.urlsafe_b64encode(json.dumps(claims | {"exp": 1}).encode()).decode().strip("=")
    with pytest.raises(ClientError, match=REFUSED):
        LabelStudioClient("http://127.0.0.1:1", f"{head}.{old}.{signature}")


@pytest.mark.parametrize("kind", ["legacy", "personal"])
def test_a_label_studio_that_does_not_run_is_unreachable(
    label_studio: LabelStudioServer, personal_token: str, kind: str
) -> None:
    token = label_studio.token if kind == "legacy" else personal_token
    url = f"http://127.0.0.1:{free_port()}"
    with (
        LabelStudioClient(url, token) as client,
        pytest.raises(ClientError, match=f"Label Studio at {url} cannot be reached"),
    ):
        client.project(1)
