"""Servers on the data of an older and of a newer release."""

import sqlite3
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx2 as httpx
from sqlalchemy import create_engine, text

from model_store.serving import migrations
from tests.e2e.servers import Server, run_backend, wait_until
from tests.postgres import PostgresServer
from tests.upgrade.fixtures import fill_postgresql, unpack

PROJECT = "7.1795453317"
INTERFACE = (
    '<View><Text name="text" value="$review"/><Choices name="verdict" toName="text">'
    '<Choice value="Praise"/><Choice value="Complaint"/></Choices></View>'
)
TEXTS = {"The plot was lovely.": "Praise", "The plot was dull.": "Complaint"}


def jobs(server: Server) -> list[Any]:
    """All jobs, the oldest first."""
    found: list[Any] = httpx.get(f"{server.url}/jobs", timeout=30).json()["jobs"]
    return found[::-1]


def active_version(server: Server) -> Any:
    body = {"project": PROJECT, "schema": INTERFACE}
    return httpx.post(f"{server.url}/setup", json=body, timeout=30).json()["model_version"]


def predictions(server: Server) -> list[Any]:
    tasks = [{"id": number, "data": {"review": text}} for number, text in enumerate(TEXTS)]
    body = {"tasks": tasks, "project": PROJECT, "label_config": INTERFACE}
    answer = httpx.post(f"{server.url}/predict", json=body, timeout=30).raise_for_status()
    return [item["result"][0]["value"]["choices"][0] for item in answer.json()["results"]]


def test_a_server_continues_with_the_data_directory_of_an_older_release(tmp_path: Path) -> None:
    unpack(tmp_path)
    with run_backend(tmp_path, {"SENTIMENT_WORKERS": "2"}) as server:
        before = jobs(server)
        assert active_version(server) == before[0]["version"]
        assert predictions(server) == list(TEXTS.values())
        assert len(before) == 8
        wait_until(
            lambda: {job["state"] for job in jobs(server)}.isdisjoint({"queued", "running"}),
            "a job of the old release does not end",
            seconds=120,
        )
        ended = jobs(server)
        assert ended[:6] == before[:6]
        # One was running when the old server was killed; the other one was queued.
        assert ended[6]["state"] == "killed"
        assert ended[7]["state"] in ("promoted", "refused"), ended[7]


def test_two_replicas_start_together_on_an_old_postgresql_schema(
    postgres: PostgresServer, tmp_path: Path
) -> None:
    data = unpack(tmp_path)
    with postgres.database() as url, ExitStack() as running:
        fill_postgresql(url)
        settings = {
            "SENTIMENT_DATABASE_URL": url,
            "BENTOML_HOME": str(data / "bentoml"),
            "SENTIMENT_WORKERS": "2",
        }
        servers = [
            running.enter_context(run_backend(tmp_path / f"replica-{n}", settings, wait=False))
            for n in range(2)
        ]
        for server in servers:
            server.wait_until_ready()
        first = jobs(servers[0])[0]["version"]
        assert [active_version(server) for server in servers] == [first, first]
        assert [predictions(server) for server in servers] == [list(TEXTS.values())] * 2
        engine = create_engine(url)
        with engine.connect() as connection:
            revisions = connection.execute(text("SELECT version_num FROM alembic_version"))
            assert revisions.scalars().all() == [migrations.newest()]
        engine.dispose()


def test_a_server_refuses_the_database_of_a_newer_release(tmp_path: Path) -> None:
    database = unpack(tmp_path) / "sentiment.db"
    connection = sqlite3.connect(database)
    with connection:
        connection.execute("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
        connection.execute("INSERT INTO alembic_version VALUES ('9999')")
    connection.close()
    before = database.read_bytes()
    with run_backend(tmp_path, wait=False) as server:
        wait_until(lambda: server.process.poll() is not None, "it does not end", seconds=60)
        assert server.process.poll() == 1
        sentence = server.read_log().strip().splitlines()[-1]
    assert "its schema has revision 9999, and this release knows revisions up to" in sentence
    assert "upgrade the program, or restore a backup" in sentence
    assert database.read_bytes() == before
