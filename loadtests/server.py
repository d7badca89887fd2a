"""Start and stop servers as processes; the project's own start as a user starts them."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from loadtests.connection import CallError, address, call

_ROOT = Path(__file__).parents[1]
_START_SECONDS = 120
_STOP_SECONDS = 30
_POLL_SECONDS = 0.01
_THEIR_PREFIXES = ("SENTIMENT_", "BENTOML_", "OMP_", "TUTORIAL_")


@dataclass(frozen=True)
class Server:
    """A started server: its URL, its log and its main process."""

    url: str
    log: Path
    process: subprocess.Popen[bytes]

    def family(self) -> list[psutil.Process]:
        """Return the server's processes: the main process and its descendants."""
        process = psutil.Process(self.process.pid)
        return [process, *process.children(recursive=True)]

    def pss(self) -> int:
        """Return the server's memory in bytes, shared memory counted once. Linux only."""
        total = 0
        for process in self.family():
            with suppress(psutil.NoSuchProcess):
                total += process.memory_full_info().pss
        return total

    def wait_until_open(self) -> None:
        """Wait until the port accepts connections."""
        self._wait(lambda: socket.create_connection(address(self.url)).close())

    def wait_until_ready(self) -> None:
        """Wait until a worker can predict."""

        def ask() -> None:
            if not call(self.url, "GET", "/readyz").is_ok:
                raise ConnectionError("not ready")

        self._wait(ask)

    def wait_until_answered(self, path: str, body: bytes) -> None:
        """Wait until the server answers this POST request with 200."""

        def ask() -> None:
            if not call(self.url, "POST", path, body, patience=_START_SECONDS).is_ok:
                raise ConnectionError("not ready")

        self._wait(ask)

    def _wait(self, attempt: Callable[[], None]) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while self.process.poll() is None and time.monotonic() < deadline:
            with suppress(*CallError):
                return attempt()
            time.sleep(_POLL_SECONDS)
        raise RuntimeError(f"The server did not start: see {self.log}.")


@contextmanager
def start_server(log: Path, settings: Mapping[str, str]) -> Iterator[Server]:
    """Run a server with these settings; all others have their defaults."""
    with (
        tempfile.TemporaryDirectory(prefix="loadtest-", ignore_cleanup_errors=True) as scratch,
        run_server(serve_command, log, {**data_below(Path(scratch)), **settings}) as server,
    ):
        yield server


def serve_command(port: int, target: str = "service:SentimentService") -> list[str]:
    """Return the arguments of Python that start a server of the project."""
    return [
        *("-m", "bentoml", "serve", target),
        *("--host", "127.0.0.1", "--port", str(port)),
    ]


def data_below(folder: Path) -> dict[str, str]:
    """Return settings that make a server write only below this folder."""
    return {
        "HOME": str(folder),
        "BENTOML_HOME": str(folder / "bentoml"),
        "BENTOML_DO_NOT_TRACK": "True",
        "SENTIMENT_DATA_DIR": str(folder),
    }


@contextmanager
def run_server(
    command: Callable[[int], list[str]],
    log: Path,
    settings: Mapping[str, str],
    *,
    folder: Path = _ROOT,
) -> Iterator[Server]:
    """Run Python in `folder` with the arguments that `command` returns for a free port.

    Yields the server before it is ready. At the end, stops it with all its child processes. The
    servers' environment variables come from `settings` only, not from this process.
    """
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(_THEIR_PREFIXES)}
    port = free_port()
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, *command(port)],
            cwd=folder,
            env={**inherited, "PYTHONPATH": str(folder), **settings},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    server = Server(f"http://127.0.0.1:{port}", log, process)
    try:
        yield server
    finally:
        _stop(server)


def _stop(server: Server) -> None:
    if server.process.poll() is not None:
        return
    family = server.family()
    server.process.send_signal(signal.SIGTERM)
    _, left = psutil.wait_procs(family, _STOP_SECONDS)
    for process in left:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    server.process.wait()


def free_port() -> int:
    """Return a port on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
