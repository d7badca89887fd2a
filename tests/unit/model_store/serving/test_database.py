"""The database of a server: what it promises to all who use it."""

import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import cast

import pytest
from sqlalchemy import (
    Column,
    Connection,
    Engine,
    Integer,
    Table,
    func,
    insert,
    select,
    text,
    update,
)

from model_store.errors import DatabaseError
from model_store.serving import database as database_module
from model_store.serving.database import connect, metadata, reading, sqlite_url, writing
from tests.processes import all_at_once, python

PASSWORD = "hunter2"

_counters = Table("counters_of_the_tests", metadata, Column("n", Integer))

MAKE_TABLES = """
    import sys
    from adapters.learning import examples, jobs
    from model_store.serving import deployments
    from model_store.serving.database import connect
    print("ready", flush=True)
    sys.stdin.readline()
    connect(sys.argv[1])
    print("done", flush=True)
"""
WRITE_FOREVER = """
    import sys
    from itertools import count
    from sqlalchemy import Column, Integer, Table, insert
    from model_store.serving.database import connect, metadata, writing
    table = Table("counters_of_the_tests", metadata, Column("n", Integer))
    engine = connect(sys.argv[1])
    for number in count():
        with writing(engine) as connection:
            connection.execute(insert(table).values(n=number))
        print(number, flush=True)
"""


def put(connection: Connection, number: int) -> None:
    connection.execute(insert(_counters).values(n=number))


def numbers(engine: Engine) -> list[int]:
    with reading(engine) as connection:
        return list(connection.scalars(select(_counters.c.n).order_by(_counters.c.n)))


@pytest.mark.parametrize(
    "url",
    [
        "",
        "no url",
        "oracle+nothing://me:hunter2@host/name",
        "nosuch://me:hunter2@host/name",
        "postgresql+psycopg://me:hunter2@host:port/name",
        "postgresql+psycopg://me:hunter2/more@host/name",
        "postgresql+psycopg://me@/name?host=/nowhere&password=hunter2",
        "postgresql+psycopg://me:hunter2@127.0.0.1:1/name",
        "postgresql+psycopg://me:hunter2@127.0.0.1:1/name?nosuch=hunter2",
    ],
)
def test_a_database_that_cannot_be_used_is_an_error_without_the_password(url: str) -> None:
    with pytest.raises(DatabaseError, match=r"^The database .* cannot be used: .+\.$") as caught:
        connect(url)
    assert PASSWORD not in str(caught.value)


def test_a_file_that_cannot_be_opened_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DatabaseError, match="unable to open database file"):
        connect(sqlite_url(tmp_path / "file"))


def test_a_folder_that_is_missing_is_made(tmp_path: Path) -> None:
    connect(sqlite_url(tmp_path / "a" / "b")).dispose()
    assert (tmp_path / "a" / "b" / "sentiment.db").is_file()


@pytest.mark.slow
def test_many_processes_make_the_tables_at_once(database_url: str) -> None:
    answers = all_at_once(MAKE_TABLES, database_url, count=6)
    assert answers == ["done\n"] * 6


def test_a_switch_to_wal_that_another_process_is_in_the_way_of_is_tried_again() -> None:
    class Busy:
        """What SQLite answers without waiting while another connection switches."""

        tries = 0

        def execute(self, _: str) -> None:
            self.tries += 1
            if self.tries < 3:
                error = sqlite3.OperationalError("database is locked")
                error.sqlite_errorcode = sqlite3.SQLITE_BUSY
                raise error

    cursor = Busy()
    database_module._switch_to_wal(cast("sqlite3.Cursor", cursor))
    assert cursor.tries == 3


def test_what_sqlite_promises(tmp_path: Path) -> None:
    engine = connect(sqlite_url(tmp_path))
    with reading(engine) as connection:
        values = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "busy_timeout")
        }
    engine.dispose()
    assert values == {"journal_mode": "wal", "synchronous": 2, "busy_timeout": 10_000}


def test_a_reader_does_not_wait_for_a_writer_and_sees_what_was_before(database: Engine) -> None:
    with writing(database, alone_in=_counters) as writer:
        put(writer, 1)
        assert numbers(database) == []
    assert numbers(database) == [1]


def test_a_transaction_that_fails_leaves_nothing(database: Engine) -> None:
    def fail() -> None:
        with writing(database) as connection:
            put(connection, 1)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert numbers(database) == []


def test_who_is_alone_in_a_table_loses_no_change_of_others(database: Engine) -> None:
    with writing(database) as connection:
        put(connection, 0)

    def increase(_: int) -> None:
        with writing(database, alone_in=_counters) as connection:
            number = connection.execute(select(_counters.c.n)).scalar_one()
            time.sleep(0.001)
            connection.execute(update(_counters).values(n=number + 1))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(increase, range(60)))
    assert numbers(database) == [60]


@pytest.mark.slow
def test_kill_loses_nothing_that_was_acknowledged(database: Engine, database_url: str) -> None:
    acknowledged = []
    for _ in range(3):
        with writing(database) as connection:
            connection.execute(_counters.delete())
        with python(WRITE_FOREVER, database_url) as process:
            assert process.stdout
            lines = [int(process.stdout.readline()) for _ in range(20)]
            process.kill()
            lines += [int(line) for line in process.stdout if line.endswith("\n")]
        acknowledged.append(lines)
        kept = numbers(database)
        assert kept[: len(lines)] == lines
        assert len(kept) - len(lines) in (0, 1)
    assert all(acknowledged)


def test_errors_of_statements_are_database_errors(database: Engine) -> None:
    nowhere = Table("nowhere", type(metadata)(), Column("n", Integer))

    def read() -> None:
        with reading(database) as connection:
            connection.execute(select(func.count()).select_from(nowhere))

    with pytest.raises(DatabaseError, match="nowhere"):
        read()


def test_the_cause_of_an_error_tells_no_values(database: Engine) -> None:
    def read() -> None:
        with reading(database) as connection:
            connection.execute(text("SELECT * FROM nowhere WHERE a = :a"), {"a": PASSWORD})

    with pytest.raises(DatabaseError) as caught:
        read()
    assert PASSWORD not in str(caught.value.__cause__)
