"""What the commands work on: a project in Label Studio, and the database of its server."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from adapters.label_studio.client import LabelStudioClient
from adapters.label_studio.client_errors import ClientError
from adapters.label_studio.events import EventError, project_key
from adapters.label_studio.project_api import ProjectApi
from adapters.learning.project_notes import ProjectNotes
from adapters.preannotate.errors import PreannotateError
from adapters.preannotate.patience import patiently
from adapters.preannotate.project import PAGE_TASKS, credentials
from model_store.errors import ModelStoreError
from model_store.serving import data_dir
from model_store.serving.database import connect


@dataclass(frozen=True)
class Access:
    """One project, with what is needed to read and change it."""

    project: Mapping[str, Any]
    """As Label Studio's API describes it."""
    key: str
    """The project's name for the server."""
    client: LabelStudioClient
    api: ProjectApi
    engine: Engine
    folder: Path
    """The data directory of the server."""

    @property
    def number(self) -> int:
        """The number of the project in Label Studio."""
        return int(self.project["id"])

    @property
    def notes(self) -> ProjectNotes:
        """What earlier runs remember."""
        return ProjectNotes(self.engine)

    def tasks(
        self, *conditions: Mapping[str, Any], fields: Sequence[str]
    ) -> Iterator[Mapping[str, Any]]:
        """Yield the tasks that meet all conditions, by ascending id, with these fields and `id`."""
        after = -1
        while page := patiently(self._page, conditions, after, ("id", *fields)):
            yield from page
            after = page[-1]["id"]

    def _page(
        self, conditions: Sequence[Mapping[str, Any]], after: int, fields: Sequence[str]
    ) -> Sequence[Mapping[str, Any]]:
        return self.client.tasks_where(
            self.number, conditions, after=after, count=PAGE_TASKS, fields=fields
        )


@contextmanager
def opened(number: int, folder: Path) -> Iterator[Access]:
    """Open a project of Label Studio, and the database of the server with this data directory.

    Turns expected errors inside the block into PreannotateError.
    """
    url, key = credentials()
    try:
        data_dir.use_store(folder)
        engine = connect(data_dir.database_url(folder))
        try:
            with LabelStudioClient(url, key) as client:
                api = ProjectApi(url, key)
                project = api.project(number)
                yield Access(project, project_key(project), client, api, engine, folder)
        finally:
            engine.dispose()
    except (ClientError, EventError, ModelStoreError) as error:
        raise PreannotateError(str(error)) from error
