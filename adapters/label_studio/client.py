"""Label Studio's API, through its SDK: the only module that knows either.

Nothing of the SDK leaves it: objects are plain dicts, and whatever fails is a ClientError. It talks
to the one host that it is given, and follows nobody to another.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from adapters.label_studio.api_objects import TASK_FIELDS, annotated_task, filter_of, some

_PAGE_SIZE = 100
_SECONDS = 60.0
_RETRIES = 3
"""After 429, 5xx and failed connections; the SDK waits longer each time, or as it is told."""

_PROJECT_FIELDS = ("id", "created_at", "label_config", "model_version", "task_number")


class ClientError(Exception):
    """Label Studio's API cannot be used; says why, never with a token or an answer's content."""

    def __init__(self, message: str, *, is_passing: bool = False) -> None:
        super().__init__(message)
        self.is_passing = is_passing
        """Whether the same call may do later: too many of them, or a server that is not there."""


class LabelStudioClient:
    """What one Label Studio says, to the owner of an API key.

    The key is a personal access token or a legacy token. Raises ClientError, as all methods do;
    close it after use, or use it in a `with` statement.
    """

    def __init__(self, url: str, api_key: str) -> None:
        _check_url(url)
        self._url = url.rstrip("/")
        self._sdk, self._httpx, self._api_error = _import_sdk()
        # An address that has moved must be set anew: the token is not carried elsewhere.
        self._http = self._httpx.Client(timeout=_SECONDS, follow_redirects=False)
        try:
            with self._asking("for access"):
                self._api = self._sdk.LabelStudio(
                    base_url=f"{self._url}/",  # Without the slash it loses a path on refreshing.
                    api_key=_checked_key(api_key),
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

    def check(self) -> None:
        """Nothing, if the key opens the door; raises ClientError."""
        with self._asking("who we are"):
            self._api.users.whoami()

    def project(self, number: int) -> Mapping[str, Any]:
        """A project: `id`, `created_at` in ISO 8601, `label_config`, `task_number`.

        Its `model_version` is the one whose predictions it shows.
        """
        with self._asking(f"for project {number}"):
            found = some(self._api.projects.get(number), _PROJECT_FIELDS)
            if found["id"] != number or not isinstance(found["label_config"], str):
                raise ValueError
            return found

    def tasks_with_annotations(self, number: int) -> Iterator[Sequence[Mapping[str, Any]]]:
        """The annotated tasks of a project, skipped ones too, page by page in the order of ids.

        A task: `id`, `data`, and its `annotations`, of each `id`, `result`, `was_cancelled`,
        `updated_at` in ISO 8601, `completed_by`.
        """
        # By the last id, not by the page's number: no task moves to a page that is done when
        # others are deleted or annotated meanwhile.
        last = -1
        while page := self._annotated_tasks_after(number, last):
            yield page
            last = page[-1]["id"]

    def tasks_without(
        self, number: int, version: str, *, after: int, count: int
    ) -> Sequence[Mapping[str, Any]]:
        """The first tasks of a project, by id, that have no prediction of a version.

        Of those after the id `after`, `count` at most. A task: `id`, `data`.
        """
        lacking = filter_of("predictions_model_versions", "not_contains", "List", version)
        with self._asking(f"for the tasks of project {number}"):
            items = self._tasks(number, after, lacking, count=count, include="id,data")
            return [some(item, TASK_FIELDS) for item in items]

    def predictions_of(
        self, number: int, version: str, *, after: int, count: int
    ) -> Sequence[tuple[int, Sequence[int]]]:
        """The first tasks of a project, by id, with predictions of a version, and the ids of those.

        Of the tasks after the id `after`, `count` at most.
        """
        having = filter_of("predictions_model_versions", "contains", "List", version)
        with self._asking(f"for the predictions of project {number}"):
            items = self._tasks(number, after, having, count=count, include="id,predictions")
            found = [some(item, ("id", "predictions")) for item in items]
            return [
                (
                    item["id"],
                    sorted(p["id"] for p in item["predictions"] if p["model_version"] == version),
                )
                for item in found
            ]

    def import_predictions(self, number: int, predictions: Sequence[Mapping[str, Any]]) -> None:
        """Store predictions: `task`, `result`, `score`, `model_version`.

        It is tried once: after a ClientError some may be there or none, and to repeat it could
        store them twice.
        """
        with self._asking(f"to store predictions in project {number}"):
            self._api.projects.import_predictions(
                number, request=list(predictions), request_options={"max_retries": 0}
            )

    def delete_prediction(self, prediction: int) -> None:
        """See that there is no such prediction."""
        with self._asking("to delete a prediction"):
            try:
                self._api.predictions.delete(prediction)
            except self._api_error as error:
                # Of an earlier call that was carried out the answer may have been lost.
                if error.status_code != 404:  # noqa: PLR2004 (HTTP's)
                    raise

    def backends(self, number: int) -> Sequence[Mapping[str, Any]]:
        """The ML backends of a project: `url`, `title`, `error_message`, `auth_method`."""
        fields = ("url", "title", "error_message", "auth_method")
        with self._asking(f"for the backends of project {number}"):
            return [some(item, fields) for item in self._api.ml.list(project=number)]

    def webhooks(self, number: int) -> Sequence[Mapping[str, Any]]:
        """The webhooks of a project: `id`, `url`, `is_active`, `headers`."""
        fields = ("id", "url", "is_active", "headers")
        with self._asking(f"for the webhooks of project {number}"):
            found = self._api.webhooks.list(project=str(number))
            return [some(item, fields) for item in found]

    def set_webhook_headers(self, webhook: int, headers: Mapping[str, str]) -> None:
        """What a webhook sends with each event from now on."""
        with self._asking("to change a webhook"):
            self._http.patch(
                f"{self._url}/api/webhooks/{webhook}/",
                json={"headers": dict(headers)},
                headers=self._api._client_wrapper.get_headers(),  # noqa: SLF001
            ).raise_for_status()

    def _annotated_tasks_after(self, project: int, last: int) -> list[Mapping[str, Any]]:
        # Those who skipped it are annotators too.
        annotated = filter_of("annotators", "empty", "List", value=False)
        with self._asking(f"for the annotations of project {project}"):
            return [annotated_task(item) for item in self._tasks(project, last, annotated)]

    def _tasks(
        self,
        project: int,
        last: int,
        condition: Mapping[str, Any],
        *,
        count: int | None = None,
        include: str | None = None,
    ) -> list[Any]:
        items = [filter_of("id", "greater", "Number", last), condition]
        query = {"filters": {"conjunction": "and", "items": items}, "ordering": ["tasks:id"]}
        found = self._api.tasks.list(
            project=project,
            page=1,
            page_size=count or _PAGE_SIZE,
            query=json.dumps(query),
            resolve_uri=False,
            # What is included is left out all the same unless all is asked for.
            **({"fields": "all", "include": include} if include else {}),
        )
        # Also where somebody answers who does not know these filters: never the same again.
        tasks = [task for task in found.items or () if task.id > last]
        return sorted(tasks, key=lambda task: task.id)

    @contextmanager
    def _asking(self, what: str) -> Iterator[None]:
        """Turn whatever fails into a ClientError; the causes hold tokens and bodies, and end here.

        AttributeError and the like are how the SDK fails on an answer that it does not expect.
        """
        httpx = self._httpx
        passing = True
        try:
            yield
        except self._api_error as error:
            reason, passing = _reason(error.status_code or 0), _passes(error.status_code or 0)
        except httpx.HTTPStatusError as error:
            status = error.response.status_code
            reason, passing = _reason(status), _passes(status)
        except httpx.TimeoutException:
            reason = f"does not answer within {_SECONDS:g} seconds: ask again later"
        except (httpx.HTTPError, httpx.InvalidURL):
            reason = "cannot be reached: check LABEL_STUDIO_URL, and whether it runs"
        except (AttributeError, KeyError, TypeError, ValueError):
            reason, passing = _NO_LABEL_STUDIO, False
        else:
            return
        message = f"Asked {what}, Label Studio at {self._url} {reason}."
        raise ClientError(message, is_passing=passing) from None


_NO_LABEL_STUDIO = "does not answer as Label Studio does: check LABEL_STUDIO_URL"
_FORBIDDEN = "has none, or the owner of LABEL_STUDIO_API_KEY may not see it"
_REASONS = {
    401: "refuses LABEL_STUDIO_API_KEY: it is wrong or has expired, or its kind (personal access "
    "token or legacy token) is switched off there",
    403: _FORBIDDEN,
    404: _FORBIDDEN,
    429: "has been asked too often: ask again later",
}


def _passes(status: int) -> bool:
    return status == 429 or status >= 500  # noqa: PLR2004 (HTTP's)


def _reason(status: int) -> str:
    if status in _REASONS:
        return _REASONS[status]
    if 300 <= status < 400:  # noqa: PLR2004 (HTTP's redirects)
        return "sends to another address: set LABEL_STUDIO_URL to that one if you trust it"
    if status >= 500:  # noqa: PLR2004 (HTTP's errors of servers)
        return f"fails with status {status}: its log says why"
    return _NO_LABEL_STUDIO


def _import_sdk() -> tuple[Any, Any, type[Any]]:
    """The SDK, its HTTP library, and its error: few servers need them, and they take seconds."""
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


def _check_url(url: str) -> None:
    try:
        parts = urlsplit(url)
        fine = parts.scheme in ("http", "https") and parts.hostname and not parts.username
    except ValueError:
        fine = False
    if not fine:
        raise ClientError(
            "LABEL_STUDIO_URL must be an address such as http://labels.example.org:8080, without a "
            "user name."
        )


def _checked_key(api_key: str) -> str:
    """Without the blanks around it that files of secrets have."""
    key = api_key.strip()
    if not key or not key.isascii() or not key.isprintable():
        raise ClientError("LABEL_STUDIO_API_KEY must be a token as Label Studio shows it.")
    return key
