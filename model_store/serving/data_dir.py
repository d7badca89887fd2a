"""What is in the data directory of a server, for the commands that work beside it."""

import os
from pathlib import Path

from model_store.serving.database import sqlite_url


def default() -> Path:
    """The data directory that the environment names, as for the server."""
    return Path(os.environ.get("SENTIMENT_DATA_DIR", ".data"))


def use_store(data_dir: Path) -> None:
    """BentoML's store is that of the server with this data directory, if it has one of its own.

    Only of use before BentoML is imported.
    """
    if (data_dir / "bentoml").is_dir():
        os.environ.setdefault("BENTOML_HOME", str((data_dir / "bentoml").absolute()))


def database_url(data_dir: Path) -> str:
    """The URL of the server's database."""
    return os.environ.get("SENTIMENT_DATABASE_URL") or sqlite_url(data_dir)
