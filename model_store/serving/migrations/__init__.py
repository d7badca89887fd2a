"""Bring the schema of a server's database up to date, with Alembic.

Each module of the folder `versions` is a revision; its name starts with `r` and the revision's
number. Revisions say what they create themselves and import none of our tables: a table that
changes later must not change an older revision.
"""

import logging
from pathlib import Path

from sqlalchemy import Connection, inspect, text

logger = logging.getLogger(__name__)

FOLDER = Path(__file__).parent
VERSIONS = FOLDER / "versions"


class NewerSchemaError(Exception):
    """A newer release has migrated the database; the message says what to do."""

    def __init__(self, found: str, newest: str) -> None:
        super().__init__(
            f"its schema has revision {found}, and this release knows revisions up to {newest}; "
            "upgrade the program, or restore a backup of the database from before its upgrade"
        )


def newest() -> str:
    """Return the newest revision that this release knows, such as `0001`.

    Reads file names only: every process asks when it starts, and to import Alembic takes 0.2 s.
    """
    return max(path.stem.split("_")[0].removeprefix("r") for path in VERSIONS.glob("r*_*.py"))


def current(connection: Connection) -> str | None:
    """Return the revision of a database; None if no migration was ever applied to it."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def upgrade(connection: Connection) -> None:
    """Apply the migrations that are missing, in the transaction of `connection`.

    The caller makes sure that one process does this at a time. Raises NewerSchemaError, before
    any change, if this release does not know the revision of the database.
    """
    # Imported here: a database that is up to date needs none of it.
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config(attributes={"connection": connection})
    # In an option a percent sign starts the name of another one, unless it is doubled.
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.set_main_option("version_locations", str(VERSIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "newline")
    found = current(connection)
    known = [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()]
    if found is not None and found not in known:
        raise NewerSchemaError(found, newest())
    if found is not None and found != newest():
        # A warning: when modules are imported, the level of the log is not set yet.
        logger.warning("Upgrading the database from revision %s to %s", found, newest())
    command.upgrade(config, "head")
