"""A private PostgreSQL server for the tests, without TCP and without durability."""

import getpass
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

_DEBIAN = Path("/usr/lib/postgresql")
_READY_SECONDS = 60


@dataclass(frozen=True)
class PostgresServer:
    """A running server; `folder` holds its socket."""

    folder: Path
    user: str
    _numbers: Iterator[int] = field(default_factory=count)

    @contextmanager
    def database(self, template: str = "template1") -> Iterator[str]:
        """Copy a database (template1 is empty), yield its SQLAlchemy URL, drop it at the end."""
        name = f"test_{next(self._numbers)}"
        with self.connect() as connection:
            # Takes a fifth of the processor time of the default. Before 15 it was the only way.
            strategy = "STRATEGY FILE_COPY" if connection.info.server_version >= 150_000 else ""
        self._execute(f"CREATE DATABASE {{}} TEMPLATE {template} {strategy}", name)
        try:
            yield f"postgresql+psycopg://{self.user}@/{name}?host={self.folder}"
        finally:
            self._execute("DROP DATABASE {} WITH (FORCE)", name)

    def connect(self) -> "psycopg.Connection[Any]":
        """Connect as the server's owner."""
        return psycopg.connect(
            host=str(self.folder), user=self.user, dbname="postgres", autocommit=True
        )

    def _execute(self, statement: Any, name: str) -> None:
        with self.connect() as connection:
            connection.execute(sql.SQL(statement).format(sql.Identifier(name)))


def find_postgres() -> Path | None:
    """Return the folder of PostgreSQL's programs, or None if it is not installed."""
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    return next((path.parent for path in sorted(_DEBIAN.glob("*/bin/initdb"))), None)


@contextmanager
def run_postgres(programs: Path) -> Iterator[PostgresServer]:
    """Run a server until the end of the block; for root as another user, as it refuses root."""
    owner: dict[str, Any] = {}
    user = getpass.getuser()
    # The path of a socket must be short.
    with tempfile.TemporaryDirectory(prefix="pg-", dir="/tmp") as name:
        folder = Path(name)
        if os.geteuid() == 0:
            account = _unprivileged()
            os.chown(folder, account.pw_uid, account.pw_gid)
            owner = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
            user = account.pw_name
        data = folder / "data"
        options = ("--auth=trust", "--encoding=UTF8", "--no-locale", "--no-sync")
        subprocess.run(
            [programs / "initdb", "-D", data, "-U", user, *options],
            **(owner | {"cwd": folder}),
            check=True,
            stdout=subprocess.DEVNULL,
        )
        settings = ("fsync=off", "full_page_writes=off", "synchronous_commit=off")
        process = subprocess.Popen(
            [
                *(programs / "postgres", "-D", data, "-k", folder, "-h", ""),
                *(part for setting in settings for part in ("-c", setting)),
            ],
            **(owner | {"cwd": folder}),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # An interrupt of the tests is not one of the server.
        )
        try:
            server = PostgresServer(folder, user)
            _wait_for(server, process)
            yield server
        finally:
            process.send_signal(signal.SIGINT)  # Ends it at once, and its sessions too.
            process.wait()


def _unprivileged() -> pwd.struct_passwd:
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        return pwd.getpwnam("nobody")


def _wait_for(server: PostgresServer, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + _READY_SECONDS
    while True:
        try:
            server.connect().close()
        except psycopg.OperationalError:
            assert process.poll() is None, f"PostgreSQL ended with {process.returncode}"
            assert time.monotonic() < deadline, "PostgreSQL does not accept connections"
            time.sleep(0.05)
        else:
            return
