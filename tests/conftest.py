"""Factories that the tests share."""

import atexit
import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import pytest
import torch
from sqlalchemy import Engine

from model_store.model.classifier import Classifier
from model_store.model.encoder import Encoder
from model_store.model.head import Head
from model_store.model.network import NetworkConfig, SentimentCNN
from model_store.model.vocabulary import PADDING, UNKNOWN, Vocabulary
from model_store.serving.database import connect, sqlite_url
from tests.postgres import PostgresServer, find_postgres, run_postgres

# BentoML writes to its home on import: each process of the tests has one of its own.
os.environ["BENTOML_HOME"] = tempfile.mkdtemp(prefix="bentoml-home-")
atexit.register(shutil.rmtree, os.environ["BENTOML_HOME"], ignore_errors=True)
os.environ["BENTOML_DO_NOT_TRACK"] = "True"

hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")

# A shell's job in the background ignores Ctrl-C, and so would all that the tests start.
signal.signal(signal.SIGINT, signal.default_int_handler)

torch.set_num_threads(1)  # the networks here are small: threads would only wait for each other

CORPUS = Path(os.environ.get("CORPUS", Path(__file__).parents[2] / "shared/data/imdb"))

ClassifierFactory = Callable[..., Classifier]

SHARED_SERVERS = {"label_studio", "backend"}
"""Fixtures of the session that start servers."""


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep tests that share a server or a module's fixture in one worker; put slow tests first.

    A worker that begins a long test when the others have finished would make them wait.
    """
    for item in items:
        if item.get_closest_marker("xdist_group") is None and (group := _group(item)):
            item.add_marker(pytest.mark.xdist_group(group))
    items.sort(key=_place)


def _group(item: pytest.Item) -> str | None:
    if not isinstance(item, pytest.Function):
        return None  # An example of a docstring has no fixtures.
    if SHARED_SERVERS & set(item.fixturenames):
        return "servers"
    fixtures = item._fixtureinfo.name2fixturedefs.values()
    return str(item.path) if any(found[-1].scope == "module" for found in fixtures) else None


def _place(item: pytest.Item) -> int:
    group = item.get_closest_marker("xdist_group")
    if group and group.args == ("servers",):
        return 0
    long = item.get_closest_marker("slow") or "e2e" in item.path.parts
    return 1 if long else 2


@pytest.fixture
def make_classifier() -> ClassifierFactory:
    """A small network with random weights, the same for the same seed."""

    def make(*, seed: int = 0, words: tuple[str, ...] = ("good", "bad", "film")) -> Classifier:
        torch.manual_seed(seed)
        vocabulary = Vocabulary((UNKNOWN, PADDING, *words))
        config = NetworkConfig(vocabulary_size=len(vocabulary), embedding_dim=8, filters=4)
        network = SentimentCNN(config)
        return Classifier(
            Encoder(network, vocabulary, max_tokens=32),
            Head.of(network.fc, ("Negative", "Positive")),
        )

    return make


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL server; tests that want it are skipped where it is not installed."""
    programs = find_postgres()
    if programs is None:
        pytest.skip("PostgreSQL is not installed (Debian: `apt install postgresql`)")
    with run_postgres(programs) as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of an empty database of each kind, without tables."""
    if request.param == "sqlite":
        yield sqlite_url(tmp_path)
    else:
        server: PostgresServer = request.getfixturevalue("postgres")
        with server.database() as url:
            yield url


@pytest.fixture
def database(database_url: str) -> Iterator[Engine]:
    """An empty database of each kind with all tables."""
    engine = connect(database_url)
    yield engine
    engine.dispose()


@pytest.fixture(scope="session")
def corpus() -> Path:
    """The folder of the review corpus; tests that want it are skipped where it is missing."""
    if not CORPUS.is_dir():
        pytest.skip(f"the review corpus is not at {CORPUS}: set CORPUS to its folder")
    return CORPUS
