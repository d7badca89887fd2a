"""Read and change the settings of a project in Label Studio: backends, webhooks, shown version.

Speaks plain HTTP: the server uses it beside its requests, and Label Studio's SDK would cost every
worker 1.7 s of processor time and 120 MB. Tasks and annotations: see `client.py`. Talks to one
host, and never follows a redirect.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import urlencode

import orjson
import urllib3

from adapters.label_studio.client_errors import (
    NO_LABEL_STUDIO,
    UNREACHABLE,
    ClientError,
    checked_key,
    checked_url,
    failure,
    is_passing,
    is_personal,
    reason_of,
    timed_out,
)
from adapters.settings import LabelStudioSettings

logger = logging.getLogger(__name__)

_SECONDS = 30.0

_BACKEND_FIELDS = ("url", "title", "model_version")


@dataclass(frozen=True)
class Versions:
    """The version that a project shows, and those that it could show."""

    shown: str
    """The score column and the label stream use the predictions of this version; Label Studio also
    puts the title of a backend here, which no prediction carries. Empty if there is none."""
    counts: Mapping[str, int]
    """Number of predictions of each version."""
    backends: Mapping[str, str]
    """The version that each connected backend named last, by the backend's title."""


class ProjectApi:
    """The projects of one Label Studio, used with one API key.

    The key is a personal access token or a legacy token. All methods raise ClientError. Threads
    can share it.
    """

    def __init__(self, url: str, api_key: str) -> None:
        self._url = checked_url(url)
        self._key = checked_key(api_key)
        self._is_personal = is_personal(self._key)
        self._header: str | None = None
        self._http = urllib3.PoolManager(timeout=_SECONDS, retries=False)

    @classmethod
    def of_environment(cls, otherwise: str) -> Self | None:
        """Return the API of the Label Studio that the environment's variables name, if any.

        otherwise: what does not happen without it, for the log.
        """
        access = LabelStudioSettings()
        if not (access.url and access.api_key):
            return None
        try:
            return cls(access.url, access.api_key.get_secret_value())
        except ClientError as error:
            logger.warning("%s: %s", otherwise, error)
            return None

    def check(self) -> None:
        """Raise ClientError if Label Studio does not accept the key."""
        with self._trying("check the API key"):
            self._request("GET", "current-user/whoami")["id"]

    def project(self, number: int) -> Mapping[str, Any]:
        """Return a project as the API describes it, with `id`, `created_at`, `label_config`."""
        with self._trying(f"get project {number}"):
            found = self._request("GET", f"projects/{number}/")
            if found["id"] != number or not isinstance(found["label_config"], str):
                raise ValueError
            return _mapping(found)

    def versions(self, project: Mapping[str, Any]) -> Versions:
        """Return the version that a project shows, and its predictions by version."""
        number = project["id"]
        with self._trying(f"list the versions of project {number}"):
            query = {"extended": "true", "include_live_models": "true"}
            found = self._request("GET", f"projects/{number}/model-versions/", query=query)
            return Versions(
                project["model_version"] or "",
                {str(item["model_version"]): int(item["count"]) for item in found["static"]},
                {str(item["title"]): str(item["model_version"]) for item in found["live"]},
            )

    def show_version(self, number: int, version: str) -> None:
        """Make a project show the predictions of a version; the project must have some."""
        with self._trying(f"choose the version that project {number} shows"):
            self._request("PATCH", f"projects/{number}/", {"model_version": version})

    def change_project(self, number: int, changes: Mapping[str, Any]) -> None:
        """Set fields of a project, such as `sampling`."""
        with self._trying(f"change project {number}"):
            self._request("PATCH", f"projects/{number}/", changes)

    def task_data(self, task: int) -> Mapping[str, Any] | None:
        """Return the data of a task; None if the task does not exist."""
        with self._trying("get a task"):
            found = self._request_if_there("GET", f"tasks/{task}/")
            return None if found is None else _mapping(found["data"])

    def change_task_data(self, task: int, data: Mapping[str, Any]) -> None:
        """Replace the data of a task as a whole."""
        with self._trying("change the data of a task"):
            self._request("PATCH", f"tasks/{task}/", {"data": data})

    def set_cluster(self, prediction: int, cluster: int) -> None:
        """Set the cluster of a prediction, by which the label stream varies the tasks."""
        with self._trying("change a prediction"):
            self._request("PATCH", f"predictions/{prediction}/", {"cluster": cluster})

    def create_annotations(self, number: int, tasks: Sequence[int], version: str) -> None:
        """Make annotations of the predictions of a version that these tasks have.

        Does nothing for a prediction that was made one before.
        """
        with self._trying(f"create annotations in project {number}"):
            body = {
                "selectedItems": {"all": False, "included": list(tasks)},
                "model_version": version,
            }
            query = {"id": "predictions_to_annotations", "project": str(number)}
            self._request("POST", "dm/actions/", body, query=query)

    def delete_annotation(self, annotation: int) -> None:
        """Delete an annotation, if it exists."""
        with self._trying("delete an annotation"):
            self._request_if_there("DELETE", f"annotations/{annotation}/")

    def views(self, number: int) -> Sequence[Mapping[str, Any]]:
        """Return the tabs of a project's Data Manager: `id` and `data`."""
        with self._trying(f"list the tabs of project {number}"):
            found = self._request("GET", "dm/views/", query={"project": str(number)})
            return [_mapping(item, "id", "data") for item in found]

    def create_view(self, number: int, data: Mapping[str, Any]) -> int:
        """Create a tab and return its id."""
        with self._trying(f"create a tab in project {number}"):
            return int(self._request("POST", "dm/views/", {"project": number, "data": data})["id"])

    def change_view(self, number: int, view: int, data: Mapping[str, Any]) -> None:
        """Replace what a tab shows."""
        with self._trying(f"change a tab of project {number}"):
            self._request("PATCH", f"dm/views/{view}/", {"project": number, "data": data})

    def delete_view(self, view: int) -> None:
        """Delete a tab, if it exists."""
        with self._trying("delete a tab"):
            self._request_if_there("DELETE", f"dm/views/{view}/")

    def backends(self, number: int) -> Sequence[Mapping[str, Any]]:
        """Return the ML backends of a project: `url`, `title`, `error_message` and others."""
        with self._trying(f"list the backends of project {number}"):
            found = self._request("GET", "ml/", query={"project": str(number)})
            return [_mapping(item, *_BACKEND_FIELDS) for item in found]

    def webhooks(self, number: int) -> Sequence[Mapping[str, Any]]:
        """Return the webhooks of a project: `id`, `url`, and what this release has beside them."""
        with self._trying(f"list the webhooks of project {number}"):
            found = self._request("GET", "webhooks/", query={"project": str(number)})
            return [_mapping(item, "id", "url") for item in found]

    def change_webhook(self, webhook: int, changes: Mapping[str, Any]) -> None:
        """Set fields of a webhook."""
        with self._trying("change a webhook"):
            self._request("PATCH", f"webhooks/{webhook}/", changes)

    def _request_if_there(self, method: str, path: str) -> Any:
        """Send a request and return the JSON of its response; None for a status 404."""
        try:
            return self._request(method, path)
        except _StatusError as error:
            if error.status != 404:  # noqa: PLR2004 (HTTP's)
                raise
            return None

    def _request(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        query: Mapping[str, str] | None = None,
    ) -> Any:
        """Send a request and return the JSON of its response."""
        address = f"{self._url}/api/{path}" + (f"?{urlencode(query)}" if query else "")
        known = self._header
        status, content = self._send(method, address, body, known or self._authorization())
        if status == 401 and known and self._is_personal:  # noqa: PLR2004 (HTTP's)
            # An access token lasts minutes.
            status, content = self._send(method, address, body, self._authorization())
        if not 200 <= status < 300:  # noqa: PLR2004 (HTTP's)
            raise _StatusError(status)
        return orjson.loads(content) if content else None

    def _authorization(self) -> str:
        """Return the header for the key; exchange a personal access token for an access token."""
        self._header = f"Token {self._key}"
        if self._is_personal:
            address = f"{self._url}/api/token/refresh/"
            status, content = self._send("POST", address, {"refresh": self._key})
            if status != 200:  # noqa: PLR2004 (HTTP's)
                raise _StatusError(status)
            self._header = f"Bearer {orjson.loads(content)['access']}"
        return self._header

    def _send(
        self,
        method: str,
        address: str,
        body: Mapping[str, Any] | None,
        authorization: str | None = None,
    ) -> tuple[int, bytes]:
        headers = {"Authorization": authorization} if authorization else {}
        response = self._http.request(
            method,
            address,
            body=orjson.dumps(body) if body is not None else None,
            headers={"Content-Type": "application/json", **headers},
            redirect=False,
        )
        return response.status, response.data

    @contextmanager
    def _trying(self, action: str) -> Iterator[None]:
        """Turn any failure into a ClientError without its cause, which holds tokens and bodies."""
        passes = True
        try:
            yield
        except _StatusError as error:
            reason, passes = reason_of(error.status), is_passing(error.status)
        except urllib3.exceptions.NewConnectionError:  # a kind of TimeoutError to urllib3
            reason = UNREACHABLE
        except urllib3.exceptions.TimeoutError:
            reason = timed_out(_SECONDS)
        except urllib3.exceptions.HTTPError:
            reason = UNREACHABLE
        except (AttributeError, KeyError, TypeError, ValueError):
            reason, passes = NO_LABEL_STUDIO, False
        else:
            return
        raise failure(action, self._url, reason, is_passing=passes) from None


class _StatusError(Exception):
    """A response without success. Never leaves this module."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


def _mapping(item: Any, *names: str) -> Mapping[str, Any]:
    """Return an object of the API; raise KeyError or ValueError if it lacks one of the fields."""
    if not isinstance(item, Mapping):
        raise ValueError  # noqa: TRY004 (malformed input, as in the other checks)
    for name in names:
        item[name]
    return item
