"""The folder through which the workers of one server share their metrics.

BentoML has one folder for all servers with the same home, and empties it at each start: the metrics
of a running server would be lost. So each server has a folder of its own, named by its first
process.
"""

import os
import shutil
import socket
from pathlib import Path

import psutil

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
"""The variable that tells Prometheus' client the folder; it reads it for its first metric."""


def use_in_worker(data_dir: Path) -> None:
    """Make this worker share its metrics with the other children of its parent process."""
    folder = _folder(data_dir, os.getppid())
    folder.mkdir(parents=True, exist_ok=True)
    os.environ[VARIABLE] = str(folder)


def prepare_for_workers(data_dir: Path) -> None:
    """Remove the folders of servers that have ended, and one that has the name of this process."""
    host = socket.gethostname()
    for old in _root(data_dir).glob(f"{host}-*"):
        pid = old.name.removeprefix(f"{host}-")
        if pid == str(os.getpid()) or (pid.isdigit() and not psutil.pid_exists(int(pid))):
            shutil.rmtree(old, ignore_errors=True)


def _root(data_dir: Path) -> Path:
    return data_dir.absolute() / "metrics"


def _folder(data_dir: Path, parent: int) -> Path:
    return _root(data_dir) / f"{socket.gethostname()}-{parent}"
