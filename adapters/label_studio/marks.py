"""The columns that mark tasks in Label Studio for people to look at: fields of the tasks' data.

A tab of the Data Manager can be ordered by such a column alone; nothing else that a task has can be
set through the API. Whoever annotates a marked task is done with it: the marks go.
"""

import asyncio
import logging
from collections.abc import Mapping
from typing import Any, Self

from adapters.label_studio.client_errors import ClientError
from adapters.label_studio.events import AnnotatedTask, Changes
from adapters.label_studio.project_api import ProjectApi

logger = logging.getLogger(__name__)

_PREFIX = "review_"
SUSPECT = "review_suspect"
"""How likely the annotation of a suspect is wrong, in 0..1."""
SUGGESTION = "review_suggestion"
"""What the model says, beside a suspect or a disputed task."""
DISPUTED = "review_disputed"
"""How unsure it is which of several annotators is right, in 0..1."""
AUDIT = "review_audit"
"""1 for a task that is left for the audit of an acceptance."""
_AT_ONCE = 2


def is_marked(data: Mapping[str, Any]) -> bool:
    """Return whether a task has marks."""
    return any(name.startswith(_PREFIX) for name in data)


def unmarked(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the data of a task without marks.

    >>> unmarked({"text": "Good.", "review_suspect": 0.9})
    {'text': 'Good.'}
    """
    return {name: value for name, value in data.items() if not name.startswith(_PREFIX)}


class MarkRemover:
    """Removes the marks of tasks that were annotated, after the response to their event.

    Without `api` the marks stay until `preannotate review` runs again.
    """

    def __init__(self, api: ProjectApi | None) -> None:
        self._api = api
        self._turns = asyncio.Semaphore(_AT_ONCE)

    @classmethod
    def of_environment(cls) -> Self:
        """Use the Label Studio of the environment's variables, if they name one."""
        return cls(ProjectApi.of_environment("Marks of reviewed tasks stay"))

    async def remove(self, changes: Changes) -> None:
        """Remove the marks of the tasks in an event that has annotations."""
        if self._api is None or not changes.annotations:
            return
        for task in changes.tasks:
            if is_marked(task.data):
                await self._remove(self._api, changes.project, task)

    async def _remove(self, api: ProjectApi, project: str, task: AnnotatedTask) -> None:
        async with self._turns:
            try:
                await asyncio.to_thread(api.change_task_data, task.id, unmarked(task.data))
            except ClientError as error:
                logger.warning(
                    "Project %s: task %d keeps its marks, until `preannotate review` runs: %s",
                    project,
                    task.id,
                    error,
                )
