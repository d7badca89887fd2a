"""The three servers to compare: start each, wait until it is ready, stop it."""

import pickle
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch

from loadtests.bench import eager
from loadtests.server import Server, data_below, run_server, serve_command
from model_store.store import PRETRAINED

ROOT = Path(__file__).parents[2]

Settings = dict[str, str]


@dataclass(frozen=True)
class Product:
    """One of the servers: its name, its description and its command."""

    name: str
    description: str
    command: Callable[[int], list[str]]
    """Returns the arguments of Python for a port."""
    prepare: Callable[[Path], Settings]
    """Writes the server's files into its folder and returns its environment variables."""


def _prepare_tutorial(folder: Path) -> Settings:
    classifier = eager.load(PRETRAINED)
    ids = {token: index for index, token in enumerate(classifier.vocabulary.tokens)}
    # Not imported from apps/tutorial.py, which reads its settings at import: the same names.
    torch.save(classifier.network.state_dict(), folder / "cnn.pt")
    (folder / "vocabulary.pickle").write_bytes(pickle.dumps(ids))
    return {"TUTORIAL_FILES": str(folder), "TUTORIAL_MAX_TOKENS": str(classifier.max_tokens)}


def _prepare_litserve(_: Path) -> Settings:
    # Each worker has one thread per core: idle threads must not spin.
    return {"OMP_WAIT_POLICY": "passive"}


PRODUCTS = (
    Product(
        "tutorial",
        "the tutorial's server: Flask and gunicorn, 1 worker with 8 threads; it loads the network "
        "for each request and classifies one text at a time",
        lambda port: [
            *("-m", "gunicorn", "loadtests.bench.apps.tutorial:app"),
            *("--workers", "1", "--threads", "8", "--bind", f"127.0.0.1:{port}"),
        ],
        _prepare_tutorial,
    ),
    Product(
        "litserve",
        "the same network in PyTorch's eager mode behind LitServe, with padded batches across "
        "requests, in bfloat16 where the processor has it",
        lambda port: ["-m", "loadtests.bench.apps.litserve", "--port", str(port)],
        _prepare_litserve,
    ),
    Product(
        "ours",
        "this project with its default settings",
        serve_command,
        data_below,
    ),
)


@dataclass(frozen=True)
class Running:
    """A ready server and the time that its start took."""

    server: Server
    ready_seconds: float
    """From the start of its first process to the first 200 on `/predict`."""


@contextmanager
def run(product: Product, body: bytes, log: Path) -> Iterator[Running]:
    """Start a server, yield it when it has answered `body`, stop it at the end.

    Raises RuntimeError if it does not answer.
    """
    with tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as folder:
        settings = {"HOME": folder, **product.prepare(Path(folder))}
        started = time.monotonic()
        with run_server(product.command, log, settings) as server:
            server.wait_until_answered("/predict", body)
            yield Running(server, time.monotonic() - started)
