"""The three servers that are compared: how each is started, stopped and known to be ready."""

import os
import pickle
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
import torch

from loadtests.bench import eager
from loadtests.connection import CallError, call
from loadtests.server import Server
from model_store.store import PRETRAINED

ROOT = Path(__file__).parents[2]

_START_SECONDS = 120.0
_STOP_SECONDS = 30.0
_POLL_SECONDS = 0.01

Settings = dict[str, str]


@dataclass(frozen=True)
class Product:
    """One of the servers: its name, how it is run, and what it is."""

    name: str
    description: str
    command: Callable[[int], list[str]]
    """The arguments of Python for a port."""
    prepare: Callable[[Path], Settings]
    """Write what it reads into a folder of its own; returns its environment variables."""


def _prepare_tutorial(folder: Path) -> Settings:
    classifier = eager.load(PRETRAINED)
    ids = {token: index for index, token in enumerate(classifier.vocabulary.tokens)}
    # The names that tutorial_app.py gives them: it reads its settings when it is imported.
    torch.save(classifier.network.state_dict(), folder / "cnn.pt")
    (folder / "vocabulary.pickle").write_bytes(pickle.dumps(ids))
    return {"TUTORIAL_FILES": str(folder), "TUTORIAL_MAX_TOKENS": str(classifier.max_tokens)}


def _prepare_litserve(_: Path) -> Settings:
    # Its workers have as many threads as there are cores: idle ones must not spin.
    return {"OMP_WAIT_POLICY": "passive"}


def _prepare_ours(folder: Path) -> Settings:
    return {
        "SENTIMENT_DATA_DIR": str(folder),
        "SENTIMENT_ACCESS_LOG": "false",  # as quiet as the other two
        "BENTOML_HOME": str(folder / "bentoml"),
        "BENTOML_DO_NOT_TRACK": "True",
    }


PRODUCTS = (
    Product(
        "tutorial",
        "the tutorial's way: Flask and gunicorn, 1 worker with 8 threads; the network made anew "
        "for each request, one text at a time",
        lambda port: [
            *("-m", "gunicorn", "loadtests.bench.tutorial_app:app"),
            *("--workers", "1", "--threads", "8", "--bind", f"127.0.0.1:{port}"),
        ],
        _prepare_tutorial,
    ),
    Product(
        "litserve",
        "the same network in PyTorch's eager mode behind LitServe, with padded batches across "
        "requests, in bfloat16 where the processor has it",
        lambda port: ["-m", "loadtests.bench.litserve_app", "--port", str(port)],
        _prepare_litserve,
    ),
    Product(
        "ours",
        "this project with its default settings, but without its access log, as the others "
        "have none",
        lambda port: [
            *("-m", "bentoml", "serve", "service:SentimentService"),
            *("--host", "127.0.0.1", "--port", str(port)),
        ],
        _prepare_ours,
    ),
)


@dataclass(frozen=True)
class Running:
    """A server that answers, and how long that took."""

    server: Server
    ready_seconds: float
    """From the start of its first process to the first 200 on `/predict`."""


@contextmanager
def run(product: Product, body: bytes, log: Path) -> Iterator[Running]:
    """A server that has answered `body`; stopped at the end. Raises RuntimeError if it does not."""
    with tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as folder:
        settings = {"HOME": folder, **product.prepare(Path(folder))}
        port = _free_port()
        with log.open("wb") as output:
            started = time.monotonic()
            process = subprocess.Popen(
                [sys.executable, *product.command(port)],
                cwd=ROOT,
                env=_environment(settings),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        server = Server(f"http://127.0.0.1:{port}", log, process)
        try:
            _wait_for_answer(server, body)
            yield Running(server, time.monotonic() - started)
        finally:
            _stop(server)


def _environment(settings: Mapping[str, str]) -> dict[str, str]:
    """Nothing but `settings` decides how the server behaves."""
    ours = ("SENTIMENT_", "BENTOML_", "OMP_", "TUTORIAL_")
    return {k: v for k, v in os.environ.items() if not k.startswith(ours)} | dict(settings)


def _wait_for_answer(server: Server, body: bytes) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while server.process.poll() is None and time.monotonic() < deadline:
        with suppress(*CallError):
            if call(server.url, "POST", "/predict", body, patience=_START_SECONDS).is_ok:
                return
        time.sleep(_POLL_SECONDS)
    raise RuntimeError(f"The server did not start: see {server.log}.")


def _stop(server: Server) -> None:
    if server.process.poll() is not None:
        return
    family = server.family()
    server.process.send_signal(signal.SIGTERM)
    psutil.wait_procs(family, _STOP_SECONDS)
    for process in family:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    server.process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
