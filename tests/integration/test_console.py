"""The pages answer every request with a page, and never with a traceback or a private text."""

import logging
from pathlib import Path

import pytest
from sqlalchemy import Engine
from starlette.testclient import TestClient

from adapters.console.pages import Console, console_routes
from adapters.console.views import Stores
from adapters.label_studio.routes import Backend, create_app
from adapters.learning.budget import Budgets
from adapters.learning.coordinator import Coordinator
from adapters.learning.examples import ExampleStore
from adapters.learning.jobs import JobQueue
from adapters.observability.metrics import Metrics
from model_store.serving.database import metadata
from model_store.serving.deployments import DeploymentLog
from tests.integration.conftest import (
    DEADLINE,
    PROJECT,
    VERSION,
    FixedRegistry,
    KeywordModel,
    payload,
)

HTML = {"Accept": "text/html,application/xhtml+xml"}
OURS = {**HTML, "Sec-Fetch-Site": "same-origin"}
PROJECT_PAGE = f"/console/projects/{PROJECT}"


@pytest.fixture
def client(
    model: KeywordModel,
    registry: FixedRegistry,
    learning: Coordinator,
    database: Engine,
    tag: str,
) -> TestClient:
    registry._versions[VERSION] = registry.deployment(None).versions[0]
    stores = Stores(
        ExampleStore(database),
        JobQueue(database),
        DeploymentLog(database),
        registry,
        Budgets(database),
    )
    console = Console(stores, learning, model, Metrics(), workers=2, deadline=DEADLINE)
    home, routes = console_routes(console)

    async def compare(_: object) -> None:
        raise NotImplementedError

    app = create_app(Backend(model, registry, learning, compare), home)
    app.router.routes += routes
    assert tag
    return TestClient(app, headers=HTML)


def test_a_browser_gets_a_page_and_all_others_json(client: TestClient) -> None:
    page = client.get("/")
    assert page.headers["content-type"].startswith("text/html")
    assert VERSION in page.text
    assert "script-src 'self'" in page.headers["content-security-policy"]
    for accept in ("*/*", "application/json"):
        assert client.get("/", headers={"Accept": accept}).json()["status"] == "UP"


def test_texts_are_escaped_and_not_logged(
    client: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    text = "<script>alert('secret')</script> good"
    page = client.post("/console/try", data={"text": text, "version": VERSION}, headers=OURS)
    assert page.status_code == 200
    assert "Positive" in page.text
    assert "<script>alert" not in page.text
    assert "secret" not in caplog.text


def test_a_version_that_does_not_exist_is_named(client: TestClient) -> None:
    page = client.post("/console/try", data={"text": "a", "version": "no:1"}, headers=OURS)
    assert page.status_code == 200
    assert "This version does not exist, or cannot be loaded" in page.text


def test_the_page_of_a_project_shows_its_annotations(client: TestClient) -> None:
    client.post("/webhook", json=payload("webhook_ANNOTATION_CREATED"))
    assert PROJECT in client.get("/").text
    page = client.get(PROJECT_PAGE)
    assert page.status_code == 200
    assert "1 of 1 annotated tasks are examples" in page.text
    assert "No training yet" in page.text


def test_a_project_without_annotations_has_a_page(client: TestClient) -> None:
    page = client.get(PROJECT_PAGE)
    assert page.status_code == 200
    assert "No labeling config has arrived" in page.text


@pytest.mark.parametrize("key", ["%00", "..", "a", "1.2.3", "%ed%a0%80", "9" * 30])
def test_what_cannot_be_a_project_has_no_page(client: TestClient, key: str) -> None:
    for path in (f"/console/projects/{key}", f"/console/projects/{key}/jobs"):
        page = client.get(path)
        assert page.status_code == 404
    assert client.post(f"/console/projects/{key}/train", headers=OURS).status_code == 404


def test_buttons_that_cannot_work_say_why(client: TestClient) -> None:
    promoted = client.post(f"{PROJECT_PAGE}/promote", data={"version": "no:1"}, headers=OURS)
    assert promoted.status_code == 409
    assert "There is no version" in promoted.text
    rolled_back = client.post(f"{PROJECT_PAGE}/rollback", headers=OURS)
    assert rolled_back.status_code == 409
    assert 'role="alert"' in rolled_back.text


def test_a_promotion_is_in_effect_on_the_page_that_follows(
    client: TestClient, tag: str, database: Engine
) -> None:
    page = client.post(f"{PROJECT_PAGE}/promote", data={"version": tag}, headers=OURS)
    assert page.status_code == 200
    assert [each.status_code for each in page.history] == [303]
    assert "by console (by hand)" in page.text
    (entry,) = DeploymentLog(database).since(0)
    assert (entry.project, entry.version, entry.changed_by) == (PROJECT, tag, "console")


@pytest.mark.parametrize("site", ["cross-site", "same-site", "none"])
def test_forms_of_other_sites_are_refused(
    client: TestClient, database: Engine, tag: str, site: str
) -> None:
    headers = {**HTML, "Sec-Fetch-Site": site}
    page = client.post(f"{PROJECT_PAGE}/promote", data={"version": tag}, headers=headers)
    assert page.status_code == 403
    assert DeploymentLog(database).since(0) == []


def test_without_the_header_the_origin_decides(client: TestClient) -> None:
    for origin, status in (("http://testserver", 409), ("http://elsewhere", 403)):
        page = client.post(f"{PROJECT_PAGE}/rollback", headers={**HTML, "Origin": origin})
        assert page.status_code == status


def test_while_the_model_is_not_ready_a_page_says_so(
    client: TestClient, registry: FixedRegistry
) -> None:
    registry.fixed = None
    page = client.get(PROJECT_PAGE)
    assert page.status_code == 503
    assert 'role="alert"' in page.text


def test_without_the_database_a_page_says_so_and_the_log_why(
    client: TestClient, database: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    metadata.drop_all(database)
    page = client.get(PROJECT_PAGE)
    assert page.status_code == 503
    assert "The database cannot be used right now" in page.text
    assert "A page was answered with 503" in caplog.text


def test_the_files_of_the_pages_are_there(client: TestClient) -> None:
    for name in ("console.css", "console.js", "docs.js"):
        assert client.get(f"/console/static/{name}").status_code == 200
    assert client.get("/console/static/../pages.py").status_code == 404
    assert not Path("/console").exists()
