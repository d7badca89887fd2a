"""Find the store and the database of a server, for the commands that work beside it."""

import os
from pathlib import Path

from model_store.serving.database import sqlite_url


def default() -> Path:
    """Return the data directory: `SENTIMENT_DATA_DIR`, as for the server, or `.data`."""
    return Path(os.environ.get("SENTIMENT_DATA_DIR", ".data"))


def use_store(data_dir: Path) -> None:
    """Make BentoML use the store in this data directory, if there is one.

    `BENTOML_HOME` wins where it is set. Call this before BentoML is imported.
    """
    if (data_dir / "bentoml").is_dir():
        os.environ.setdefault("BENTOML_HOME", str((data_dir / "bentoml").absolute()))


def database_url(data_dir: Path) -> str:
    """Return the URL of the server's database: `SENTIMENT_DATABASE_URL`, or SQLite's."""
    return os.environ.get("SENTIMENT_DATABASE_URL") or sqlite_url(data_dir)
