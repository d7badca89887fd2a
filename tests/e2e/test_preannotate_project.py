"""`preannotate project` and `preannotate doctor` with a real Label Studio."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from adapters.preannotate.project import PAGE_TASKS
from tests.e2e.conftest import ConnectProject, StartBackend
from tests.e2e.label_studio_api import LabelStudioApi
from tests.e2e.servers import ROOT, LabelStudioServer, wait_until

EVIDENCE = ROOT / "examples/labeling_interface_evidence.xml"
TASKS = 1500
PREFIX = "/sentiment"
GUARDED = {
    "SENTIMENT_ROOT_PATH": PREFIX,
    "SENTIMENT_BASIC_AUTH_USER": "anna",
    "SENTIMENT_BASIC_AUTH_PASSWORD": "geheim",
    "SENTIMENT_WORKERS": "1",
}


class Command:
    """`preannotate` with the environment of a user of this Label Studio."""

    def __init__(self, server: LabelStudioServer, directory: Path) -> None:
        self._environment = {
            **{
                name: value
                for name, value in os.environ.items()
                if not name.startswith(("SENTIMENT_", "BENTOML_"))
            },
            "LABEL_STUDIO_URL": server.url,
            "LABEL_STUDIO_API_KEY": server.token,
            "SENTIMENT_DATA_DIR": str(directory),
            "BENTOML_DO_NOT_TRACK": "True",
            "HOME": str(directory),
        }

    def start(self, *arguments: str, **settings: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "adapters.preannotate", *arguments],
            cwd=ROOT,
            env={**self._environment, **settings},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def __call__(self, *arguments: str, status: int = 0, **settings: str) -> str:
        process = self.start(*arguments, **settings)
        output, _ = process.communicate(timeout=200)
        assert process.returncode == status, output
        assert "Traceback" not in output
        return output


@pytest.fixture
def preannotate(label_studio: LabelStudioServer, tmp_path: Path) -> Command:
    return Command(label_studio, tmp_path)


def versions_by_task(api: LabelStudioApi, project: int) -> Counter[tuple[int, str]]:
    return Counter((item["task"], item["model_version"]) for item in api.predictions(project))


def test_evidence_is_stored_where_the_project_has_a_place_for_it(
    api: LabelStudioApi, preannotate: Command, labeling_interface: str
) -> None:
    without = api.create_project("No place for evidence", labeling_interface)
    api.import_tasks(without, [{"review": "A dreadful mess."}])
    refused = preannotate("project", str(without), "--evidence", status=2)
    assert "no place for evidence: add a Labels control" in refused
    assert api.predictions(without) == []

    number = api.create_project("Evidence in bulk", EVIDENCE.read_text(encoding="utf-8"))
    text = "👍 The plot is a dreadful mess."
    api.import_tasks(number, [{"review": text}])
    preannotate("project", str(number), "--evidence")
    (prediction,) = api.predictions(number)
    choice, *regions = prediction["result"]
    assert choice["value"] == {"choices": ["Negative"]}
    values = [region["value"] for region in regions]
    assert "dreadful" in "".join(value["text"] for value in values)
    assert all(text[value["start"] : value["end"]] == value["text"] for value in values)


def test_many_tasks_get_one_prediction_each_despite_kills(
    api: LabelStudioApi, preannotate: Command, labeling_interface: str
) -> None:
    number = api.create_project("In bulk", labeling_interface)
    api.import_tasks(number, [{"review": f"A good film, number {n}."} for n in range(TASKS)])
    would = preannotate("project", str(number), "--dry-run")
    assert f"{TASKS:,} tasks would get a prediction" in would
    assert api.predictions(number) == []
    dice = random.Random(1)
    left: list[int] = []
    """Number of tasks without a prediction after each kill."""
    # One page is stored and another is being predicted, so at least two must be left.
    while (before := stored(api, number)) <= TASKS - 2 * PAGE_TASKS:
        process = preannotate.start("project", str(number))
        wait_until(lambda: stored(api, number) > before, "nothing is stored", seconds=60, poll=0.01)
        time.sleep(dice.uniform(0, 0.1))
        assert process.poll() is None, "it was done before it was killed"
        process.send_signal(signal.SIGKILL)
        process.communicate()
        left.append(TASKS - stored(api, number))
    assert max(left) > 0, "no kill was in the middle of the work"
    preannotate("--project", str(number))
    again = preannotate("project", str(number))
    assert "0 tasks got a prediction" in again
    assert f"{TASKS:,} have one" in again
    counts = versions_by_task(api, number)
    assert len(counts) == TASKS
    assert set(counts.values()) == {1}
    assert len({version for _, version in counts}) == 1


def stored(api: LabelStudioApi, project: int) -> int:
    counts: int = api.get(f"/api/projects/{project}/")["total_predictions_number"]
    return counts


def test_duplicate_predictions_are_removed(
    api: LabelStudioApi, preannotate: Command, labeling_interface: str
) -> None:
    number = api.create_project("Doubles", labeling_interface)
    api.import_tasks(number, [{"review": f"Text {n}."} for n in range(3)])
    preannotate("--project", str(number))
    first, *_ = api.predictions(number)
    double = {name: first[name] for name in ("task", "result", "score", "model_version")}
    api.post(f"/api/projects/{number}/import/predictions", [double, {**double}])
    output = preannotate("--project", str(number))
    assert "2 duplicate predictions were removed" in output
    assert set(versions_by_task(api, number).values()) == {1}


def test_tasks_without_text_are_listed_and_the_run_continues(
    api: LabelStudioApi, preannotate: Command, labeling_interface: str, tmp_path: Path
) -> None:
    number = api.create_project("Some are empty", labeling_interface)
    api.import_tasks(number, [{"review": "A film."}, {"review": ""}, {"review": " "}])
    rejects, summary = tmp_path / "rejects.jsonl", tmp_path / "summary.json"
    preannotate(
        *("--project", str(number), "--rejects", str(rejects), "--summary", str(summary)), status=1
    )
    lines = [json.loads(line) for line in rejects.read_text().splitlines()]
    assert [line["task"] for line in lines] == api.task_ids(number)[1:]
    written = json.loads(summary.read_text())
    assert (written["predicted"], written["rejected"]) == (1, 2)


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"LABEL_STUDIO_API_KEY": "0" * 40}, "refuses LABEL_STUDIO_API_KEY"),
        ({"LABEL_STUDIO_URL": ""}, "LABEL_STUDIO_URL"),
    ],
)
def test_a_run_that_cannot_start_ends_with_the_reason(
    preannotate: Command, settings: dict[str, str], reason: str
) -> None:
    assert reason in preannotate("--project", "1", status=2, **settings)


def test_an_unsupported_labeling_config_is_refused(
    api: LabelStudioApi, preannotate: Command
) -> None:
    config = (
        '<View><Text name="t" value="$review"/><Choices name="c" toName="t">'
        '<Choice value="Spam"/><Choice value="Ham"/></Choices></View>'
    )
    number = api.create_project("Spam", config)
    assert "offers Spam, Ham" in preannotate("--project", str(number), status=2)


def test_the_doctor_reports_a_working_backend_as_fine(
    backend: StartBackend, connect_project: ConnectProject, preannotate: Command
) -> None:
    server = backend()
    project = connect_project(server)
    output = preannotate("doctor", server.url, "--project", str(project.id))
    assert "All is fine." in output
    for subject in ("in time", "labeling config", "connected", "webhook", "selected version"):
        assert f"ok     {subject}" in output


def test_the_doctor_reports_missing_credentials_and_adds_them_to_the_webhook(
    api: LabelStudioApi,
    backend: StartBackend,
    connect_project: ConnectProject,
    preannotate: Command,
) -> None:
    server = backend(**GUARDED)
    project = connect_project(
        server, auth_method="BASIC_AUTH", basic_auth_user="anna", basic_auth_pass="geheim"
    )
    number = str(project.id)
    assert "WRONG  credentials" in preannotate("doctor", server.url, status=1)
    asked = ("doctor", server.url, "--user", "anna", "--password", "geheim", "--project", number)
    assert "WRONG  webhook credentials" in preannotate(*asked, status=1)
    assert "added them to the webhook" in preannotate(*asked, "--fix")
    assert "All is fine." in preannotate(*asked)
    (hook,) = api.get("/api/webhooks/", project=project.id)
    assert hook["headers"]["Authorization"].startswith("Basic ")


def test_the_doctor_uses_credentials_in_the_url(
    api: LabelStudioApi,
    backend: StartBackend,
    connect_project: ConnectProject,
    preannotate: Command,
) -> None:
    server = backend(**GUARDED)
    url = server.url.replace("http://", "http://anna:geheim@")
    project = connect_project(replace(server, url=url))
    asked = ("--project", str(project.id))
    given = ("--user", "anna", "--password", "geheim")
    for arguments in ((url, *asked), (server.url, *asked, *given)):
        output = preannotate("doctor", *arguments)
        assert "ok     webhook credentials" in output
        assert "All is fine." in output
        assert "geheim" not in output
    (hook,) = api.get("/api/webhooks/", project=project.id)
    api.patch(f"/api/webhooks/{hook['id']}/", {"url": f"{url}/webhook".replace("geheim", "falsch")})
    output = preannotate("doctor", url, *asked, "--fix", status=1)
    finding = "WRONG  webhook credentials: the backend refuses the credentials in the webhook's URL"
    assert finding in output
    assert "falsch" not in output


def test_a_path_prefix_that_a_proxy_keeps_is_found_and_the_setting_helps(
    api: LabelStudioApi,
    backend: StartBackend,
    connect_project: ConnectProject,
    preannotate: Command,
) -> None:
    said = preannotate("doctor", f"{backend().url}{PREFIX}", status=1, LABEL_STUDIO_URL="")
    assert f"start the backend with SENTIMENT_ROOT_PATH={PREFIX}" in said

    server = backend(**GUARDED)
    url = server.url.replace("http://", "http://anna:geheim@") + PREFIX
    project = connect_project(replace(server, url=url))
    assert "All is fine." in preannotate("doctor", url, "--project", str(project.id))
    api.retrieve_predictions(project.id)
    assert len(api.predictions(project.id)) == len(project.tasks)


@pytest.mark.parametrize(
    ("url", "wrong"),
    [
        ("http://127.0.0.1:9", "WRONG  reachable"),
        ("http://backend:9", "has no dot"),
    ],
)
def test_the_doctor_reports_addresses_that_cannot_work(
    preannotate: Command, url: str, wrong: str
) -> None:
    assert wrong in preannotate("doctor", url, status=1, LABEL_STUDIO_URL="")


def test_the_doctor_names_the_kind_of_a_refused_token(
    backend: StartBackend, preannotate: Command
) -> None:
    settings: Any = {"LABEL_STUDIO_API_KEY": "0" * 40}
    output = preannotate("doctor", backend().url, status=1, **settings)
    assert "(a legacy token)" in output
