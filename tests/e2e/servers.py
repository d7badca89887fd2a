"""Start and stop our server and Label Studio for the end-to-end tests."""

import os
import re
import shutil
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

import loadtests.server
from loadtests.connection import CallError, address, call
from loadtests.server import free_port, serve_command

ROOT = Path(__file__).parents[2]
LABEL_STUDIO_VENV = ROOT / ".venv-label-studio"

_READY_SECONDS = 120
_STOP_SECONDS = 30
_POLL_SECONDS = 0.05
_OUR_PREFIXES = ("SENTIMENT_", "BENTOML_", "LABEL_STUDIO_", "OMP_", "OPENBLAS_")


@dataclass(frozen=True)
class Server(loadtests.server.Server):
    """A running server with its log and its folders."""

    home: Path

    def read_log(self) -> str:
        """Return the log as it is now."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    @property
    def data(self) -> Path:
        """The data directory of our server."""
        return self.log.parent / "data"

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        return address(self.url)


@dataclass(frozen=True)
class LabelStudioServer(Server):
    """A running Label Studio and the credentials of its user."""

    email: str
    password: str
    token: str


def wait_until(
    condition: Callable[[], bool], what: str, *, seconds: float = 30, poll: float = _POLL_SECONDS
) -> None:
    """Poll `condition` every `poll` seconds until it holds; fail after `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"after {seconds} seconds: {what}"
        time.sleep(poll)


def accepts_connections(server: Server) -> bool:
    """Return whether the server's port is open."""
    try:
        socket.create_connection(server.address, timeout=1).close()
    except OSError:
        return False
    return True


def stop(server: Server, sign: signal.Signals = signal.SIGTERM) -> int:
    """Send a signal and return the exit status; fail if the server does not end."""
    processes = server.family()
    server.process.send_signal(sign)
    try:
        return server.process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        server.process.wait()
        raise AssertionError(f"no exit {_STOP_SECONDS} s after {sign.name}: {server.log}") from None


@contextmanager
def run_backend(
    directory: Path,
    settings: Mapping[str, str] | None = None,
    *,
    wait: bool = True,
    target: str = "service:SentimentService",
    cwd: Path = ROOT,
    python: Path = Path(sys.executable),
    command: Callable[[int], list[str]] | None = None,
) -> Iterator[Server]:
    """Run our server with its data and its HOME in `directory`.

    Without `wait` it may not be ready yet. `command` returns the command that starts it on a port;
    the default is `bentoml serve` of `target`.
    """
    home, data = directory / "home", directory / "data"
    home.mkdir(parents=True, exist_ok=True)
    port = free_port()
    server = _start(
        command(port) if command else [str(python), *serve_command(port, target)],
        {
            "HOME": str(home),
            "BENTOML_HOME": str(data / "bentoml"),
            "BENTOML_DO_NOT_TRACK": "True",
            "SENTIMENT_DATA_DIR": str(data),
            "SENTIMENT_ACCESS_LOG": "true",
            **(settings or {}),
        },
        directory / "server.log",
        port,
        cwd,
    )
    with _stopped_at_end(server):
        if wait:
            _wait_for(server, "/readyz")
        yield server


@contextmanager
def run_label_studio(directory: Path) -> Iterator[LabelStudioServer]:
    """Run a Label Studio without projects, with its data and its HOME in `directory`."""
    data, home = directory / "data", directory / "home"
    home.mkdir(parents=True)
    shutil.copytree(_template(), data)
    port = free_port()
    email, password, token = "user@example.com", "a-password-of-the-tests", "0e2e" * 10
    server = _start(
        [
            *(str(_label_studio_program()), "start", "--no-browser", "--data-dir", str(data)),
            *("--username", email, "--password", password, "--user-token", token),
            *("--port", str(port), "--internal-host", "127.0.0.1"),
        ],
        {
            **_quiet_label_studio(home),
            "LABEL_STUDIO_ENABLE_LEGACY_API_TOKEN": "true",
            # Its protection against calls to this machine is on by default.
            "LABEL_STUDIO_ML_BLOCK_LOCAL_IP": "false",
            "LABEL_STUDIO_SSRF_PROTECTION_ENABLED": "false",
        },
        directory / "label-studio.log",
        port,
    )
    with _stopped_at_end(server):
        _wait_for(server, "/health")
        yield LabelStudioServer(**vars(server), email=email, password=password, token=token)


def _template() -> Path:
    """Return a data directory with a migrated database; create it once, which takes a minute."""
    cache = ROOT / ".cache"
    template = cache / f"label-studio-{_label_studio_version()}"
    if not template.exists():
        cache.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache, prefix=".label-studio-") as scratch:
            data, home = Path(scratch) / "data", Path(scratch) / "home"
            data.mkdir()
            home.mkdir()
            subprocess.run(
                [_label_studio_program(), "version", "--data-dir", data],
                env=_environment(_quiet_label_studio(home)),
                check=True,
                stdout=subprocess.DEVNULL,
                timeout=_READY_SECONDS * 2,
            )
            with suppress(OSError):  # Another run created the same template first.
                data.rename(template)
    return template


def _label_studio_program() -> Path:
    return LABEL_STUDIO_VENV / "bin" / "label-studio"


def _label_studio_version() -> str:
    (metadata,) = LABEL_STUDIO_VENV.glob("lib/python*/site-packages/label_studio-*.dist-info")
    return metadata.stem.removeprefix("label_studio-")


def _quiet_label_studio(home: Path) -> dict[str, str]:
    return {
        "HOME": str(home),
        "LATEST_VERSION_CHECK": "false",
        "COLLECT_ANALYTICS": "false",
        "SENTRY_DSN": "",
    }


def _environment(settings: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a server: ours without settings of servers, and `settings`."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(_OUR_PREFIXES)}
    return {**inherited, **settings}


def _start(
    command: list[str], settings: Mapping[str, str], log: Path, port: int, cwd: Path = ROOT
) -> Server:
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=cwd,
            env=_environment(settings),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C in the tests must not reach the servers.
        )
    return Server(f"http://127.0.0.1:{port}", log, process, Path(settings["HOME"]))


@contextmanager
def _stopped_at_end(server: Server) -> Iterator[None]:
    try:
        yield
    finally:
        if server.process.poll() is None:
            stop(server)


def _wait_for(server: Server, path: str) -> None:
    def answers() -> bool:
        status = server.process.poll()
        assert status is None, f"the server ended with {status}:\n{server.read_log()}"
        try:
            return call(server.url, "GET", path, patience=5).is_ok
        except CallError:
            return False

    wait_until(answers, f"{path} is not 200: {server.log}", seconds=_READY_SECONDS)


def logged_statuses(server: Server, method: str, path: str) -> list[int]:
    """Return the statuses of all requests to `path` in the backend's access log, in order."""
    pattern = rf"method={method},path={re.escape(path)},.*?\(status=(\d+)"
    return [int(status) for status in re.findall(pattern, server.read_log())]
