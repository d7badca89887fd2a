"""The annotation budget with a real Label Studio: what to label, to review, and to accept."""

import random
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import httpx2 as httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from model_store.serving.database import connect, sqlite_url
from model_store.serving.deployments import DeploymentLog
from tests.e2e.conftest import StartBackend
from tests.e2e.label_studio_api import LabelStudioApi
from tests.e2e.pictures import picture
from tests.e2e.servers import LabelStudioServer, Server, wait_until
from tests.e2e.test_preannotate_project import Command

INTERFACE = (
    '<View><Text name="text" value="$text"/><Choices name="kind" toName="text">'
    '<Choice value="Praise"/><Choice value="Complaint"/></Choices></View>'
)
OTHER = {"Praise": "Complaint", "Complaint": "Praise"}
WORDS = {
    "Praise": ("quick", "friendly", "solid", "lovely", "helpful", "bright", "sturdy", "clean"),
    "Complaint": ("slow", "rude", "broken", "awful", "useless", "dim", "flimsy", "dirty"),
}
THINGS = ("delivery", "staff", "handle", "screen", "box", "lamp", "chair", "room", "cable", "menu")
ANNOTATED, FLIPPED, LOOKED_AT = 500, 25, 50
POOL = 200
TRAINING_SECONDS = 200
SECONDS_EACH = 9
WAIT_MS = 30_000


@dataclass
class Team:
    """People who annotate a project, and know the truth."""

    api: LabelStudioApi
    server: Server
    preannotate: Command
    number: int
    truth: dict[str, str]

    @property
    def key(self) -> str:
        return str(self.jobs()[0]["project"])

    def jobs(self) -> list[Any]:
        answer = httpx.get(f"{self.server.url}/jobs", params={"project": self.number})
        return list(answer.json()["jobs"])

    def says(self, task: Any) -> str:
        return self.truth[task["data"]["text"]]

    def annotate(self, task: int, answer: str) -> None:
        body = {"result": [region(answer)], "lead_time": SECONDS_EACH}
        self.api.post(f"/api/tasks/{task}/annotations/", body)

    def train(self) -> Any:
        (backend,) = self.api.get("/api/ml/", project=self.number)
        self.api.post(f"/api/ml/{backend['id']}/train")
        wait_until(
            lambda: self.jobs()[0]["state"] not in ("queued", "running"),
            "the training did not end",
            seconds=TRAINING_SECONDS,
        )
        job = self.jobs()[0]
        assert job["state"] == "promoted", job["reasons"]
        return job

    def tasks(self, **of: Any) -> list[Any]:
        query: dict[str, Any] = {"project": self.number, "page_size": 1000, "fields": "all", **of}
        return list(self.api.get("/api/tasks/", **query)["tasks"])

    def tab(self, title: str) -> int:
        views = self.api.get("/api/dm/views/", project=self.number)
        (found,) = [view["id"] for view in views if view["data"]["title"] == title]
        return int(found)

    def __call__(self, verb: str, *arguments: str) -> str:
        return self.preannotate(
            verb, str(self.number), *arguments, SENTIMENT_DATA_DIR=str(self.server.data)
        )


def region(answer: str) -> dict[str, Any]:
    value = {"choices": [answer]}
    return {"from_name": "kind", "to_name": "text", "type": "choices", "value": value}


MakeTeam = Callable[[str, int, int], Team]


@pytest.fixture
def team(
    api: LabelStudioApi,
    backend: StartBackend,
    label_studio: LabelStudioServer,
    preannotate: Command,
) -> MakeTeam:
    """Return a function that makes a project with annotated tasks and others."""
    server = backend(
        LABEL_STUDIO_URL=label_studio.url,
        LABEL_STUDIO_API_KEY=label_studio.token,
        SENTIMENT_WORKERS="1",
    )

    def make(title: str, annotated: int, others: int) -> Team:
        dice = random.Random(5)
        truth: dict[str, str] = {}
        while len(truth) < annotated + others:
            label = dice.choice(list(WORDS))
            words, things = dice.sample(WORDS[label], 2), dice.sample(THINGS, 2)
            order = dice.randrange(10**6)
            text = f"The {things[0]} was {words[0]}, the {things[1]} {words[1]}, order {order}."
            truth[text] = label
        number = api.create_project(title, INTERFACE)
        tasks: list[Any] = [{"data": {"text": text}} for text in truth]
        for place, task in enumerate(tasks[:annotated]):
            label = truth[task["data"]["text"]]
            wrong = place % (annotated // FLIPPED) == 0 if annotated else False
            task["annotations"] = [{"result": [region(OTHER[label] if wrong else label)]}]
        api.post(f"/api/projects/{number}/import", tasks)
        api.connect(number, server.url)
        return Team(api, server, preannotate, number, truth)

    return make


@pytest.fixture
def preannotate(label_studio: LabelStudioServer, tmp_path: Any) -> Command:
    return Command(label_studio, tmp_path)


@pytest.fixture
def page(browser: Browser, label_studio: LabelStudioServer) -> Iterator[Page]:
    """A page of a user who is logged in."""
    context = browser.new_context(
        base_url=label_studio.url, viewport={"width": 1400, "height": 900}
    )
    context.set_default_timeout(WAIT_MS)
    expect.set_options(timeout=WAIT_MS)
    opened = context.new_page()
    opened.goto("/user/login")
    opened.locator("input[name=email]").fill(label_studio.email)
    opened.locator("input[name=password]").fill(label_studio.password)
    opened.get_by_role("button", name="Log in").click()
    opened.wait_for_url(re.compile(r"/(projects)?/?$"))
    yield opened
    context.close()


def test_the_label_stream_begins_with_what_teaches_most(team: MakeTeam, page: Page) -> None:
    tagged = team("Which next", 0, 90)
    before = tagged.api.get(f"/api/projects/{tagged.number}/")["sampling"]
    assert "Nothing was changed" in tagged("active")
    assert tagged.api.predictions(tagged.number) == []

    tagged("active", "--do")
    served = [solve_next(tagged) for _ in range(24)]
    assert len({cluster for cluster, _ in served[:20]}) == 20, "one of each cluster"
    assert [score for _, score in served[:20]] == [0.0] * 20, "the medoids"

    job = tagged.train()
    said = tagged("active", "--do")
    assert f'becomes "{job["version"]}"' in said
    assert "90 tasks get a prediction" in said
    project = tagged.api.get(f"/api/projects/{tagged.number}/")
    assert (project["sampling"], project["model_version"]) == (
        "Uncertainty sampling",
        job["version"],
    )
    for _ in range(3):
        expected = least_certain_of_the_least_solved(tagged, job["version"])
        found = tagged.api.get(f"/api/projects/{tagged.number}/next")
        assert found["id"] == expected["id"]
        tagged.annotate(found["id"], tagged.says(found))
    page.goto(f"/projects/{tagged.number}/data")
    page.get_by_role("button", name="Label All Tasks").click()
    for number in range(27, 30):
        wait_until(lambda: solved_tasks(tagged) == number, "the annotation is not stored")  # noqa: B023
        expected = least_certain_of_the_least_solved(tagged, job["version"])
        expect(page.get_by_text(expected["data"]["text"]).first).to_be_visible()
        page.get_by_role("button", name="Submit current annotation").click()
    wait_until(lambda: solved_tasks(tagged) == 30, "the last annotation is not stored")
    tab = tagged.tasks(view=tagged.tab("Label next"))
    scores = [score_of(task, job["version"]) for task in tab]
    assert scores == sorted(scores)
    assert len(tab) == 90 - 30

    again = tagged("active", "--do")
    assert "0 tasks get a prediction, 0 a cluster" in again
    assert f'Sampling is "{before}" again.' in tagged("active", "--undo")
    assert tagged.api.get(f"/api/projects/{tagged.number}/")["sampling"] == before
    assert {each["model_version"] for each in tagged.api.predictions(tagged.number)} == {
        job["version"]
    }
    assert "Nothing to undo" in tagged("active", "--undo")


def solved_tasks(tagged: Team) -> int:
    return sum(bool(task["total_annotations"]) for task in tagged.tasks())


def solve_next(tagged: Team) -> tuple[int, float]:
    """Annotate the next task of the stream; return its cluster and score."""
    task = tagged.api.get(f"/api/projects/{tagged.number}/next")
    (prediction,) = (
        each for each in tagged.api.predictions(tagged.number) if each["task"] == task["id"]
    )
    tagged.annotate(task["id"], tagged.says(task))
    return prediction["cluster"], prediction["score"]


def least_certain_of_the_least_solved(tagged: Team, version: str) -> Any:
    """Return the task that the stream should serve."""
    tasks = tagged.tasks()
    cluster_of = {
        task["id"]: max(p["cluster"] for p in task["predictions"] if p["cluster"] is not None)
        for task in tasks
    }
    solved = Counter(cluster_of[task["id"]] for task in tasks if task["total_annotations"])
    left = [task for task in tasks if not task["total_annotations"]]
    return min(left, key=lambda task: (solved[cluster_of[task["id"]]], score_of(task, version)))


def score_of(task: Any, version: str) -> float:
    return next(float(p["score"]) for p in task["predictions"] if p["model_version"] == version)


@pytest.mark.timeout(900)  # three trainings, and 700 tasks in Label Studio
def test_wrong_annotations_are_reviewed_and_sure_predictions_accepted(
    team: MakeTeam, page: Page
) -> None:
    tagged = team("Budget", ANNOTATED, POOL)
    for task in [task for task in tagged.tasks() if not task["total_annotations"]][:5]:
        tagged.annotate(task["id"], tagged.says(task))
    job = tagged.train()
    before = job["metrics"]["kind"]["metrics"]["candidate"]["accuracy"]

    suspects = httpx.get(f"{tagged.server.url}/projects/{job['project']}/suspects").json()
    assert len(suspects["suspects"]) >= 20
    assert "Nothing was changed" in tagged("review")
    tagged("review", "--do")
    tab = tagged.tasks(view=tagged.tab("Suspects"))
    marks = [task["data"]["review_suspect"] for task in tab]
    assert marks == sorted(marks, reverse=True), "worst first"
    wrong = [task for task in tab[:LOOKED_AT] if said_of(task) != tagged.says(task)]
    assert len(wrong) >= 20
    assert all(task["data"]["review_suggestion"] == f"kind: {tagged.says(task)}" for task in wrong)
    status = tagged("status")
    assert f"review {len(tab)} suspects, 0 disputed." in status
    assert re.match(r"98 % on all 700: label [\d,]+ more \(\d+ min\)", status)

    job = reviewed(tagged, page, tab, wrong)
    assert job["metrics"]["kind"]["metrics"]["candidate"]["accuracy"] > before
    created, audit = accepted_and_audited(tagged, page)
    contradicted(tagged, created, audit)


def reviewed(tagged: Team, page: Page, tab: Sequence[Any], wrong: Sequence[Any]) -> Any:
    """Confirm one suspect, correct the others, and train; return the job."""
    confirmed, corrected = tab[0], next(task for task in tab[1:] if task in wrong)
    page.goto(f"/projects/{tagged.number}/data?tab={tagged.tab('Suspects')}")
    expect(page.get_by_text(corrected["data"]["text"]).first).to_be_visible()
    picture(page, "suspects", viewport=700, height=480)
    update(page, tagged, confirmed["id"], None)
    update(page, tagged, corrected["id"], tagged.says(corrected))
    wait_until(
        lambda: not marked(tagged, confirmed["id"]) and not marked(tagged, corrected["id"]),
        "the reviewed tasks keep their marks",
    )
    for task in wrong:
        if task["id"] not in (confirmed["id"], corrected["id"]):
            (annotation,) = tagged.api.open_task(task["id"])["annotations"]
            body = {"result": [region(tagged.says(task))], "lead_time": 4}
            tagged.api.patch(f"/api/annotations/{annotation['id']}/", body)
    wait_until(
        lambda: len(tagged.tasks(view=tagged.tab("Suspects"))) == len(tab) - len(wrong),
        "corrected tasks stay in the tab",
    )

    job = tagged.train()
    report = job["metrics"]["kind"]
    assert report["corrections"]["corrections"] == len(wrong) - 1
    assert any("annotations were corrected" in reason for reason in job["reasons"])
    left = httpx.get(f"{tagged.server.url}/projects/{job['project']}/suspects").json()["suspects"]
    assert confirmed["id"] not in {each["task"] for each in left}, "it was confirmed"
    return job


def accepted_and_audited(tagged: Team, page: Page) -> tuple[int, list[Any]]:
    """Accept predictions; return the number of annotations, and the tasks of the audit."""
    would = tagged("accept", "--max-error", "2%", "--confidence", "95%")
    assert "Nothing was changed: --do accepts them" in would
    done = tagged("accept", "--max-error", "2%", "--do")
    created, audited = map(int, re.findall(r"(\d+) annotations were created, and (\d+)", done)[0])
    accepted = [task for task in tagged.tasks() if is_accepted(task)]
    assert len(accepted) == created > 0
    errors = sum(said_of(task) != tagged.says(task) for task in accepted)
    assert errors / created <= 0.02
    audit = tagged.tasks(view=tagged.tab("Audit"))
    assert len(audit) == audited > 0
    page.goto(f"/projects/{tagged.number}/data?tab={tagged.tab('Audit')}")
    expect(page.get_by_text(audit[0]["data"]["text"]).first).to_be_visible()
    budget = httpx.get(f"{tagged.server.url}/projects/{tagged.key}/budget").json()
    assert budget["annotated"] == 505, "what was accepted is no annotation of a person"
    assert "promised at most 2 % wrong; of 0 audited tasks 0 are" in tagged("accept")
    return created, audit


def contradicted(tagged: Team, created: int, audit: Sequence[Any]) -> None:
    """Let the audit contradict the promise: the same command withdraws what it accepted."""
    changed = next(task for task in tagged.tasks() if is_accepted(task))
    (annotation,) = changed["annotations"]
    body = {"result": [region(OTHER[said_of(changed)])], "lead_time": 3}
    tagged.api.patch(f"/api/annotations/{annotation['id']}/", body)
    for place, task in enumerate(audit):
        answer = tagged.says(task)
        tagged.annotate(task["id"], OTHER[answer] if place < 8 else answer)
    job = tagged.train()
    assert any("which contradicts it" in reason for reason in job["reasons"])
    assert "Nothing was changed: --do withdraws" in tagged("accept")
    said = tagged("accept", "--do")
    assert f"Withdrawn: {created - 1} annotations are deleted, and 1 that people changed" in said
    assert sum(is_accepted(task) for task in tagged.tasks()) == 1
    engine = connect(sqlite_url(tagged.server.data))
    log = DeploymentLog(engine).since(0)
    engine.dispose()
    reasons = [each.reason for each in log if each.changed_by == "preannotate accept"]
    assert len(reasons) == 2
    assert "predictions accepted, at most 2 % wrong" in reasons[0]
    assert "withdrawn" in reasons[1]
    assert "The tabs are gone" in tagged("review", "--undo")
    assert not any("review_suspect" in task["data"] for task in tagged.tasks())


def said_of(task: Any) -> str:
    return str(task["annotations"][0]["result"][0]["value"]["choices"][0])


def is_accepted(task: Any) -> bool:
    return any(each["parent_prediction"] for each in task["annotations"])


def marked(tagged: Team, task: int) -> bool:
    return "review_suspect" in tagged.api.open_task(task)["data"]


def update(page: Page, tagged: Team, task: int, answer: str | None) -> None:
    """Open an annotated task, choose an answer, or the old one again, and click Update."""
    tab = tagged.tab("Suspects")
    page.goto(f"/projects/{tagged.number}/data?tab={tab}&task={task}")
    (found,) = tagged.api.open_task(task)["annotations"]
    before = found["result"][0]["value"]["choices"][0]
    # Label Studio enables the button after a change only, even if that is taken back.
    for choice in [answer] if answer else [OTHER[before], before]:
        page.get_by_role("checkbox", name=re.compile(choice)).click()
    page.get_by_role("button", name="submit").click()
    page.wait_for_timeout(500)
