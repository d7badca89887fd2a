"""An installed package holds all it needs and serves from any folder."""

import email
import os
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from collections.abc import Iterator
from pathlib import Path

import httpx2 as httpx
import pytest

from model_store import manifests
from tests.e2e.servers import ROOT, run_backend

SOURCES = ("adapters", "model_store", "service.py")
METADATA = ("pyproject.toml", "README.md", "LICENSE")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel of these sources, built in a copy so that no earlier build is in it."""
    folder = tmp_path_factory.mktemp("wheel")
    for name in (*SOURCES, *METADATA):
        source, copy = ROOT / name, folder / "source" / name
        if source.is_dir():
            shutil.copytree(source, copy, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, copy)
    pip(
        *(sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation"),
        *("--wheel-dir", folder, folder / "source"),
    )
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment with the wheel. A `.pth` file adds the other packages of the tests.

    It does not add the project's editable installation: Python ignores the `.pth` files in a folder
    that a `.pth` file names.
    """
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, symlinks=True)
    python = folder / "bin/python"
    pip(
        *(sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", "--no-index"),
        wheel,
    )
    library = sysconfig.get_path("purelib", vars={"base": str(folder)})
    (Path(library) / "tests.pth").write_text(sysconfig.get_path("purelib"), encoding="utf-8")
    return folder


def pip(*command: str | Path) -> None:
    subprocess.run([*command, "--quiet", "--disable-pip-version-check"], check=True, timeout=120)


def files_of_the_sources() -> Iterator[str]:
    for source in SOURCES:
        path = ROOT / source
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file() and "__pycache__" not in file.parts:
                yield str(file.relative_to(ROOT))


def test_the_wheel_contains_every_file_of_the_packages(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    contents = {name for name in names if ".dist-info/" not in name}
    assert contents == set(files_of_the_sources())


def test_the_wheel_names_version_license_and_pythons(wheel: Path) -> None:
    archive = zipfile.ZipFile(wheel)
    (path,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
    metadata = email.message_from_bytes(archive.read(path))
    assert metadata["Version"] == PROJECT["version"]
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata["License-File"] == "LICENSE"
    assert metadata["Requires-Python"] == PROJECT["requires-python"]
    text = archive.read(path.replace("METADATA", "licenses/LICENSE"))
    assert text == (ROOT / "LICENSE").read_bytes()


@pytest.mark.parametrize("command", ["model-store", "preannotate"])
def test_the_installed_commands_run_from_an_empty_folder(
    environment: Path, tmp_path: Path, command: str
) -> None:
    done = subprocess.run(
        [environment / "bin" / command, "--help"],
        cwd=tmp_path,
        env=clean_environment(tmp_path),
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "usage:" in done.stdout.lower()
    assert list(tmp_path.iterdir()) == []


def test_the_installed_package_serves_and_annotates_from_an_empty_folder(
    environment: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "empty"
    folder.mkdir()
    module = subprocess.run(
        [environment / "bin/python", "-c", "import model_store; print(model_store.__file__)"],
        cwd=folder,
        env=clean_environment(tmp_path),
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert Path(module.stdout.strip()).is_relative_to(environment)

    with run_backend(
        tmp_path / "run",
        {"PYTHONPATH": "", "SENTIMENT_WORKERS": "1"},
        cwd=folder,
        python=environment / "bin/python",
    ) as server:
        answer = httpx.post(f"{server.url}/classify", json={"texts": ["A wonderful film!"]})
        assert answer.json()["model_version"] == manifests.tag_of(manifests.PRETRAINED)
        (classification,) = answer.json()["classifications"]
        assert classification["label"] == "Positive"
    assert list(folder.iterdir()) == []

    (folder / "reviews.csv").write_text("review\nA wonderful film.\n", encoding="utf-8")
    subprocess.run(
        [environment / "bin/preannotate", "reviews.csv", "out.json"],
        cwd=folder,
        env=clean_environment(tmp_path),
        check=True,
        timeout=120,
    )
    assert (folder / "out.json").exists()


def clean_environment(home: Path) -> dict[str, str]:
    ours = ("SENTIMENT_", "BENTOML_", "LABEL_STUDIO_", "PYTHONPATH")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return {
        **inherited,
        "HOME": str(home),
        "BENTOML_HOME": str(home / "bentoml"),
        "BENTOML_DO_NOT_TRACK": "True",
    }
