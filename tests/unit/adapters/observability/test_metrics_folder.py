"""Each server has a folder of its own for its metrics."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from adapters.observability.metrics_folder import VARIABLE, prepare_for_workers, use_in_worker


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of this process, as the worker of a server."""
    monkeypatch.setenv(VARIABLE, "the folder of all servers")
    use_in_worker(tmp_path)
    return Path(os.environ[VARIABLE])


def test_workers_use_a_folder_named_by_their_parent(mine: Path, tmp_path: Path) -> None:
    assert mine.is_dir()
    assert mine.name.endswith(f"-{os.getppid()}")
    assert tmp_path in mine.parents


def test_a_start_removes_folders_of_ended_servers_and_no_others(mine: Path, tmp_path: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    host = mine.name.rpartition("-")[0]
    left, own = mine.with_name(f"{host}-{gone.pid}"), mine.with_name(f"{host}-{os.getpid()}")
    other = mine.with_name("elsewhere-1")
    for folder in (left, own, other):
        folder.mkdir(parents=True)

    prepare_for_workers(tmp_path)

    assert mine.exists()
    assert other.exists()
    assert not left.exists()
    assert not own.exists(), "an earlier process with the same id left it"
