"""Fixtures that all tests share, and how pytest-xdist distributes the tests."""

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
from sqlalchemy import Engine, make_url
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

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

SHARED_SERVERS = {
    "label studio": (
        *("browser", "label_studio", "label_studio_auth", "label_studio_client", "learning"),
        *("doctor", "preannotate", "preannotate_project"),
    ),
    "backend": ("deployments", "seeing", "server", "server_overload", "server_refusals"),
}
"""Files of end-to-end tests, by the servers that they share; all others start their own."""
_GROUPS = {f"test_{name}.py": group for group, names in SHARED_SERVERS.items() for name in names}


class Scheduler(LoadScopeScheduling):  # type: ignore[misc]
    """Give a worker whole files, and one worker all files that share servers.

    Groups by marker do not work: pytest-xdist 3.8 cannot tell pytest 9.2 of them.
    """

    def _split_scope(self, nodeid: str) -> str:
        path = Path(nodeid.partition("::")[0])
        return _GROUPS.get(path.name, str(path)) if "e2e" in path.parts else str(path)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Scheduler:
    return Scheduler(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put slow files first: a slow file at the end would keep a single worker busy."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: 0 if "e2e" in item.path.parts else 1 if item.path in slow else 2)


@pytest.fixture
def make_classifier() -> ClassifierFactory:
    """Return a factory of small classifiers; equal seeds give equal random weights."""

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
    """Run a PostgreSQL server, or skip the test where PostgreSQL is not installed."""
    programs = find_postgres()
    if programs is None:
        pytest.skip("PostgreSQL is not installed (Debian: `apt install postgresql`)")
    with run_postgres(programs) as server:
        yield server


@pytest.fixture(scope="session")
def postgres_with_tables(postgres: PostgresServer) -> Iterator[str]:
    """Yield the name of a database that has all tables and can be copied."""
    with postgres.database() as url:
        connect(url).dispose()
        yield str(make_url(url).database)


@pytest.fixture(scope="session")
def sqlite_with_tables(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the URL of a database that has all tables; its file can be copied."""
    url = sqlite_url(tmp_path_factory.mktemp("tables"))
    connect(url).dispose()
    return url


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Yield the URL of an empty database, once for each kind.

    It has no tables, unless the test asks for `database` too.
    """
    has_tables = "database" in request.fixturenames
    if request.param == "sqlite":
        url = sqlite_url(tmp_path)
        if has_tables:
            copied = make_url(request.getfixturevalue("sqlite_with_tables"))
            shutil.copyfile(str(copied.database), str(make_url(url).database))
        yield url
    else:
        server: PostgresServer = request.getfixturevalue("postgres")
        template = request.getfixturevalue("postgres_with_tables") if has_tables else "template1"
        with server.database(template) as url:
            yield url


@pytest.fixture
def database(database_url: str) -> Iterator[Engine]:
    """Yield an engine of an empty database with all tables, once for each kind."""
    engine = connect(database_url)
    yield engine
    engine.dispose()


@pytest.fixture(scope="session")
def corpus() -> Path:
    """Return the folder of the review corpus, or skip the test where it is missing.

    The corpus is the training half of the Large Movie Review Dataset (Maas et al., 2011), as one
    file `train.parquet` with the columns `text` and `label` (0 negative, 1 positive).
    """
    if not (CORPUS / "train.parquet").is_file():
        pytest.skip(
            f"the review corpus is not at {CORPUS}: set CORPUS to a folder with train.parquet, "
            "which is plain_text/train-00000-of-00001.parquet of "
            "https://huggingface.co/datasets/stanfordnlp/imdb (columns text and label)"
        )
    return CORPUS
