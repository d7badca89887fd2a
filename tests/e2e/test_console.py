"""The pages of the server in a browser: try the model, train, roll back, promote."""

import random
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.e2e.pictures import picture
from tests.e2e.servers import Server, run_backend

CREATED = "2026-11-25T19:15:00Z"
PROJECT = "7.1795634100"
INTERFACE = """<View><Text name="text" value="$review"/><Choices name="topic" toName="text">
<Choice value="Sport"/><Choice value="Money"/></Choices></View>"""
PHRASES = {
    "Sport": (
        *("the match", "the coach", "a goal", "the team", "the league", "a new player"),
        *("the race", "a medal", "the stadium", "the referee"),
    ),
    "Money": (
        *("the bank", "a loan", "shares", "profits", "the market", "interest"),
        *("the budget", "a tax", "the price", "the invoice"),
    ),
}
ANNOTATED = 120
TRAINING_MS = 120_000
PAGE_BYTES = 100_000
DREADFUL = "👍 <b>Well</b>\nThe plot is a dreadful mess & no more."


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with run_backend(tmp_path_factory.mktemp("console"), {"SENTIMENT_WORKERS": "2"}) as server:
        yield server


@pytest.fixture
def page(browser: Browser, server: Server) -> Iterator[Page]:
    context = browser.new_context(base_url=server.url, color_scheme="dark")
    page = context.new_page()
    problems: list[str] = []
    page.on("console", lambda message: problems.append(message.text))
    page.on("pageerror", lambda error: problems.append(str(error)))
    yield page
    context.close()
    assert problems == []


def check_accessible(page: Page) -> None:
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        found = Axe().run(page)
        assert found.violations_count == 0, found.generate_report()


def test_the_first_page_says_what_to_paste_into_label_studio(page: Page, server: Server) -> None:
    sizes: list[int] = []
    page.on("response", lambda response: sizes.append(len(response.body())))
    page.goto("/")
    page.wait_for_load_state("networkidle")
    expect(page.get_by_text("Label Studio has not called yet.")).to_be_visible()
    expect(page.get_by_text(server.url, exact=True)).to_be_visible()
    assert 0 < sum(sizes) < PAGE_BYTES
    check_accessible(page)

    httpx.post(f"{server.url}/setup", json={"project": PROJECT, "schema": INTERFACE})
    expect(page.get_by_text("Label Studio has called")).not_to_be_visible()
    page.wait_for_timeout(1500)  # Workers write their metrics once a second.
    page.reload()
    expect(page.get_by_text("Label Studio has called")).to_be_visible()


def test_all_others_than_browsers_get_json_at_the_root(server: Server) -> None:
    for accept in ("*/*", "application/json"):
        answer = httpx.get(server.url, headers={"Accept": accept})
        assert answer.json() == {"status": "UP", "model_class": "SentimentCNN"}


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
def test_a_text_is_classified_with_its_evidence(
    browser: Browser, server: Server, *, scripts: bool
) -> None:
    context = browser.new_context(base_url=server.url, java_script_enabled=scripts)
    page = context.new_page()
    page.goto("/")
    page.get_by_label("Text").fill(DREADFUL)
    page.get_by_label("Text").press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Negative, score")).to_be_visible()
    assert "dreadful" in "".join(page.locator("mark").all_text_contents())
    assert page.locator(".evidence").text_content() == DREADFUL
    if scripts:
        check_accessible(page)
    context.close()


def event(number: int) -> dict[str, Any]:
    topic = ("Sport", "Money")[number % 2]
    words = random.Random(number).sample(PHRASES[topic], 3)
    region = {"from_name": "topic", "to_name": "text", "type": "choices"}
    return {
        "action": "ANNOTATION_CREATED",
        "project": {"id": 7, "created_at": CREATED, "label_config": INTERFACE},
        "task": {"id": number, "data": {"review": f"{words[0]} of {words[1]} and {words[2]}"}},
        "annotation": {
            "id": number,
            "task": number,
            "completed_by": 1 + number % 3,
            "result": [{**region, "value": {"choices": [topic]}}],
            "updated_at": "2026-11-26T09:00:00Z",
        },
    }


def test_a_project_is_trained_rolled_back_and_promoted_under_load(
    page: Page, server: Server
) -> None:
    for number in range(ANNOTATED):
        httpx.post(f"{server.url}/webhook", json=event(number)).raise_for_status()
    page.goto("/")
    page.get_by_role("link", name=PROJECT).click()
    expect(page.get_by_text(f"{ANNOTATED} of {ANNOTATED} annotated tasks are")).to_be_visible()
    expect(page.get_by_text("2: 40")).to_be_hidden()
    page.get_by_text("By annotator").click()
    expect(page.get_by_text("2: 40")).to_be_visible()
    expect(page.get_by_role("button", name="Roll back")).to_be_disabled()
    check_accessible(page)

    page.get_by_role("button", name="Start training").click()
    expect(page.locator("progress")).to_be_visible()
    expect(page.get_by_text("promoted")).to_be_visible(timeout=TRAINING_MS)
    expect(page.get_by_text(f"Learned from {ANNOTATED} tasks")).to_be_visible()
    expect(page.locator("tr").filter(has_text="active")).to_contain_text("% to")
    expect(page.get_by_text("Served by sentiment-cnn")).to_be_visible()
    check_accessible(page)

    stopped, statuses = threading.Event(), []

    def keep_asking() -> None:
        body = {
            "project": PROJECT,
            "label_config": INTERFACE,
            "tasks": [{"id": 1, "data": {"review": "a goal for the team"}}],
        }
        while not stopped.is_set():
            statuses.append(httpx.post(f"{server.url}/predict", json=body).status_code)

    clients = [threading.Thread(target=keep_asking) for _ in range(4)]
    for client in clients:
        client.start()
    try:
        page.get_by_role("button", name="Roll back").click()
        expect(page.get_by_text("by console (back from")).to_be_visible()
        page.get_by_role("button", name="Promote").first.click()
        expect(page.get_by_text("by console (by hand)")).to_be_visible()
    finally:
        stopped.set()
        for client in clients:
            client.join()
    assert len(statuses) > 20
    assert set(statuses) == {200}


def test_a_trained_version_is_tried_beside_the_shipped_one(page: Page, server: Server) -> None:
    trained = httpx.get(f"{server.url}/jobs").json()["jobs"][0]["version"]
    page.goto("/")
    page.get_by_label("Text").fill("a goal for the team")
    page.get_by_label("Beside it").select_option(trained)
    page.get_by_role("button", name="Classify").click()
    expect(page.get_by_text("topic: Sport, score")).to_be_visible()
    expect(page.locator("article")).to_have_count(2)

    page.emulate_media(color_scheme="light")
    page.get_by_label("Text").fill("The plot is a dreadful mess, but the cast is wonderful.")
    page.get_by_label("Beside it").select_option("")
    page.get_by_role("button", name="Classify").click()
    expect(page.locator("mark")).not_to_have_count(0)
    picture(page, "console", viewport=1000, height=800)
    page.goto(f"/console/projects/{PROJECT}")
    picture(page, "console-project", viewport=1100, height=1000)


def test_forms_of_other_sites_change_nothing(server: Server) -> None:
    address = f"{server.url}/console/projects/{PROJECT}/train"
    before = httpx.get(f"{server.url}/jobs").json()
    for headers in (
        {"Sec-Fetch-Site": "cross-site"},
        {"Origin": "https://elsewhere.example"},
        {"Origin": "null"},
        {},
    ):
        answer = httpx.post(address, headers=headers)
        assert answer.status_code == 403
        assert "sent from another site" in answer.text
    assert httpx.get(f"{server.url}/jobs").json() == before


def test_a_text_of_megabytes_is_refused(server: Server) -> None:
    answer = httpx.post(
        f"{server.url}/console/try",
        content=b"text=" + b"a" * 2_000_000,
        headers={"Sec-Fetch-Site": "same-origin"},
    )
    assert answer.status_code == 413


def test_the_api_is_described_in_the_browser(page: Page) -> None:
    page.goto("/docs")
    expect(page.get_by_text("/predict", exact=False).first).to_be_visible()


def test_the_pages_need_the_password_of_the_server(tmp_path: Path) -> None:
    settings = {
        "SENTIMENT_WORKERS": "1",
        "SENTIMENT_BASIC_AUTH_USER": "user",
        "SENTIMENT_BASIC_AUTH_PASSWORD": "secret",
    }
    with run_backend(tmp_path, settings) as server:
        for path in ("/", "/docs", "/console/static/console.css", f"/console/projects/{PROJECT}"):
            headers = {"Accept": "text/html"}
            assert httpx.get(f"{server.url}{path}", headers=headers).status_code == 401
            answer = httpx.get(f"{server.url}{path}", headers=headers, auth=("user", "secret"))
            assert answer.status_code == 200
