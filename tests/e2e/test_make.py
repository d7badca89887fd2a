"""The targets of the Makefile that start a program."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from model_store import artifact, manifests
from tests.conftest import ClassifierFactory
from tests.e2e.conftest import unavailable
from tests.e2e.servers import ROOT, Server, run_backend
from tests.e2e.versions import setup_version

# `-o` keeps make from installing: the tests run in the environment that make has installed.
MAKE = ("make", "--no-print-directory", "-o", ".venv/.server", "-C", str(ROOT))


@pytest.fixture(autouse=True)
def _installed() -> None:
    if not (ROOT / ".venv/bin/bentoml").exists():
        unavailable("there is no .venv here: `make test` makes it")


@contextmanager
def make_serve(directory: Path, settings: Mapping[str, str] | None = None) -> Iterator[Server]:
    """Run `make serve DATA_DIR=<directory>/data`, and press Ctrl-C at the end."""

    def command(port: int) -> list[str]:
        return [*MAKE, "serve", f"PORT={port}", "HOST=127.0.0.1", f"DATA_DIR={directory / 'data'}"]

    with run_backend(directory, settings, command=command) as server:
        yield server
        processes = server.family()
        os.killpg(server.process.pid, signal.SIGINT)  # as in a terminal: it reaches all processes
        server.process.wait(30)
        _, alive = psutil.wait_procs(processes, timeout=30)
        assert alive == []


def test_make_serve_serves_the_shipped_model_and_writes_only_into_its_folder(
    tmp_path: Path,
) -> None:
    with make_serve(tmp_path) as server:
        assert setup_version(server) == manifests.tag_of(manifests.PRETRAINED)
    assert list(server.home.iterdir()) == []
    assert (server.data / "bentoml/models/sentiment-cnn").is_dir()


def test_make_serve_serves_the_model_of_the_settings(
    tmp_path: Path, make_classifier: ClassifierFactory
) -> None:
    artifact.save(tmp_path / "mine", make_classifier(), training={}, metrics={})
    imported = subprocess.run(
        [sys.executable, "-m", "model_store", "import", str(tmp_path / "mine")],
        cwd=ROOT,
        env={**os.environ, "BENTOML_HOME": str(tmp_path / "data/bentoml")},
        check=True,
        capture_output=True,
        text=True,
    )
    tag = imported.stdout.strip()
    with make_serve(tmp_path, {"SENTIMENT_MODEL": tag}) as server:
        assert setup_version(server) == tag


def test_make_bento_builds_one_in_the_data_folder(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    subprocess.run(
        [*MAKE, "bento", f"DATA_DIR={tmp_path / 'data'}"],
        env={**os.environ, "HOME": str(tmp_path / "home")},
        check=True,
        timeout=120,
    )
    (bento,) = (tmp_path / "data/bentoml/bentos/sentiment").glob("*/bento.yaml")
    assert "sentiment" in bento.read_text(encoding="utf-8")
