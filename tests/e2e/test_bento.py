"""A Bento contains all it needs, and serves, learns and annotates from any folder."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest

from model_store import manifests
from model_store.learning import behaviour
from tests.e2e.conftest import TIMEOUT_SECONDS, StartBackend
from tests.e2e.environments import link_environment
from tests.e2e.servers import ROOT, Server, run_backend, wait_until
from tests.e2e.versions import model_store

PAYLOADS = ROOT / "tests" / "integration" / "payloads"
EXAMPLES = 80
PROJECT = "71.1795521600"


@pytest.fixture(scope="module")
def bentoml_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bento-home")


@pytest.fixture(scope="module")
def bento(bentoml_home: Path) -> str:
    """The tag of a Bento of this folder."""
    built = subprocess.run(
        [sys.executable, "-m", "bentoml", "build", "--output", "tag", str(ROOT)],
        cwd=ROOT,
        env=os.environ | {"BENTOML_HOME": str(bentoml_home), "BENTOML_DO_NOT_TRACK": "True"},
        stdout=subprocess.PIPE,
        check=True,
        text=True,
        timeout=120,
    )
    return built.stdout.strip().removeprefix("__tag__:")


def test_a_bento_contains_the_code_and_no_other_files(bento: str, bentoml_home: Path) -> None:
    source = bentoml_home / "bentos" / bento.replace(":", "/") / "src"
    assert {path.name for path in source.iterdir()} == {
        "README.md",
        "adapters",
        "bentofile.yaml",
        "model_store",
        "requirements.txt",
        "service.py",
    }
    packed = {path.parent.name for path in source.rglob("*.safetensors")}
    assert packed == {"anchor", "embedding"}, "BentoML packs the model itself"


@pytest.fixture(scope="module")
def image(bento: str, bentoml_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder from which BentoML builds an image: the Bento and its model.

    The "builder" of this image is `cp`.
    """
    folder = tmp_path_factory.mktemp("image") / "bento"
    script = (
        "import sys\n"
        "from bentoml import container\n"
        "_, tag, folder = sys.argv\n"
        "container.register_backend(\n"
        "    'cp', buildkit_support=False, health=lambda: True, build_cmd=['-r'],\n"
        "    construct_build_args=lambda context_path, **_: [context_path, folder],\n"
        ")\n"
        "container.build(tag, backend='cp')\n"
    )
    subprocess.run(
        [sys.executable, "-c", script, bento, folder],
        cwd=tempfile.gettempdir(),
        env=os.environ | {"BENTOML_HOME": str(bentoml_home), "BENTOML_DO_NOT_TRACK": "True"},
        check=True,
        timeout=120,
    )
    return folder


def test_the_image_is_built_in_the_stages_of_our_template(image: Path) -> None:
    """`bentoml build` warns that its newer format would ignore the template, and uses the older."""
    dockerfile = (image / "env" / "docker" / "Dockerfile").read_text()
    assert dockerfile.count("\nFROM ") == 2
    assert "AS packages" in dockerfile


@pytest.fixture(scope="module")
def python(image: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of a virtual environment with the requirements of the Bento only."""
    requirements = image / "env" / "python" / "requirements.txt"
    return link_environment(tmp_path_factory.mktemp("clean"), requirements)


@pytest.fixture(scope="module")
def server(image: Path, python: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The Bento as an image starts it: by its folder, with an empty BentoML home."""
    folder = tmp_path_factory.mktemp("served")
    (folder / "empty").mkdir()
    nowhere = {"HTTPS_PROXY": "http://127.0.0.1:9", "HTTP_PROXY": "http://127.0.0.1:9"}
    with run_backend(
        folder,
        {**nowhere, "PYTHONPATH": "", "PYTHONDONTWRITEBYTECODE": "1", "SENTIMENT_WORKERS": "2"},
        target=str(image),
        cwd=folder / "empty",
        python=python,
    ) as running:
        yield running
    assert list((folder / "empty").iterdir()) == []


def files(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file()}


@pytest.mark.timeout(2 * TIMEOUT_SECONDS)
@pytest.mark.parametrize("path", sorted(PAYLOADS.glob("*.json")), ids=lambda path: path.stem)
def test_the_built_bento_answers_requests_of_label_studio(
    server: Server, backend: StartBackend, path: Path
) -> None:
    route = path.stem.split("_")[0]
    body = json.loads(path.read_text(encoding="utf-8"))

    answer = httpx.post(f"{server.url}/{route}", json=body, timeout=60)

    assert answer.status_code == 200, answer.text
    if route != "webhook":
        same = httpx.post(f"{backend().url}/{route}", json=body, timeout=60).json()
        assert without_ids(answer.json()) == without_ids(same)


def test_the_built_bento_annotates_files_in_bulk(image: Path, python: Path, tmp_path: Path) -> None:
    before = files(image)
    (tmp_path / "reviews.csv").write_text("review\nA wonderful film.\n")
    done = subprocess.run(
        [python, "-m", "adapters.preannotate", "reviews.csv", "out.json"],
        cwd=tmp_path,
        env={
            "BENTOML_HOME": str(tmp_path / "home"),
            "BENTOML_DO_NOT_TRACK": "True",
            "PYTHONPATH": str(image / "src"),
            "PYTHONDONTWRITEBYTECODE": "1",
        },
        check=False,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (task,) = json.loads((tmp_path / "out.json").read_bytes())
    (prediction,) = task["predictions"]
    assert prediction["model_version"] == manifests.tag_of(manifests.PRETRAINED)
    assert prediction["result"][0]["value"] == {"choices": ["Positive"]}
    assert files(image) == before


def without_ids(answer: Any) -> Any:
    """Round the scores: another build of a library may sum in another order."""
    if isinstance(answer, dict):
        return {k: without_ids(v) for k, v in answer.items() if k != "id"}
    if isinstance(answer, list):
        return [without_ids(item) for item in answer]
    return round(answer, 5) if isinstance(answer, float) else answer


def test_the_built_bento_learns_and_writes_only_to_its_data_folder(
    server: Server, image: Path, labeling_interface: str
) -> None:
    before = files(image)
    project = {"id": 71, "created_at": "2026-11-24T12:00:00Z", "label_config": labeling_interface}
    for number, case in enumerate(behaviour.suite()[:EXAMPLES]):
        event = annotation_created(number, case.text, case.label, project)
        assert httpx.post(f"{server.url}/webhook", json=event).status_code == 200
    begun = httpx.post(
        f"{server.url}/webhook", json={"action": "START_TRAINING", "project": project}
    ).json()

    def job() -> Any:
        return httpx.get(f"{server.url}/jobs/{begun['job']}").json()

    wait_until(lambda: job()["state"] not in ("queued", "running"), "it trains", seconds=120)
    assert job()["state"] in ("promoted", "refused"), job()
    version = job()["version"]
    assert (server.data / "bentoml" / "models" / version.replace(":", "/")).is_dir()
    assert files(image) == before

    # The workers find the version outside of the Bento's store, even if the gate refused it.
    model_store(server, "promote", version)
    wait_until(lambda: serving(server, labeling_interface) == version, "it does not serve")
    body = {
        "tasks": [{"id": 1, "data": {"review": "A good film."}}],
        "project": PROJECT,
        "label_config": labeling_interface,
    }
    (result,) = httpx.post(f"{server.url}/predict", json=body).json()["results"]
    assert result["model_version"] == version


def serving(server: Server, interface: str) -> Any:
    body = {"project": PROJECT, "schema": interface}
    return httpx.post(f"{server.url}/setup", json=body).json()["model_version"]


def annotation_created(
    number: int, text: str, label: str, project: dict[str, Any]
) -> dict[str, Any]:
    region = {
        "from_name": "sentiment",
        "to_name": "text",
        "type": "choices",
        "value": {"choices": [label]},
    }
    return {
        "action": "ANNOTATION_CREATED",
        "annotation": {
            "id": number,
            "task": number,
            "result": [region],
            "was_cancelled": False,
            "updated_at": "2026-11-24T12:00:00Z",
        },
        "task": {"id": number, "data": {"review": text}},
        "project": project,
    }


def test_a_bento_served_from_an_empty_directory_answers_as_the_folder_does(
    bento: str, bentoml_home: Path, tmp_path: Path, backend: StartBackend, reviews: list[str]
) -> None:
    (tmp_path / "empty").mkdir()
    body = {"texts": reviews}
    expected = httpx.post(f"{backend().url}/classify", json=body, timeout=60).json()
    with run_backend(
        tmp_path / "run",
        {"BENTOML_HOME": str(bentoml_home)},
        target=bento,
        cwd=tmp_path / "empty",
    ) as server:
        actual = httpx.post(f"{server.url}/classify", json=body, timeout=60).json()
        page = httpx.get(server.url, headers={"Accept": "text/html"})
        style = httpx.get(f"{server.url}/console/static/console.css")
        assert (page.status_code, style.status_code) == (200, 200)

    assert actual["model_version"] == expected["model_version"]
    for one, other in zip(actual["classifications"], expected["classifications"], strict=True):
        assert one["label"] == other["label"]
        assert one["score"] == pytest.approx(other["score"], abs=1e-5)
    assert list((tmp_path / "empty").iterdir()) == []
