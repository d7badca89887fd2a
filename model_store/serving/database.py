"""The database of a server: SQLite in its data directory, or PostgreSQL that several share.

Tables belong to the modules that use them, and are declared on `metadata`; all access is through
`reading` and `writing`.
"""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import (
    URL,
    Connection,
    Engine,
    MetaData,
    Table,
    create_engine,
    event,
    make_url,
    text,
)
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from model_store.errors import DatabaseError

metadata = MetaData()

_BUSY_SECONDS = 10
_POLL_SECONDS = 0.02
_CONNECT_SECONDS = 10
_TABLES_LOCK = 2_126_408_571
"""Any number that no other program takes for a lock in the same PostgreSQL database."""


def sqlite_url(data_dir: Path) -> str:
    """The URL of the database in a data directory."""
    return f"sqlite:///{data_dir.absolute() / 'sentiment.db'}"


def connect(url: str) -> Engine:
    """An engine for the database, all tables in it; raises DatabaseError.

    In SQLite an acknowledged transaction is on the disk. Any number of processes may connect at
    once.
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):  # The second for a port that is no number.
        raise DatabaseError("of the settings", "its URL is none of SQLAlchemy's") from None
    try:
        if parsed.get_backend_name() == "sqlite":
            if parsed.database:
                with suppress(OSError):  # what is wrong is said on opening
                    Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
            engine = create_engine(
                parsed, connect_args={"timeout": _BUSY_SECONDS}, hide_parameters=True
            )
            event.listen(engine, "connect", _prepare_sqlite)
            event.listen(engine, "begin", _begin_sqlite)
        else:
            # A host that does not answer must not hold a request for minutes.
            waits = {"connect_timeout": _CONNECT_SECONDS}
            engine = create_engine(
                parsed, pool_pre_ping=True, connect_args=waits, hide_parameters=True
            )
    except (ArgumentError, ImportError, SQLAlchemyError) as error:
        raise _error(parsed, error) from error
    with writing(engine) as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text(f"SELECT pg_advisory_xact_lock({_TABLES_LOCK})"))
        metadata.create_all(connection)
    return engine


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A transaction that changes nothing; raises DatabaseError."""
    try:
        with engine.connect() as connection:
            yield connection
    except SQLAlchemyError as error:
        raise _error(engine.url, error) from error


@contextmanager
def writing(engine: Engine, *, alone_in: Table | None = None) -> Iterator[Connection]:
    """A transaction that is kept as a whole or not at all; raises DatabaseError.

    `alone_in`: a table that nobody else writes meanwhile, so that what is read of it stays true.
    """
    try:
        with engine.connect() as connection:
            connection = connection.execution_options(writes=True)  # noqa: PLW2901
            with connection.begin():
                if alone_in is not None:
                    be_alone_in(connection, alone_in)
                yield connection
    except SQLAlchemyError as error:
        raise _error(engine.url, error) from error


def be_alone_in(connection: Connection, table: Table) -> None:
    """From now to the end of a transaction that writes, nobody else writes a table.

    In SQLite nobody else writes anything as it is.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"LOCK TABLE {table.name} IN EXCLUSIVE MODE"))


def _prepare_sqlite(connection: Any, _: object) -> None:
    # Transactions begin below: the driver would begin them late, as readers, and fail on writing.
    connection.isolation_level = None
    cursor = connection.cursor()
    _switch_to_wal(cursor)
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.close()


def _switch_to_wal(cursor: sqlite3.Cursor) -> None:
    deadline = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            # For this one lock SQLite does not wait, and a server's workers all start at once.
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(_POLL_SECONDS)
        else:
            return


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _error(url: URL, error: Exception) -> DatabaseError:
    """With what the driver says, in which no statement and no parameter is.

    The query of a URL may hold a password too.
    """
    reason = str(getattr(error, "orig", None) or type(error).__name__)
    shown = url.set(query={}).render_as_string()
    return DatabaseError(shown, reason.strip().partition("\n")[0])
