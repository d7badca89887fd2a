"""A small client of Label Studio's API for the actions of a user."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx2 as httpx

from tests.e2e.servers import LabelStudioServer

_SECONDS = 120


class LabelStudioApi:
    """A client of Label Studio's API; ids are Label Studio's, objects are its JSON."""

    def __init__(self, server: LabelStudioServer) -> None:
        self._http = httpx.Client(
            base_url=server.url,
            headers={"Authorization": f"Token {server.token}"},
            timeout=_SECONDS,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._http.close()

    def get(self, path: str, **params: str | int) -> Any:
        """Return the JSON answer of a GET."""
        return self._http.get(path, params=params).raise_for_status().json()

    def post(self, path: str, body: Any = None, **params: str | int) -> Any:
        """Return the JSON answer of a POST, or None if it is empty."""
        response = self._http.post(path, json=body, params=params).raise_for_status()
        return response.json() if response.content else None

    def patch(self, path: str, body: Any) -> Any:
        """Return the JSON answer of a PATCH."""
        return self._http.patch(path, json=body).raise_for_status().json()

    def delete(self, path: str) -> None:
        """Send a DELETE."""
        self._http.delete(path).raise_for_status()

    def create_project(self, title: str, label_config: str) -> int:
        """Create a project with a labeling interface and return its id."""
        body = {"title": title, "label_config": label_config}
        project: int = self.post("/api/projects/", body)["id"]
        return project

    def import_file(self, project: int, path: Path) -> int:
        """Upload a file of tasks as the import dialog does; return the number of tasks."""
        with path.open("rb") as content:
            response = self._http.post(
                f"/api/projects/{project}/import",
                files={"file": (path.name, content, "text/csv")},
            )
        count: int = response.raise_for_status().json()["task_count"]
        return count

    def import_tasks(self, project: int, data: Iterable[dict[str, Any]]) -> None:
        """Import tasks with these data."""
        self.post(f"/api/projects/{project}/import", [{"data": item} for item in data])

    def try_to_connect(self, project: int, url: str, **settings: Any) -> httpx.Response:
        """Press Validate and Save in the settings' Model page."""
        body = {"project": project, "title": "sentiment", "url": url, **settings}
        return self._http.post("/api/ml/", json=body)

    def connect(self, project: int, url: str, **settings: Any) -> Any:
        """Connect a backend; fail if Label Studio refuses it."""
        return self.try_to_connect(project, url, **settings).raise_for_status().json()

    def task_ids(self, project: int) -> list[int]:
        """Return the ids of the project's tasks in the order of the import."""
        listed = self.get("/api/tasks/", project=project, page_size=1000, fields="task_only")
        return sorted(task["id"] for task in listed["tasks"])

    def open_task(self, task: int) -> Any:
        """Return the task as the labeling screen gets it."""
        return self.get(f"/api/tasks/{task}")

    def retrieve_predictions(self, project: int, tasks: Sequence[int] | None = None) -> Any:
        """Run the Data Manager's action "Retrieve Predictions" on all tasks or on some."""
        items = (
            {"all": True, "excluded": []}
            if tasks is None
            else {"all": False, "included": list(tasks)}
        )
        return self.post(
            "/api/dm/actions",
            {"selectedItems": items},
            project=project,
            id="retrieve_tasks_predictions",
        )

    def predictions(self, project: int) -> list[Any]:
        """Return all stored predictions of the project."""
        stored: list[Any] = self.get("/api/predictions/", project=project)
        return stored

    def annotate(self, task: int, result: list[Any]) -> Any:
        """Submit an annotation."""
        body = {"result": result, "lead_time": 1.0}
        return self.post(f"/api/tasks/{task}/annotations/", body)
