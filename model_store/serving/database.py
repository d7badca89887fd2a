"""The database of a server: SQLite in its data directory, or PostgreSQL shared by replicas.

Tables belong to the modules that use them and are declared on `metadata`; `migrations` creates
and changes them. All access is through `reading` and `writing`.
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
from sqlalchemy.exc import ArgumentError, OperationalError, SQLAlchemyError

from model_store.errors import DatabaseError
from model_store.serving import migrations

metadata = MetaData()

_BUSY_SECONDS = 10
_MIGRATION_SECONDS = 600
"""How long a process waits for another one that migrates the same SQLite database."""
_POLL_SECONDS = 0.02
_TURN_SECONDS = 0.002
"""How long a writer of SQLite sleeps between two attempts to lock the database."""
_PRIMARY_CODE = 0xFF
"""The bits of SQLite's error codes without their details."""
_CONNECT_SECONDS = 10
_MIGRATION_LOCK = 2_126_408_571
"""The key of an advisory lock of PostgreSQL; releases without migrations take the same one."""


def sqlite_url(data_dir: Path) -> str:
    """Return the URL of the database in a data directory."""
    return f"sqlite:///{data_dir.absolute() / 'sentiment.db'}"


def connect(url: str) -> Engine:
    """Return an engine for the database, once its schema is up to date; raises DatabaseError.

    Creates the tables of an empty database and migrates those of an older release: whole, or on
    an error not at all. Refuses a database of a newer release. Any number of processes may
    connect at once. In SQLite an acknowledged transaction is on the disk.
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):  # The second one for a port that is not a number.
        raise DatabaseError("of the settings", "its URL is not one of SQLAlchemy's") from None
    engine = _create_engine(parsed, _BUSY_SECONDS)
    try:
        with reading(engine) as connection:
            is_up_to_date = migrations.current(connection) == migrations.newest()
        if not is_up_to_date:
            _migrate(parsed)
    except DatabaseError:
        engine.dispose()
        raise
    return engine


def _create_engine(url: URL, busy_seconds: float) -> Engine:
    try:
        if url.get_backend_name() != "sqlite":
            return create_engine(
                url,
                pool_pre_ping=True,
                # A host that does not answer must not hold a request for minutes.
                connect_args={"connect_timeout": _CONNECT_SECONDS},
                hide_parameters=True,
            )
        if url.database:
            with suppress(OSError):  # Opening the file will fail, too, with a reason.
                Path(url.database).parent.mkdir(parents=True, exist_ok=True)
        engine = create_engine(url, connect_args={"timeout": busy_seconds}, hide_parameters=True)
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", lambda connection: _begin_sqlite(connection, busy_seconds))
    except (ArgumentError, ImportError, SQLAlchemyError) as error:
        raise _error(url, error) from error
    return engine


def _migrate(url: URL) -> None:
    """Migrate in one transaction, one process at a time; other processes wait."""
    engine = _create_engine(url, _MIGRATION_SECONDS)
    try:
        with writing(engine) as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(text(f"SELECT pg_advisory_xact_lock({_MIGRATION_LOCK})"))
            migrations.upgrade(connection)
    except migrations.NewerSchemaError as error:
        raise DatabaseError(_shown(url), str(error)) from error
    finally:
        engine.dispose()


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """Open a transaction that changes nothing; raises DatabaseError."""
    try:
        with engine.connect() as connection:
            yield connection
    except SQLAlchemyError as error:
        raise _error(engine.url, error) from error


@contextmanager
def writing(engine: Engine, *, alone_in: Table | None = None) -> Iterator[Connection]:
    """Open a transaction that is committed completely or not at all; raises DatabaseError.

    `alone_in`: a table that no other transaction writes until the end of this one, so that rows
    read from it stay as they are.
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
    """Lock a table against other writers, until the end of a transaction of `writing`.

    In SQLite such a transaction is the only one that writes at all.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"LOCK TABLE {table.name} IN EXCLUSIVE MODE"))


def _prepare_sqlite(connection: Any, _: object) -> None:
    # `_begin_sqlite` begins transactions: the driver begins them as readers, and then a write
    # fails if another process has written.
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
            # SQLite does not wait for this one lock, and a server's workers start all at once.
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(_POLL_SECONDS)
        else:
            return


def _begin_sqlite(connection: Connection, busy_seconds: float) -> None:
    if not connection.get_execution_options().get("writes"):
        connection.exec_driver_sql("BEGIN")
        return
    # SQLite's own wait sleeps for up to 0.1 s at a time: a process that writes all the time takes
    # every turn, and an annotator at another worker waits for seconds.
    deadline = time.monotonic() + busy_seconds
    connection.exec_driver_sql("PRAGMA busy_timeout=0")
    try:
        while not _is_begun(connection, is_last=time.monotonic() > deadline):
            time.sleep(_TURN_SECONDS)
    finally:
        connection.exec_driver_sql(f"PRAGMA busy_timeout={1000 * busy_seconds:.0f}")


def _is_begun(connection: Connection, *, is_last: bool) -> bool:
    """Begin to write unless another process does; raises OperationalError at the last attempt."""
    try:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    except OperationalError as error:
        code = getattr(error.orig, "sqlite_errorcode", 0) & _PRIMARY_CODE
        if code != sqlite3.SQLITE_BUSY or is_last:
            raise
        return False
    return True


def _error(url: URL, error: Exception) -> DatabaseError:
    """Return an error with the driver's reason, which names no statement and no parameter."""
    reason = str(getattr(error, "orig", None) or type(error).__name__)
    return DatabaseError(_shown(url), reason.strip().partition("\n")[0])


def _shown(url: URL) -> str:
    """Return a URL without its password and without its query, which may hold one too."""
    return url.set(query={}).render_as_string()
