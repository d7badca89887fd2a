"""The Bento that `bentoml build` makes serves from its own files, wherever it is started."""

import os
import subprocess
import sys
from pathlib import Path

import httpx2 as httpx
import pytest

from tests.e2e.conftest import StartBackend
from tests.e2e.servers import ROOT, run_backend


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


def test_a_bento_holds_the_code_and_nothing_of_the_workplace(
    bento: str, bentoml_home: Path
) -> None:
    source = bentoml_home / "bentos" / bento.replace(":", "/") / "src"
    assert {path.name for path in source.iterdir()} == {
        "README.md",
        "adapters",
        "bentofile.yaml",
        "model_store",
        "requirements.txt",
        "service.py",
    }
    assert not list(source.rglob("*.safetensors")), "the model is packed by BentoML, once"


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

    assert actual["model_version"] == expected["model_version"]
    for one, other in zip(actual["classifications"], expected["classifications"], strict=True):
        assert one["label"] == other["label"]
        assert one["score"] == pytest.approx(other["score"], abs=1e-5)
    assert list((tmp_path / "empty").iterdir()) == []
