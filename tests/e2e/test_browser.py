"""Label Studio's web pages with our backend, in Chromium."""

import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from adapters.preannotate.cli import main as preannotate
from tests.e2e.conftest import StartBackend, unavailable
from tests.e2e.label_studio_api import LabelStudioApi
from tests.e2e.servers import LabelStudioServer

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
WAIT_MS = 30_000
TASKS = 8
TITLE_CHARACTERS = 50  # Label Studio takes no more.
CHOICE = re.compile("Positive|Negative")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    program = next((found for name in PROGRAMS if (found := shutil.which(name))), None)
    if program is None:
        unavailable(f"no Chromium: none of {', '.join(PROGRAMS)} is installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=ARGUMENTS)
        yield browser
        browser.close()


@dataclass(frozen=True)
class Project:
    """A project without a backend."""

    id: int
    title: str


@dataclass(frozen=True)
class Person:
    """Somebody at a browser who has an account."""

    page: Page
    email: str
    password: str

    def open(self, project: Project) -> Page:
        """Log in and go to the project by its name on the first page."""
        self.page.goto("/user/login")
        self.page.locator("input[name=email]").fill(self.email)
        self.page.locator("input[name=password]").fill(self.password)
        self.page.get_by_role("button", name="Log in").click()
        self.page.get_by_text(project.title).click()
        return self.page


@pytest.fixture
def person(
    browser: Browser,
    label_studio: LabelStudioServer,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> Iterator[Person]:
    """A person before logging in; a test that fails leaves a picture in its temporary folder."""
    failed_before = request.session.testsfailed
    context = browser.new_context(
        base_url=label_studio.url, viewport={"width": 1400, "height": 900}
    )
    context.set_default_timeout(WAIT_MS)
    expect.set_options(timeout=WAIT_MS)
    page = context.new_page()
    yield Person(page, label_studio.email, label_studio.password)
    if request.session.testsfailed > failed_before:
        page.screenshot(path=tmp_path / "failed.png")
    context.close()


@pytest.fixture
def project(
    api: LabelStudioApi,
    labeling_interface: str,
    reviews: list[str],
    request: pytest.FixtureRequest,
) -> Project:
    title = request.node.name.removeprefix("test_")[:TITLE_CHARACTERS]
    project = api.create_project(title, labeling_interface)
    api.import_tasks(project, [{"review": text} for text in reviews[:TASKS]])
    return Project(project, title)


def test_a_model_is_connected_in_the_settings(
    person: Person, project: Project, backend: StartBackend
) -> None:
    page = person.open(project)
    page.get_by_role("link", name="Settings", exact=True).click()
    page.get_by_role("link", name="Model", exact=True).click()
    page.get_by_text("Connect Model").click()
    page.get_by_label("Name").fill("Sentiment CNN")
    page.get_by_label("Backend URL").fill(backend().url)
    page.get_by_text("Validate and Save").click()

    expect(page.get_by_text("Connected", exact=True)).to_be_visible()
    expect(page.get_by_text("Sentiment CNN")).to_be_visible()


def test_predictions_are_retrieved_for_all_selected_tasks(
    person: Person, project: Project, api: LabelStudioApi, backend: StartBackend
) -> None:
    api.connect(project.id, backend().url)
    page = person.open(project)
    expect(page.get_by_text("Predictions: 0")).to_be_visible()

    page.get_by_role("checkbox", name="Select all rows").check()
    page.get_by_role("button", name="Tasks Actions").click()
    page.get_by_text("Retrieve Predictions").click()
    page.get_by_role("button", name="Confirm").click()

    expect(page.get_by_text(f"Predictions: {TASKS}")).to_be_visible()


@pytest.fixture
def opened_task(
    person: Person,
    project: Project,
    api: LabelStudioApi,
    backend: StartBackend,
    reviews: list[str],
) -> Page:
    """The labeling screen of the first task, once its choice is filled in."""
    api.connect(project.id, backend().url)
    page = person.open(project)
    page.get_by_text(reviews[0]).click()
    expect(page.get_by_role("checkbox", name=CHOICE, checked=True)).to_have_count(1)
    return page


def test_an_opened_task_has_the_predicted_choice_filled_in(
    opened_task: Page, project: Project, api: LabelStudioApi
) -> None:
    (prediction,) = api.predictions(project.id)
    (predicted,) = prediction["result"][0]["value"]["choices"]
    expect(opened_task.get_by_role("checkbox", name=predicted)).to_be_checked()
    expect(opened_task.get_by_text(f"{prediction['score']:.2%}")).to_be_visible()


def test_a_filled_in_choice_can_be_submitted_as_it_is(
    opened_task: Page, project: Project, api: LabelStudioApi
) -> None:
    opened_task.get_by_role("button", name="Submit").click()

    expect(opened_task.get_by_text("Update", exact=True)).to_be_visible()
    (prediction,) = api.predictions(project.id)
    (annotation,) = api.open_task(prediction["task"])["annotations"]
    assert annotation["result"][0]["value"] == prediction["result"][0]["value"]


def test_a_task_that_was_imported_with_its_prediction_has_the_choice_filled_in(
    person: Person, api: LabelStudioApi, labeling_interface: str, reviews_file: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.json"
    assert preannotate([str(reviews_file), str(out), "--quiet"]) == 0
    tasks = json.loads(out.read_text(encoding="utf-8"))
    title = "imported with predictions"
    number = api.create_project(title, labeling_interface)
    api.post(f"/api/projects/{number}/import", tasks)
    page = person.open(Project(number, title))
    page.get_by_text(tasks[0]["data"]["review"]).click()

    (predicted,) = tasks[0]["predictions"][0]["result"][0]["value"]["choices"]
    expect(page.get_by_role("checkbox", name=predicted)).to_be_checked()
