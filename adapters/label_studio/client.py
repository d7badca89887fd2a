"""Read tasks and annotations of Label Studio, and store predictions, through its SDK.

No other module imports the SDK. Settings of a project: see `project_api.py`.

Returns plain dicts, and raises only ClientError. Talks to one host, and never follows a redirect.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

from adapters.label_studio.client_errors import (
    NO_LABEL_STUDIO,
    UNREACHABLE,
    ClientError,
    checked_key,
    checked_url,
    failure,
    is_passing,
    reason_of,
    timed_out,
)

_PAGE_SIZE = 100
_SECONDS = 60.0
_RETRIES = 3
"""Retries after 429, 5xx and failed connections; the SDK backs off, or obeys Retry-After."""

_TASK_FIELDS = ("id", "data")
_ANNOTATION_FIELDS = (
    *("id", "result", "was_cancelled", "updated_at", "completed_by", "ground_truth"),
    *("lead_time", "parent_prediction"),
)
_PROJECT_FIELDS = ("id", "created_at", "label_config", "model_version", "task_number")


class LabelStudioClient:
    """The API of one Label Studio, used with one API key.

    The key is a personal access token or a legacy token. All methods raise ClientError. Close the
    client after use, or use it in a `with` statement.
    """

    def __init__(self, url: str, api_key: str) -> None:
        self._url = checked_url(url)
        self._sdk, self._httpx, self._api_error = _import_sdk()
        # A redirect would carry the token to another host.
        self._http = self._httpx.Client(timeout=_SECONDS, follow_redirects=False)
        try:
            with self._trying("log in"):
                self._api = self._sdk.LabelStudio(
                    base_url=f"{self._url}/",  # Without the slash a token refresh drops the path.
                    api_key=checked_key(api_key),
                    httpx_client=self._http,
                    timeout=_SECONDS,
                    max_retries=_RETRIES,
                )
        except ClientError:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    def project(self, number: int) -> Mapping[str, Any]:
        """Return a project: `id`, `created_at` in ISO 8601, `label_config`, `task_number`.

        `model_version` is the version whose predictions the project shows.
        """
        with self._trying(f"get project {number}"):
            found = _fields_of(self._api.projects.get(number), _PROJECT_FIELDS)
            if found["id"] != number or not isinstance(found["label_config"], str):
                raise ValueError
            return found

    def tasks_with_annotations(self, number: int) -> Iterator[Sequence[Mapping[str, Any]]]:
        """Yield pages of the annotated and skipped tasks of a project, by ascending id.

        A task has `id`, `data` and `annotations`. An annotation has `id`, `result`,
        `was_cancelled`, `updated_at` in ISO 8601, `completed_by`, `ground_truth`, `lead_time` in
        seconds, and `parent_prediction`.
        """
        # A page starts after the last id. With page numbers, a task deleted or annotated between
        # two requests would move others to a page that was already read.
        last = -1
        while page := self._annotated_tasks_after(number, last):
            yield page
            last = page[-1]["id"]

    def tasks_without(
        self, number: int, version: str, *, after: int, count: int
    ) -> Sequence[Mapping[str, Any]]:
        """Return tasks of a project without a prediction of a version, by ascending id.

        At most `count` tasks with ids greater than `after`. A task has `id` and `data`.
        """
        lacking = condition("predictions_model_versions", "not_contains", "List", [version])
        with self._trying(f"list the tasks of project {number}"):
            items = self._tasks(number, after, lacking, count=count, include="id,data")
            return [_fields_of(item, _TASK_FIELDS) for item in items]

    def predictions_of(
        self, number: int, version: str, *, after: int, count: int
    ) -> Sequence[tuple[int, Sequence[int]]]:
        """Return ids of tasks with predictions of a version, and the ids of these predictions.

        At most `count` tasks of the project with ids greater than `after`, by ascending id.
        """
        having = having_version(version)
        with self._trying(f"list the predictions of project {number}"):
            items = self._tasks(number, after, having, count=count, include="id,predictions")
            found = [_fields_of(item, ("id", "predictions")) for item in items]
            return [
                (
                    item["id"],
                    sorted(p["id"] for p in item["predictions"] if p["model_version"] == version),
                )
                for item in found
            ]

    def tasks_where(
        self,
        number: int,
        conditions: Sequence[Mapping[str, Any]] = (),
        *,
        after: int,
        count: int,
        fields: Sequence[str],
    ) -> Sequence[Mapping[str, Any]]:
        """Return tasks of a project that meet all conditions of `condition`, by ascending id.

        At most `count` tasks with ids greater than `after`. fields: those of a task, such as
        `predictions` or `total_annotations`.
        """
        with self._trying(f"list the tasks of project {number}"):
            items = self._tasks(number, after, *conditions, count=count, include=",".join(fields))
            return [_fields_of(item, fields) for item in items]

    def annotations_of(self, number: int, first: int, last: int) -> Sequence[Mapping[str, Any]]:
        """Return the annotated tasks with ids from `first` to `last`.

        They are as those of `tasks_with_annotations`.
        """
        found: list[Mapping[str, Any]] = []
        after = first - 1
        while page := self._annotated_tasks_after(number, after):
            found += [task for task in page if task["id"] <= last]
            after = page[-1]["id"]
            if after >= last:
                break
        return found

    def import_predictions(self, number: int, predictions: Sequence[Mapping[str, Any]]) -> None:
        """Store predictions: `task`, `result`, `score`, `model_version`.

        Never retried, since a retry could store them twice. After a ClientError some may be
        stored.
        """
        with self._trying(f"store predictions in project {number}"):
            self._api.projects.import_predictions(
                number, request=list(predictions), request_options={"max_retries": 0}
            )

    def delete_prediction(self, prediction: int) -> None:
        """Delete a prediction, if it exists."""
        with self._trying("delete a prediction"):
            try:
                self._api.predictions.delete(prediction)
            except self._api_error as error:
                # An earlier attempt may have deleted it before its response was lost.
                if error.status_code != 404:  # noqa: PLR2004 (HTTP's)
                    raise

    def _annotated_tasks_after(self, project: int, last: int) -> list[Mapping[str, Any]]:
        # Users who skipped the task count as annotators.
        annotated = condition("annotators", "empty", "List", value=False)
        with self._trying(f"list the annotations of project {project}"):
            return [_annotated_task(item) for item in self._tasks(project, last, annotated)]

    def _tasks(
        self,
        project: int,
        last: int,
        *conditions: Mapping[str, Any],
        count: int | None = None,
        include: str | None = None,
    ) -> list[Any]:
        items = [condition("id", "greater", "Number", last), *conditions]
        query = {"filters": {"conjunction": "and", "items": items}, "ordering": ["tasks:id"]}
        found = self._api.tasks.list(
            project=project,
            page=1,
            page_size=count or _PAGE_SIZE,
            query=json.dumps(query),
            resolve_uri=False,
            # Without fields=all, Label Studio ignores include.
            **({"fields": "all", "include": include} if include else {}),
        )
        # Stop if a server ignores the filters and sends the same tasks again.
        tasks = [task for task in found.items or () if task.id > last]
        return sorted(tasks, key=lambda task: task.id)

    @contextmanager
    def _trying(self, action: str) -> Iterator[None]:
        """Turn any failure into a ClientError without its cause, which holds tokens and bodies.

        The SDK raises AttributeError, KeyError and similar on responses that it does not expect.
        """
        httpx = self._httpx
        passing = True
        try:
            yield
        except self._api_error as error:
            status = error.status_code or 0
            reason, passing = reason_of(status), is_passing(status)
        except httpx.HTTPStatusError as error:
            status = error.response.status_code
            reason, passing = reason_of(status), is_passing(status)
        except httpx.TimeoutException:
            reason = timed_out(_SECONDS)
        except (httpx.HTTPError, httpx.InvalidURL):
            reason = UNREACHABLE
        except (AttributeError, KeyError, TypeError, ValueError):
            reason, passing = NO_LABEL_STUDIO, False
        else:
            return
        raise failure(action, self._url, reason, is_passing=passing) from None


def condition(name: str, operator: str, kind: str, value: Any) -> dict[str, Any]:
    """Return a filter of Label Studio's Data Manager."""
    return {
        "filter": f"filter:tasks:{name}",
        "operator": operator,
        "type": kind,
        "value": value,
    }


def having_version(version: str) -> dict[str, Any]:
    """Return the filter for tasks that have a prediction of a version.

    A list: of a string, Label Studio compares each character.
    """
    return condition("predictions_model_versions", "contains", "List", [version])


def _annotated_task(item: Any) -> Mapping[str, Any]:
    found = item.annotations or ()
    annotations = [_fields_of(annotation, _ANNOTATION_FIELDS) for annotation in found]
    return {**_fields_of(item, _TASK_FIELDS), "annotations": annotations}


def _fields_of(item: Any, fields: Sequence[str]) -> dict[str, Any]:
    """Return fields of an object of the SDK, or of a dict where the SDK has no class for it."""
    if isinstance(item, Mapping):
        return {name: _plain(item[name]) for name in fields}
    # Warnings of pydantic would show the values.
    values = item.model_dump(include=set(fields), warnings=False)
    return {name: _plain(values[name]) for name in fields}


def _plain(value: Any) -> Any:
    """Return a time that the SDK has parsed in ISO 8601, as the API sends it."""
    return value.isoformat() if hasattr(value, "isoformat") else value


def _import_sdk() -> tuple[Any, Any, type[Any]]:
    """Import the SDK, its HTTP library and its error late: few servers use them, and it is slow."""
    try:
        import httpx  # noqa: PLC0415
        import label_studio_sdk  # noqa: PLC0415
        from label_studio_sdk.core.api_error import ApiError  # noqa: PLC0415
    except ImportError:
        raise ClientError(
            "Label Studio's SDK is missing: "
            '`pip install "sentiment-backend[label-studio]"`, or unset LABEL_STUDIO_URL.'
        ) from None
    return label_studio_sdk, httpx, ApiError
