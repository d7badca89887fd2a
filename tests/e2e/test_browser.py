"""The actions of a person on Label Studio's web pages, in Chromium."""

import base64
import json
import random
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from adapters.label_studio.events import annotation_of
from adapters.preannotate.cli import main as preannotate
from model_store.learning import behaviour
from model_store.serving.database import connect, sqlite_url
from model_store.serving.deployments import DeploymentLog
from tests.e2e.conftest import StartBackend
from tests.e2e.label_studio_api import LabelStudioApi
from tests.e2e.pictures import picture
from tests.e2e.servers import LabelStudioServer, Server, wait_until

WAIT_MS = 30_000
TASKS = 8
ANNOTATED = 24
TITLE_CHARACTERS = 50  # Label Studio allows no more.
CHOICE = re.compile("Positive|Negative")
COLUMNS_WIDTH = {
    "tasks:predictions_score": 150,
    "tasks:data.review": 730,
}
HIDDEN_COLUMNS = (
    *("completed_at", "created_at", "updated_at", "updated_by", "avg_lead_time", "inner_id"),
    *("annotators", "annotations_results", "annotations_ids", "ground_truth", "draft_exists"),
    *("total_annotations", "cancelled_annotations", "total_predictions", "state"),
    *("predictions_results", "predictions_model_versions", "file_upload", "storage_filename"),
    *("reviewed", "reviewers", "reviews_accepted", "reviews_rejected"),
    *("comment_count", "comment_authors", "unresolved_comment_count", "last_comment_updated_at"),
)
SENTENCES = (
    "A warm and funny film. The cast is wonderful, and I would gladly watch it again.",
    "Two hours of noise. The plot makes no sense, and the jokes are stale.",
    "The music is lovely and the camera work is good, but the ending is a let-down.",
    "Not the masterpiece that the posters promise, yet not a bad evening either.",
    "Brilliant from the first scene to the last.",
    "I wanted to like it. I looked at my watch more often than at the screen.",
    "Slow at first, then so gripping that I missed my train.",
    "The second half is better than the first, which is not hard.",
)


@dataclass(frozen=True)
class Project:
    """A project without a backend."""

    id: int
    title: str


@dataclass(frozen=True)
class Person:
    """A user of Label Studio and their browser."""

    page: Page
    email: str
    password: str

    def open(self, project: Project) -> Page:
        """Log in, and open the project by its name on the first page."""
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
    """A user who is not logged in; a failed test saves a picture in its temporary folder."""
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


def test_a_model_can_be_connected_in_the_settings(
    person: Person, project: Project, backend: StartBackend
) -> None:
    page = person.open(project)

    connect_in_settings(page, backend().url)

    expect(page.get_by_text("Sentiment CNN")).to_be_visible()


def connect_in_settings(page: Page, url: str) -> None:
    page.get_by_role("link", name="Settings", exact=True).click()
    page.get_by_role("link", name="Model", exact=True).click()
    page.get_by_text("Connect Model").click()
    page.get_by_label("Name").fill("Sentiment CNN")
    page.get_by_label("Backend URL").fill(url)
    page.get_by_text("Validate and Save").click()
    expect(page.get_by_text("Connected", exact=True)).to_be_visible()


def test_predictions_are_retrieved_for_all_selected_tasks(
    person: Person, project: Project, api: LabelStudioApi, backend: StartBackend
) -> None:
    api.connect(project.id, backend().url)
    page = person.open(project)
    expect(page.get_by_text("Predictions: 0")).to_be_visible()

    retrieve_all(page)

    expect(page.get_by_text(f"Predictions: {TASKS}")).to_be_visible()


def retrieve_all(page: Page) -> None:
    page.get_by_role("checkbox", name="Select all rows").check()
    page.get_by_role("button", name="Tasks Actions").click()
    page.get_by_text("Retrieve Predictions").click()
    with answered(page, "POST", "/api/dm/actions?id=retrieve_tasks_predictions"):
        page.get_by_role("button", name="Confirm").click()


@contextmanager
def answered(page: Page, method: str, path: str) -> Iterator[None]:
    """Wait until Label Studio has answered a request: a reload before that would cancel it."""
    with page.expect_response(
        lambda response: response.request.method == method and path in response.url
    ) as found:
        yield
    assert found.value.ok


@pytest.fixture
def opinions(api: LabelStudioApi, labeling_interface: str) -> Project:
    """A project of annotated sentences, enough for a training."""
    title = "sentences with annotations"
    number = api.create_project(title, labeling_interface)
    cases = behaviour.suite()[:ANNOTATED]
    api.import_tasks(number, [{"review": case.text} for case in cases])
    for task, case in zip(api.task_ids(number), cases, strict=True):
        value = {"choices": [case.label]}
        region = {"from_name": "sentiment", "to_name": "text", "type": "choices", "value": value}
        api.annotate(task, [region])
    return Project(number, title)


def test_the_score_column_is_filled_and_sorts_after_the_steps_of_the_readme_and_a_training(
    person: Person,
    opinions: Project,
    api: LabelStudioApi,
    backend: StartBackend,
    label_studio: LabelStudioServer,
) -> None:
    server = backend(
        LABEL_STUDIO_URL=label_studio.url,
        LABEL_STUDIO_API_KEY=label_studio.token,
        SENTIMENT_WORKERS="1",
    )
    page = person.open(opinions)
    page.set_viewport_size({"width": 1400, "height": 2600})  # The page draws visible rows only.
    connect_in_settings(page, server.url)
    page.goto(f"/projects/{opinions.id}/data")
    retrieve_all(page)
    # The page saves its tab after each choice, the whole of it: one at a time.
    page.get_by_role("button", name="Columns").click()
    with answered(page, "PATCH", "/api/dm/views/"):
        page.get_by_text("Prediction score", exact=True).click()
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Order by").click()
    with answered(page, "PATCH", "/api/dm/views/"):
        page.get_by_text("Prediction score", exact=True).last.click()
    shipped = version_of(api, opinions)
    wait_for_scores(page, stored_scores(api, opinions, shipped))

    train(api, server, opinions)
    trained = version_of(api, opinions)
    assert trained != shipped
    wait_for_scores(page, stored_scores(api, opinions, shipped))
    retrieve_all(page)
    wait_for_scores(page, stored_scores(api, opinions, trained))


def version_of(api: LabelStudioApi, project: Project) -> str:
    """Return the version that the backend names for the project."""
    (connected,) = api.get("/api/ml/", project=project.id)
    version: str = connected["model_version"]
    return version


def train(api: LabelStudioApi, server: Server, project: Project) -> None:
    """Press Start Training, and promote the new version, whatever the gate says of it."""
    (connected,) = api.get("/api/ml/", project=project.id)
    api.post(f"/api/ml/{connected['id']}/train")
    job: dict[str, Any] = {}

    def ended() -> bool:
        job.update(httpx.get(f"{server.url}/jobs").json()["jobs"][0])
        return job["state"] not in ("queued", "running")

    wait_until(ended, "the training does not end", seconds=120)
    before = version_of(api, project)
    if job["state"] == "refused":
        log = DeploymentLog(connect(sqlite_url(server.data)))
        log.activate(job["project"], job["version"], by="test")
    assert job["version"], job["reasons"]
    wait_until(lambda: version_of(api, project) in (job["version"], before), "no change")
    wait_until(lambda: version_of(api, project) == job["version"], "the old version serves")


def stored_scores(api: LabelStudioApi, project: Project, version: str) -> dict[str, float]:
    """Return the scores of a version by text, lowest first."""
    texts = {task: api.open_task(task)["data"]["review"] for task in api.task_ids(project.id)}
    found = [item for item in api.predictions(project.id) if item["model_version"] == version]
    found.sort(key=lambda item: item["score"])
    scores = {texts[item["task"]]: item["score"] for item in found}
    assert len(scores) == ANNOTATED
    return scores


def wait_for_scores(page: Page, expected: Mapping[str, float]) -> None:
    """Reload the page until it shows these scores in this order; that takes a second or two."""

    def are_shown() -> bool:
        page.reload()
        expect(page.get_by_text(next(iter(expected)), exact=True)).to_be_visible()
        shown = shown_scores(page, expected)
        as_expected = pytest.approx(list(expected.values()), abs=0.0006)
        return list(shown) == list(expected) and list(shown.values()) == as_expected

    wait_until(are_shown, "the score column is blank, stale or not sorted", poll=0.5)


def shown_scores(page: Page, texts: Collection[str]) -> dict[str, float]:
    """Return the cell left of each text, its score, in the order of the page; -1 if it is blank."""
    rows = page.locator(".lsf-table-row").evaluate_all(
        "rows => rows.map(row => [...row.children].map(cell => cell.textContent.trim()))"
    )
    return {
        cell: float(row[at - 1] or -1)
        for row in rows
        for at, cell in enumerate(row)
        if cell in texts
    }


@pytest.fixture
def opened_task(
    person: Person,
    project: Project,
    api: LabelStudioApi,
    backend: StartBackend,
    reviews: list[str],
) -> Page:
    """The labeling screen of the first task, after its choice was filled in."""
    api.connect(project.id, backend().url)
    page = person.open(project)
    page.get_by_text(reviews[0]).click()
    expect(page.get_by_role("checkbox", name=CHOICE, checked=True)).to_have_count(1)
    return page


def test_opening_a_task_fills_in_the_predicted_choice(
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


def test_an_imported_prediction_fills_in_the_choice(
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


def choices(text: str, attributes: str = "") -> str:
    """Return a labeling config with Positive and Negative for this Text object."""
    return (
        f'<View>{text}<Choices name="sentiment" toName="text" {attributes}>'
        '<Choice value="Positive"/><Choice value="Negative"/></Choices></View>'
    )


CONFIGS: dict[str, tuple[str, dict[str, Any], list[str | list[str]]]] = {
    "nested choices": (
        choices('<Text name="text" value="$review"/>', 'allowNested="true"'),
        {"review": SENTENCES[0]},
        [["Positive"]],
    ),
    "an encoded text": (
        choices('<Text name="text" value="$review" encoding="base64"/>'),
        {"review": base64.b64encode(SENTENCES[0].encode()).decode()},
        ["Positive"],
    ),
    "an index": (
        choices('<Text name="text" value="$items[1].body"/>'),
        {"items": [{"body": SENTENCES[1]}, {"body": SENTENCES[0]}]},
        ["Positive"],
    ),
    "a text around a field": (
        choices('<Text name="text" value="Review: $review"/>'),
        {"review": SENTENCES[0]},
        ["Positive"],
    ),
}


def test_the_editor_shows_the_classified_text_and_ticks_and_stores_the_prediction(
    person: Person, api: LabelStudioApi, project: Project, backend: StartBackend
) -> None:
    page = person.open(project)  # Once: logging in takes longer than the rest.
    for name, (config, data, stored) in CONFIGS.items():
        # Label Studio would not import a task without the field "items[1].body".
        number = api.create_project(name, "<View/>")
        api.import_tasks(number, [data])
        api.patch(f"/api/projects/{number}/", {"label_config": config})
        api.connect(number, backend().url)
        (task,) = api.task_ids(number)
        page.goto(f"/projects/{number}/data?task={task}")

        expect(page.get_by_text(re.compile(f"{re.escape(SENTENCES[0])}$")).last).to_be_visible()
        expect(page.get_by_role("checkbox", name=re.compile("Positive"))).to_be_checked()
        page.get_by_role("button", name="Submit").click()
        expect(page.get_by_text("Update", exact=True)).to_be_visible()
        (annotation,) = api.open_task(task)["annotations"]
        (region,) = annotation["result"]
        assert region["value"]["choices"] == stored, name


KINDS = """
<View>
  <Text name="text" value="$review"/>
  <Choices name="topic" toName="text">
    <Choice value="Sport"/><Choice value="Money"/><Choice value="Health"/><Choice value="Travel"/>
  </Choices>
  <Choices name="tags" toName="text" choice="multiple">
    <Choice value="Urgent"/><Choice value="Refund"/><Choice value="Question"/>
  </Choices>
  <Taxonomy name="part" toName="text">
    <Choice value="Device"><Choice value="Battery"/><Choice value="Screen"/></Choice>
    <Choice value="Service"/>
  </Taxonomy>
  <Rating name="stars" toName="text" maxRating="4"/>
  <Choices name="tone" toName="text">
    <Choice value="Positive"/><Choice value="Negative"/><Choice value="Neutral"/>
  </Choices>
</View>
"""
PHRASES: dict[str, dict[Any, tuple[str, ...]]] = {
    "topic": {
        "Sport": ("the match and the coach", "a goal for the team", "the league has a new player"),
        "Money": ("the bank and its loan", "shares and profits fell", "the market pays interest"),
        "Health": (
            "the doctor and the nurse",
            "a vaccine in hospital",
            "patients wait for surgery",
        ),
        "Travel": (
            "the flight to the island",
            "a hotel near the beach",
            "the train and the luggage",
        ),
    },
    "tags": {
        "Urgent": ("answer at once, please", "this is urgent", "hurry, there is no time"),
        "Refund": ("give me my money back", "I want a refund", "refund the whole price"),
        "Question": ("can you tell me why?", "what does that mean?", "how do I do this?"),
    },
    "part": {
        ("Device", "Battery"): (
            "the battery is empty",
            "charging takes hours",
            "low battery again",
        ),
        ("Device", "Screen"): ("the screen is cracked", "the display is dark", "a dim screen"),
        ("Service",): ("nobody picks up the phone", "the staff were there", "support replied"),
    },
    "stars": {
        1: ("worst of all, one star", "hopeless in every way"),
        2: ("rather weak on the whole", "two stars at most"),
        3: ("good enough, three stars", "fine on the whole"),
        4: ("perfect, full marks", "four stars, best of all"),
    },
    "tone": {
        "Positive": ("I love it, wonderful", "a superb and lovely thing"),
        "Negative": ("I hate it, terrible", "an awful and boring thing"),
        "Neutral": ("it arrived on a Tuesday", "the box is grey and square"),
    },
}
REGIONS: dict[str, Callable[[Any], tuple[str, Any]]] = {
    "topic": lambda answer: ("choices", [answer]),
    "tags": lambda answer: ("choices", answer),
    "part": lambda answer: ("taxonomy", [list(answer)]),
    "stars": lambda answer: ("rating", answer),
    "tone": lambda answer: ("choices", [answer]),
}
KINDS_ANNOTATED, KINDS_LEFT = 120, 20


def task_of_kinds(chooser: random.Random) -> tuple[str, dict[str, Any]]:
    """Return a text, and the values of its regions by control; a control without one has none."""
    answers: dict[str, Any] = {
        name: chooser.choice(list(phrases)) for name, phrases in PHRASES.items() if name != "tags"
    }
    answers["tags"] = [tag for tag in PHRASES["tags"] if chooser.random() < 0.4]
    parts = [
        chooser.choice(PHRASES[name][each])
        for name, answer in answers.items()
        for each in (answer if name == "tags" else [answer])
    ]
    chooser.shuffle(parts)
    values = {}
    for name, answer in answers.items():
        kind, value = REGIONS[name](answer)
        if value:
            values[name] = {kind: value}
    return ". ".join(parts), values


def regions_of(values: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {"from_name": name, "to_name": "text", "type": next(iter(value)), "value": value}
        for name, value in values.items()
    ]


def values_of(regions: Collection[Mapping[str, Any]]) -> dict[str, Any]:
    return {region["from_name"]: region["value"] for region in regions}


def test_every_kind_of_control_is_learned_and_its_prediction_ticked_and_stored_by_the_editor(
    person: Person, api: LabelStudioApi, backend: StartBackend
) -> None:
    chooser = random.Random(0)
    tasks = [task_of_kinds(chooser) for _ in range(KINDS_ANNOTATED + KINDS_LEFT)]
    server = backend()
    project = Project(api.create_project("every kind", KINDS), "every kind")
    api.import_tasks(project.id, [{"review": text} for text, _ in tasks])
    api.connect(project.id, server.url)
    numbers = api.task_ids(project.id)
    expected = dict(zip(numbers, (values for _, values in tasks), strict=True))

    api.retrieve_predictions(project.id, numbers[-1:])
    (first,) = api.predictions(project.id)
    assert set(values_of(first["result"])) == {"tone"}, "the model knows two of its three labels"

    for number in numbers[:KINDS_ANNOTATED]:
        api.annotate(number, regions_of(expected[number]))
    train(api, server, project)
    version = version_of(api, project)
    api.retrieve_predictions(project.id, numbers[KINDS_ANNOTATED:])
    found = {
        item["task"]: values_of(item["result"])
        for item in api.predictions(project.id)
        if item["model_version"] == version
    }
    assert set(found) == set(numbers[KINDS_ANNOTATED:])
    for name in PHRASES:
        right = sum(values.get(name) == expected[task].get(name) for task, values in found.items())
        assert right >= 0.75 * KINDS_LEFT, name

    task = next(task for task, values in found.items() if set(values) == set(PHRASES))
    page = person.open(project)
    page.goto(f"/projects/{project.id}/data?task={task}")
    for name in ("topic", "tags", "tone"):
        for choice in found[task][name]["choices"]:
            expect(page.get_by_role("checkbox", name=choice)).to_be_checked()
    (path,) = found[task]["part"]["taxonomy"]
    expect(page.get_by_text(path[-1], exact=True)).to_be_visible()
    stars = page.get_by_role("radiogroup").get_by_role("radio", checked=True)
    expect(stars).to_have_count(found[task]["stars"]["rating"])
    page.get_by_role("button", name="Submit").click()
    expect(page.get_by_text("Update", exact=True)).to_be_visible()
    (annotation,) = api.open_task(task)["annotations"]
    assert values_of(annotation["result"]) == found[task]


EVIDENCE = """
<View>
  <{shows} name="text" value="$review"/>
  <{tag} name="evidence" toName="text">
    <Label value="Positive" background="green"/><Label value="Negative" background="red"/>
  </{tag}>
  <Choices name="sentiment" toName="text">
    <Choice value="Positive"/><Choice value="Negative"/>
  </Choices>
</View>
"""
DREADFUL = "👍👍 One 😀 line.\r\nThe plot is a dreadful, boring mess &amp; 👍 no more."
MARKUP = """
<p>👍👍 One 😀 <b>li</b>ne.<br/>Tom &amp; &#128077;</p>\r
<style>p {}</style>
<p>The plot is a <i>dread</i>ful, boring mess.</p>
"""
WITH_EVIDENCE = {
    "Text": ("Labels", DREADFUL),
    "HyperText": ("HyperTextLabels", MARKUP),
}


def highlighted(page: Page) -> str:
    """Return the highlighted words of the text, also if that is in a frame."""
    words = []
    for frame in page.frames:
        words += frame.locator(".htx-highlight").all_text_contents()
    return "".join(words)


@pytest.mark.parametrize("shows", WITH_EVIDENCE)
def test_the_editor_highlights_the_words_that_speak_for_a_prediction(
    person: Person, api: LabelStudioApi, backend: StartBackend, shows: str
) -> None:
    tag, review = WITH_EVIDENCE[shows]
    number = api.create_project(f"evidence in {shows}", EVIDENCE.format(shows=shows, tag=tag))
    api.import_tasks(number, [{"review": review}, {"review": "A lovely film."}])
    api.connect(number, backend().url)
    page = person.open(Project(number, f"evidence in {shows}"))
    page.get_by_text("A lovely film.").wait_for()
    retrieve_all(page)
    retrieve_all(page)

    predictions = api.predictions(number)
    assert len(predictions) == 2, "one for each task"
    task = api.task_ids(number)[0]
    page.goto(f"/projects/{number}/data?task={task}")
    expect(page.get_by_role("checkbox", name="Negative", checked=True)).to_have_count(1)
    wait_until(lambda: "mess" in highlighted(page), what="the words are highlighted")
    (prediction,) = (item for item in predictions if item["task"] == task)
    evidence = [region for region in prediction["result"] if region["type"] != "choices"]
    assert highlighted(page) == "".join(region["value"]["text"] for region in evidence)
    assert "dreadful" in highlighted(page)

    if shows == "Text":
        picture(page, "evidence", viewport=700, height=420)
    page.get_by_role("button", name="Submit").click()
    expect(page.get_by_text("Update", exact=True)).to_be_visible()
    (annotation,) = api.open_task(task)["annotations"]
    stored = [region for region in annotation["result"] if region["type"] != "choices"]
    assert [region["value"]["text"] for region in stored] == [
        region["value"]["text"] for region in evidence
    ]
    answers = {"sentiment": ("Negative",)}
    assert annotation_of(annotation, task).answers == answers, "evidence is no answer"


def test_extra_params_can_be_typed_into_the_page(
    person: Person, project: Project, backend: StartBackend
) -> None:
    page = person.open(project)
    page.goto(f"/projects/{project.id}/settings/ml")
    page.get_by_text("Connect Model").click()
    page.get_by_label("Name").fill("Sentiment CNN")
    page.get_by_label("Backend URL").fill(backend().url)
    page.locator("[name=extra_params]").fill('{"models": ["sentiment-cnn:typed"]}')
    page.get_by_text("Validate and Save").click()
    expect(page.get_by_text("Connected", exact=True)).to_be_visible()

    assert 'version "sentiment-cnn:typed" does not exist' in backend().read_log()


@pytest.fixture(scope="module")
def predicted(api: LabelStudioApi, labeling_interface: str, backend: StartBackend) -> Project:
    """A project with a prediction for each of our sentences."""
    title = "Reviews of films"
    project = Project(api.create_project(title, labeling_interface), title)
    api.import_tasks(project.id, [{"review": text} for text in SENTENCES])
    api.connect(project.id, backend().url)
    api.retrieve_predictions(project.id)
    versions = {item["model_version"] for item in api.predictions(project.id)}
    assert len(versions) == 1
    # Otherwise the column of scores is blank: see docs/label-studio.md.
    api.patch(f"/api/projects/{project.id}", {"model_version": versions.pop()})
    return project


def test_the_editor_shows_the_prediction_of_a_task(person: Person, predicted: Project) -> None:
    page = person.open(predicted)
    page.get_by_text(SENTENCES[0]).click()
    expect(page.get_by_role("checkbox", name="Positive", checked=True)).to_have_count(1)

    picture(page, "editor", viewport=560, height=302)


def test_the_data_manager_sorts_tasks_by_the_score_of_their_prediction(
    person: Person, api: LabelStudioApi, predicted: Project
) -> None:
    hidden = [f"tasks:{column}" for column in HIDDEN_COLUMNS]
    tab = api.post(
        "/api/dm/views/",
        {
            "project": predicted.id,
            "data": {
                "title": "Least certain first",
                "type": "list",
                "target": "tasks",
                "ordering": ["tasks:predictions_score"],
                "filters": {"conjunction": "and", "items": []},
                "hiddenColumns": {"explore": hidden, "labeling": hidden},
                "columnsWidth": COLUMNS_WIDTH,
            },
        },
    )
    scores = {item["task"]: item["score"] for item in api.predictions(predicted.id)}
    least, most = min(scores, key=scores.__getitem__), max(scores, key=scores.__getitem__)
    page = person.open(predicted)
    page.goto(f"/projects/{predicted.id}/data?tab={tab['id']}")
    texts = dict(zip(api.task_ids(predicted.id), SENTENCES, strict=True))
    first, last = page.get_by_text(texts[least]), page.get_by_text(texts[most])
    expect(first).to_be_visible()
    expect(last).to_be_visible()
    picture(page, "scores", viewport=790, height=790)
    above, below = first.bounding_box(), last.bounding_box()
    assert above
    assert below
    assert above["y"] < below["y"]
