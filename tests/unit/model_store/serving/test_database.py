"""The guarantees of the database to the modules that use it."""

import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median
from typing import cast

import pytest
from sqlalchemy import (
    Column,
    Connection,
    Engine,
    Integer,
    MetaData,
    Table,
    func,
    insert,
    make_url,
    select,
    text,
    update,
)

from model_store.errors import DatabaseError
from model_store.serving import database as database_module
from model_store.serving.database import connect, reading, sqlite_url, writing
from tests.processes import all_at_once, python

PASSWORD = "hunter2"

_counters = Table("counters_of_the_tests", MetaData(), Column("n", Integer))

CONNECT = """
    import sys
    from model_store.serving.database import connect
    print("ready", flush=True)
    sys.stdin.readline()
    connect(sys.argv[1])
    print("done", flush=True)
"""
WRITE_FOREVER = """
    import sys
    from itertools import count
    from sqlalchemy import Column, Integer, MetaData, Table, insert
    from model_store.serving.database import connect, writing
    table = Table("counters_of_the_tests", MetaData(), Column("n", Integer))
    engine = connect(sys.argv[1])
    for number in count():
        with writing(engine) as connection:
            connection.execute(insert(table).values(n=number))
        print(number, flush=True)
"""


@pytest.fixture
def database(database: Engine) -> Engine:
    """A database with an additional table for these tests."""
    _counters.create(database)
    return database


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
def test_an_unusable_database_is_an_error_that_hides_the_password(url: str) -> None:
    with pytest.raises(DatabaseError, match=r"^The database .* cannot be used: .+\.$") as caught:
        connect(url)
    assert PASSWORD not in str(caught.value)


def test_a_file_that_cannot_be_opened_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DatabaseError, match="unable to open database file"):
        connect(sqlite_url(tmp_path / "file"))


def test_connect_creates_a_missing_folder(tmp_path: Path) -> None:
    connect(sqlite_url(tmp_path / "a" / "b")).dispose()
    assert (tmp_path / "a" / "b" / "sentiment.db").is_file()


def test_many_processes_can_create_the_tables_at_once(database_url: str) -> None:
    answers = all_at_once(CONNECT, database_url, count=6)
    assert answers == ["done\n"] * 6


def test_a_switch_to_wal_is_retried_while_another_process_blocks_it() -> None:
    class Busy:
        """Fails at once, like SQLite while another connection switches to WAL."""

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


def test_sqlite_writes_ahead_and_flushes_every_transaction(tmp_path: Path) -> None:
    engine = connect(sqlite_url(tmp_path))
    with reading(engine) as connection:
        values = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "busy_timeout")
        }
    engine.dispose()
    assert values == {"journal_mode": "wal", "synchronous": 2, "busy_timeout": 10_000}


def test_a_reader_sees_the_rows_from_before_an_open_write_without_waiting(database: Engine) -> None:
    with writing(database, alone_in=_counters) as writer:
        put(writer, 1)
        assert numbers(database) == []
    assert numbers(database) == [1]


def test_a_failed_transaction_changes_nothing(database: Engine) -> None:
    def fail() -> None:
        with writing(database) as connection:
            put(connection, 1)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert numbers(database) == []


def test_writers_that_lock_a_table_lose_no_update(database: Engine) -> None:
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


def test_a_kill_loses_no_acknowledged_transaction(database: Engine, database_url: str) -> None:
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


def test_a_process_that_writes_all_the_time_leaves_others_their_turn(tmp_path: Path) -> None:
    engine = connect(sqlite_url(tmp_path))
    _counters.create(engine)
    with python(WRITE_FOREVER, sqlite_url(tmp_path)) as writer:
        assert writer.stdout
        writer.stdout.readline()
        turns = []
        for _ in range(30):
            before = len(numbers(engine))
            with writing(engine) as connection:
                put(connection, -1)
            turns.append(len(numbers(engine)) - before)
        writer.kill()
    engine.dispose()
    # Of most turns: on a busy machine this process can be kept waiting between its two looks.
    assert median(turns) < 8, turns


def test_a_writer_gives_up_when_another_process_keeps_the_lock(tmp_path: Path) -> None:
    connect(sqlite_url(tmp_path)).dispose()
    engine = database_module._create_engine(make_url(sqlite_url(tmp_path)), 0.1)
    with sqlite3.connect(tmp_path / "sentiment.db", isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(DatabaseError, match="locked"), writing(engine):
            pass
        other.execute("ROLLBACK")
        with writing(engine) as connection:
            assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar() == 100
    other.close()
    engine.dispose()


def test_a_failed_statement_is_a_database_error(database: Engine) -> None:
    nowhere = Table("nowhere", MetaData(), Column("n", Integer))

    def read() -> None:
        with reading(database) as connection:
            connection.execute(select(func.count()).select_from(nowhere))

    with pytest.raises(DatabaseError, match="nowhere"):
        read()


def test_the_cause_of_an_error_hides_the_parameters(database: Engine) -> None:
    def read() -> None:
        with reading(database) as connection:
            connection.execute(text("SELECT * FROM nowhere WHERE a = :a"), {"a": PASSWORD})

    with pytest.raises(DatabaseError) as caught:
        read()
    assert PASSWORD not in str(caught.value.__cause__)
