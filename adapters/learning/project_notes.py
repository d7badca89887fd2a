"""What commands remember of a project in Label Studio, so that they can put it back."""

from typing import Any

from sqlalchemy import JSON, Column, Engine, String, Table, delete, insert, select

from model_store.serving.database import metadata, reading, writing

_notes = Table(
    "project_notes",
    metadata,
    Column("project", String, primary_key=True),
    Column("name", String, primary_key=True),
    Column("value", JSON, nullable=False),
)


class ProjectNotes:
    """The notes of all projects, in one database: JSON by project and name."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def get(self, project: str, name: str) -> Any:
        """Return a note; None if there is none."""
        is_one = (_notes.c.project == project) & (_notes.c.name == name)
        with reading(self._engine) as connection:
            return connection.scalar(select(_notes.c.value).where(is_one))

    def set(self, project: str, name: str, value: Any) -> None:
        """Write a note; None deletes it."""
        is_one = (_notes.c.project == project) & (_notes.c.name == name)
        with writing(self._engine, alone_in=_notes) as connection:
            connection.execute(delete(_notes).where(is_one))
            if value is not None:
                row = {"project": project, "name": name, "value": value}
                connection.execute(insert(_notes).values(row))
