"""The folder through which the workers of one server share their metrics.

BentoML has one folder for all servers with the same home, and empties it at each start: the metrics
of a running server would be lost. So each server has a folder of its own, named by its first
process.

Prometheus' client maps sparse files into memory. A write to such a page on a full disk kills the
process, with SIGBUS. So `make_room` reserves the pages before the client writes to them.
"""

import logging
import os
import shutil
import socket
import sys
from pathlib import Path

import psutil

logger = logging.getLogger(__name__)

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
"""The variable that tells Prometheus' client the folder; it reads it for its first metric."""


_KINDS = ("counter", "histogram", "gauge_livesum")
"""The client has one file for each kind of metric and worker."""
_FIRST_BYTES = 128 * 1024
_SPARE_BYTES = 64 * 1024
"""More than a new series takes."""


def use_in_worker(data_dir: Path) -> bool:
    """Make this worker share its metrics with the other children of its parent process.

    Returns False, and logs the reason, if the disk has no room for them.
    """
    folder = _folder(data_dir, os.getppid())
    os.environ[VARIABLE] = str(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for kind in _KINDS:
            _reserve(folder / f"{kind}_{os.getpid()}.db")
    except OSError as reason:
        logger.warning(
            "This worker has no metrics, because their files cannot be written: %s. Free some "
            "space, then restart the server.",
            reason,
        )
        return False
    return True


def make_room() -> bool:
    """Reserve space for another series of this worker; return False if the disk has none.

    Call it before each new series.
    """
    folder = os.environ.get(VARIABLE)
    if folder is None:  # The metrics are in memory.
        return True
    try:
        for kind in _KINDS:
            _reserve(Path(folder) / f"{kind}_{os.getpid()}.db")
    except OSError:
        return False
    return True


def _reserve(path: Path) -> None:
    """Make sure that a file has `_SPARE_BYTES` after those that the client uses.

    The client doubles its files, too, so that one that has doubled already keeps its size.
    """
    with path.open("a+b") as file:
        size = os.fstat(file.fileno()).st_size
        used = int.from_bytes(os.pread(file.fileno(), 4, 0), sys.byteorder)
        if size - used >= _SPARE_BYTES:
            return
        wanted = 2 * size or _FIRST_BYTES
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(file.fileno(), 0, wanted)
        else:
            file.write(bytes(wanted - size))


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
