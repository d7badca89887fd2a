"""Requirements and Python versions agree in all files that state them."""

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = PYPROJECT["project"]
PYTHONS = [
    name
    for classifier in PROJECT["classifiers"]
    for name in re.findall(r"^Programming Language :: Python :: (3\.\d+)$", classifier)
]
SOURCES = ("adapters", "model_store", "service.py")


def python(version: str) -> str:
    """Return the path of this Python; skip the test where it is not installed."""
    program = shutil.which(f"python{version}")
    # A shim of pyenv is found for versions that are installed but not selected.
    if (
        program
        and subprocess.run([program, "-V"], capture_output=True, check=False).returncode == 0
    ):
        return program
    pytest.skip(f"Python {version} is not installed")


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_every_requirement_is_a_public_version(name: str) -> None:
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    wanted = [line for line in lines if line and not line.lstrip().startswith("#")]
    assert wanted
    assert [line for line in wanted if not re.fullmatch(r"[\w.-]+==[\w.!]+( ; .+)?", line)] == []


def test_the_oldest_python_is_the_same_everywhere() -> None:
    oldest = PYTHONS[0]
    assert PROJECT["requires-python"] == f">={oldest}"
    assert PYPROJECT["tool"]["ruff"]["target-version"] == f"py{oldest.replace('.', '')}"
    bento = yaml.safe_load((ROOT / "bentofile.yaml").read_text(encoding="utf-8"))
    assert bento["docker"]["python_version"] == oldest
    assert f"Python {oldest} or newer" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_contributing_names_the_pythons_of_the_classifiers() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    (sentence,) = re.findall(r"Python (3\.\d+(?:,? (?:and )?3\.\d+)*)", text)
    assert re.findall(r"3\.\d+", sentence) == PYTHONS


@pytest.mark.parametrize("version", PYTHONS)
def test_every_supported_python_compiles_the_sources_without_a_warning(version: str) -> None:
    program = (
        "import pathlib, sys\n"
        "for name in sys.argv[1:]:\n"
        "    path = pathlib.Path(name)\n"
        "    for file in sorted(path.rglob('*.py')) if path.is_dir() else [path]:\n"
        "        compile(file.read_bytes(), str(file), 'exec')\n"
    )
    done = subprocess.run(
        [python(version), "-W", "error", "-c", program, *SOURCES],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_the_images_of_the_overlays_have_the_version_of_the_project() -> None:
    overlays = (ROOT / "deploy/kubernetes/overlays").glob("*/kustomization.yaml")
    contents = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in overlays]
    tags = [image["newTag"] for content in contents for image in content.get("images", ())]
    assert sorted(tags) == [PROJECT["version"], f"{PROJECT['version']}-cu130"]
