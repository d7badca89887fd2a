"""The data directory of the last release without migrations opens, and nothing is lost."""

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, MetaData, create_engine, select, text

from adapters.learning.examples import ExampleStore
from adapters.learning.jobs import JobQueue, State
from model_store import artifact, manifests
from model_store.serving.database import connect, sqlite_url
from model_store.serving.deployments import DeploymentLog, latest
from tests.postgres import PostgresServer
from tests.stored import snapshot
from tests.upgrade.fixtures import fill_postgresql, unpack

FILMS, REFUSED, ENSEMBLE = "7.1795453317", "8.1795453317", "11.1795453317"


@pytest.fixture(params=["sqlite", "postgresql"])
def old_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database that the old release wrote."""
    if request.param == "sqlite":
        yield sqlite_url(unpack(tmp_path))
    else:
        server: PostgresServer = request.getfixturevalue("postgres")
        with server.database() as url:
            fill_postgresql(url)
            yield url


@pytest.fixture
def opened(old_url: str) -> Iterator[Engine]:
    """The old database, opened by the present code."""
    engine = connect(old_url)
    yield engine
    engine.dispose()


def rows(url: str, columns: Mapping[str, set[str]] | None = None) -> dict[str, list[Any]]:
    """Return the rows of all tables of a database, without the revision of its schema.

    columns: return only these columns of each table.
    """
    engine, tables = create_engine(url), MetaData()
    tables.reflect(engine)
    with engine.connect() as connection:
        found = {
            name: sorted(
                (
                    {c: value for c, value in row.items() if columns is None or c in columns[name]}
                    for row in connection.execute(select(table)).mappings()
                ),
                key=repr,
            )
            for name, table in tables.tables.items()
            if name != "alembic_version"
        }
    engine.dispose()
    return found


def test_every_row_stays_as_it_was_but_for_the_time_of_a_deletion(old_url: str) -> None:
    before = rows(old_url)
    started = time.time()
    connect(old_url).dispose()
    assert sum(map(len, before.values())) > 200
    after = rows(old_url, {name: set(found[0]) for name, found in before.items()})
    # A deletion lasted forever; now it is from the time of the migration.
    for table in before.values():
        for row in table:
            if row.get("updated_at") == 1e18:
                row["updated_at"] = "now"
    for table in after.values():
        for row in table:
            if started <= row.get("updated_at", 0) <= time.time():
                row["updated_at"] = "now"
    assert sum(row.get("updated_at") == "now" for row in before["annotations"]) > 0
    added = set(after) - set(before)
    assert not any(after[name] for name in added)
    assert {name: sorted(after[name], key=repr) for name in before} == {
        name: sorted(found, key=repr) for name, found in before.items()
    }


def test_deleted_tasks_stay_deleted(opened: Engine) -> None:
    with opened.connect() as connection:
        deleted = connection.execute(text("SELECT task FROM tasks WHERE deleted")).scalars().all()
    assert set(deleted) <= {81, 83, 84}


def test_annotations_are_examples_and_skipped_and_deleted_ones_are_not(opened: Engine) -> None:
    examples = {example.task: example for example in snapshot(ExampleStore(opened), FILMS)}
    assert set(examples) == set(range(1, 121)) - {81, 83, 84}
    assert examples[80].choices == {"verdict": ("Praise",)}
    assert examples[82].choices == {"verdict": ("Complaint",)}  # It was changed.
    assert str(examples[1].data["review"]).startswith("The ")


def test_jobs_keep_their_states(opened: Engine) -> None:
    jobs = JobQueue(opened).jobs()[::-1]
    assert [job.state for job in jobs] == [
        State.PROMOTED,
        State.PROMOTED,
        State.REFUSED,
        State.TOO_FEW,
        State.FAILED,
        State.KILLED,
        State.RUNNING,
        State.QUEUED,
    ]
    assert [job.project for job in jobs if job.version] == [FILMS, FILMS, REFUSED]
    assert all(job.reasons for job in jobs[2:6])


def test_deployments_keep_promotions_rollback_and_choice(opened: Engine) -> None:
    first, second, *_ = [job.version for job in JobQueue(opened).jobs()[::-1]]
    entries = DeploymentLog(opened).since(0)
    assert [(entry.version, entry.is_rollback) for entry in entries if entry.project == FILMS] == [
        (first, False),
        (second, False),
        (first, True),
    ]
    choice = latest(entries)[ENSEMBLE]
    assert (choice.models, choice.ensemble) == (("active", first), True)


def test_a_new_deployment_comes_after_the_old_ones(opened: Engine) -> None:
    log = DeploymentLog(opened)
    before = log.since(0)
    entry = log.activate(FILMS, None, by="test")
    assert entry.id > before[-1].id


def test_every_version_is_complete_and_predicts(tmp_path: Path) -> None:
    data = unpack(tmp_path)
    engine = connect(sqlite_url(data))
    versions = [job.version for job in JobQueue(engine).jobs() if job.version]
    engine.dispose()
    assert len(set(versions)) == 3
    for version in versions:
        folder = data / "bentoml" / "models" / version.replace(":", "/")
        manifests.verify(folder)
        classifier = artifact.load(folder, device="cpu", compiled=data / "compiled")
        (answer,) = classifier.classify(["The plot was lovely."])
        assert answer.label == "Positive"


def test_compiled_tables_of_the_old_release_have_no_checksum_and_are_written_again(
    tmp_path: Path,
) -> None:
    data = unpack(tmp_path)
    before = set((data / "compiled").glob("*.safetensors"))
    version = next((data / "bentoml/models/sentiment-cnn").glob("*/model.json")).parent
    artifact.load(version, device="cpu", compiled=data / "compiled")
    assert before
    assert len(set((data / "compiled").glob("*.safetensors")) - before) == 1
