"""The real servers of these tests. Each starts once, when the first test asks for it."""

import csv
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, Protocol

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.e2e.label_studio_api import LabelStudioApi
from tests.e2e.servers import (
    LABEL_STUDIO_VENV,
    ROOT,
    LabelStudioServer,
    Server,
    run_backend,
    run_label_studio,
)

EXAMPLES = ROOT / "examples"
TIMEOUT_SECONDS = 480
"""Time limit of a test, its servers' start included; Label Studio's first start takes minutes."""

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


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.e2e)
            item.add_marker(pytest.mark.timeout(TIMEOUT_SECONDS))


class StartBackend(Protocol):
    """Return our server with these environment variables; start it if it does not run yet."""

    def __call__(self, **settings: str) -> Server: ...


@dataclass(frozen=True)
class Project:
    """A Label Studio project with tasks and a connection to our backend."""

    id: int
    backend: Any
    """The backend as Label Studio's API describes it."""
    tasks: list[int]


class ConnectProject(Protocol):
    """Create a project of these reviews (default: five) and connect a backend to it."""

    def __call__(
        self, server: Server, texts: Sequence[Any] | None = None, **settings: Any
    ) -> Project: ...


def unavailable(reason: str) -> NoReturn:
    """Skip the test, or fail it where it must be able to run."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def backend(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartBackend]:
    with ExitStack() as servers:
        running: dict[frozenset[tuple[str, str]], Server] = {}

        def start(**settings: str) -> Server:
            complete = {"SENTIMENT_WORKERS": "2", **settings}
            key = frozenset(complete.items())
            if key not in running:
                directory = tmp_path_factory.mktemp("backend")
                running[key] = servers.enter_context(run_backend(directory, complete))
            return running[key]

        yield start


@pytest.fixture(scope="session")
def label_studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabelStudioServer]:
    if not (LABEL_STUDIO_VENV / ".ready").exists():
        unavailable(f"no {LABEL_STUDIO_VENV.name}: `make e2e` installs Label Studio there")
    with run_label_studio(tmp_path_factory.mktemp("label-studio")) as server:
        yield server


@pytest.fixture(scope="session")
def api(label_studio: LabelStudioServer) -> Iterator[LabelStudioApi]:
    with LabelStudioApi(label_studio) as client:
        yield client


@pytest.fixture(scope="session")
def personal_token(api: LabelStudioApi) -> str:
    """A personal access token of the user."""
    token: str = api.post("/api/token/")["token"]
    return token


@pytest.fixture(scope="session")
def labeling_interface() -> str:
    return (EXAMPLES / "labeling_interface.xml").read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def reviews_file() -> Path:
    return EXAMPLES / "reviews.csv"


@pytest.fixture(scope="session")
def reviews(reviews_file: Path) -> list[str]:
    with reviews_file.open(encoding="utf-8", newline="") as lines:
        return [row["review"] for row in csv.DictReader(lines)]


@pytest.fixture
def connect_project(
    api: LabelStudioApi, labeling_interface: str, reviews: list[str]
) -> ConnectProject:
    def connect(server: Server, texts: Sequence[Any] | None = None, **settings: Any) -> Project:
        project = api.create_project("Film reviews", labeling_interface)
        api.import_tasks(project, [{"review": text} for text in texts or reviews[:5]])
        return Project(project, api.connect(project, server.url, **settings), api.task_ids(project))

    return connect


@pytest.fixture(scope="module")  # asyncio.run fails while it is open
def browser() -> Iterator[Browser]:
    program = next((found for name in PROGRAMS if (found := shutil.which(name))), None)
    if program is None:
        unavailable(f"no Chromium: none of {', '.join(PROGRAMS)} is installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=ARGUMENTS)
        yield browser
        browser.close()
