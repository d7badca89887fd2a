"""The data of older releases, ready to open: see README.md."""

import tarfile
from pathlib import Path

import psycopg

RELEASES = Path(__file__).parent
OLD = RELEASES / "982c762"
"""The last release without migrations."""

_DRIVER = "postgresql+psycopg"


def unpack(folder: Path, release: Path = OLD) -> Path:
    """Unpack the data directory of a release into a folder and return it."""
    folder.mkdir(parents=True, exist_ok=True)
    with tarfile.open(release / "data.tar.xz") as archive:
        archive.extractall(folder, filter="data")
    return folder / "data"


def fill_postgresql(url: str, release: Path = OLD) -> None:
    """Put the tables and rows of a release into an empty database of PostgreSQL."""
    script = (release / "postgresql.sql").read_text(encoding="utf-8")
    with psycopg.connect(url.replace(_DRIVER, "postgresql"), autocommit=True) as connection:
        connection.execute(script.encode())
