"""The client of Label Studio's API against servers that fail or send something else."""

import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from adapters.label_studio import client as module
from adapters.label_studio.client import LabelStudioClient
from adapters.label_studio.client_errors import ClientError

TOKEN = "0e2e" * 10
SECRET = "what-nobody-may-see"

Answer = tuple[int, dict[str, str], bytes]
Behaviour = Callable[[str], Answer]


class Stranger(ThreadingHTTPServer):
    """A server of these tests, and the requests it received."""

    def __init__(self, behaviour: Behaviour) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.behaviour = behaviour
        self.asked: list[tuple[str, str | None]] = []
        """Paths and the Authorization headers."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        server = self.server
        assert isinstance(server, Stranger)
        server.asked.append((self.path, self.headers["Authorization"]))
        status, headers, body = server.behaviour(self.path)
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(body))} | headers).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_DELETE = do_GET  # noqa: N815 (the names that http.server looks for)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@contextmanager
def serve(behaviour: Behaviour) -> Iterator[Stranger]:
    with Stranger(behaviour) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def says(status: int, body: Any = None, **headers: str) -> Behaviour:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return lambda _: (status, headers, content)


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Replace the pauses before retries, and record them."""
    waited: list[float] = []
    monkeypatch.setattr(time, "sleep", waited.append)
    return waited


def refusal(url: str, token: str = TOKEN) -> str:
    """Read a project and return the message of the error."""
    with pytest.raises(ClientError) as caught, LabelStudioClient(url, token) as client:
        client.project(1)
    message = str(caught.value)
    assert token.strip() not in message
    assert SECRET not in message
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    return message


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed_and_gets_no_token(status: int) -> None:
    with serve(says(200, {"id": 1})) as other:
        elsewhere = f"{other.url}/api/projects/1/"
        with serve(says(status, b"", Location=elsewhere)) as server:
            message = refusal(server.url)
            assert server.asked == [("/api/projects/1/", f"Token {TOKEN}")]
    assert other.asked == []
    assert message == (
        f"Cannot get project 1: Label Studio at {server.url} redirects to another address: set "
        "LABEL_STUDIO_URL to that address if you trust it."
    )


def test_links_in_a_response_are_not_followed() -> None:
    def behaviour(path: str) -> Answer:
        tasks = [] if "99" in path else [{"id": 99, "data": {}, "annotations": []}]
        link = f"{other.url}/api/tasks/?page=2"
        body = {"tasks": tasks, "total": 200, "next": link, "previous": link}
        return 200, {"Link": f'<{link}>; rel="next"'}, json.dumps(body).encode()

    with serve(says(200, {})) as other, serve(behaviour) as server:
        with LabelStudioClient(server.url, TOKEN) as client:
            pages = list(client.tasks_with_annotations(1))
        assert [[task["id"] for task in page] for page in pages] == [[99]]
    assert other.asked == []


def test_a_server_with_endless_pages_is_not_read_endlessly() -> None:
    task = {"id": 5, "data": {}, "annotations": []}
    with serve(says(200, {"tasks": [task], "total": 1})) as server:
        with LabelStudioClient(server.url, TOKEN) as client:
            pages = list(client.tasks_with_annotations(1))
        assert pages == [[task]]
        assert len(server.asked) == 2


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (400, "does not answer as Label Studio does"),
        (401, "refuses LABEL_STUDIO_API_KEY: it is wrong or has expired"),
        (403, "does not have it, or the owner of LABEL_STUDIO_API_KEY may not see it"),
        (404, "does not have it, or the owner of LABEL_STUDIO_API_KEY may not see it"),
        (429, "received too many requests"),
        (500, "fails with status 500: its log says why"),
        (503, "fails with status 503: its log says why"),
    ],
)
@pytest.mark.parametrize("body", [{"detail": SECRET}, SECRET.encode(), b""])
def test_a_status_is_explained_without_quoting_the_body(
    pauses: list[float], status: int, words: str, body: object
) -> None:
    with serve(says(status, body)) as server:
        assert words in refusal(server.url)
        again = status >= 500 or status == 429
        assert len(server.asked) == (4 if again else 1)
    assert len(pauses) == len(server.asked) - 1
    assert pauses == sorted(pauses)


def test_a_temporary_failure_is_retried(pauses: list[float]) -> None:
    statuses = iter([429, 502, 200])
    project = {"id": 1, "created_at": "2026-01-01T00:00:00Z", "label_config": "<View/>"}

    def behaviour(_: str) -> Answer:
        return next(statuses), {"Retry-After": "7"}, json.dumps(project).encode()

    with serve(behaviour) as server, LabelStudioClient(server.url, TOKEN) as client:
        assert client.project(1)["id"] == 1
    assert pauses == [7, 7]


def test_a_retried_deletion_of_a_prediction_succeeds(pauses: list[float]) -> None:
    statuses = iter([502, 404])

    def behaviour(_: str) -> Answer:
        return next(statuses), {}, b"{}"  # the first one succeeded, but its response was lost

    with serve(behaviour) as server, LabelStudioClient(server.url, TOKEN) as client:
        client.delete_prediction(5)
        assert len(server.asked) == 2
    assert len(pauses) == 1


def test_a_forbidden_deletion_of_a_prediction_is_an_error() -> None:
    with (
        serve(says(403)) as server,
        LabelStudioClient(server.url, TOKEN) as client,
        pytest.raises(ClientError, match="Cannot delete a prediction"),
    ):
        client.delete_prediction(5)


@pytest.mark.parametrize(
    "body", [b"<html>", b"", b"\xff", [], 3, None, "text", {}, {"id": 1}, {"tasks": [3]}]
)
def test_a_response_of_another_program_is_reported(body: object) -> None:
    with serve(says(200, body)) as server:
        assert "does not answer as Label Studio does" in refusal(server.url)


@pytest.mark.parametrize("body", [b"<html>", [], 3, {"tasks": [3]}, {"tasks": [{"id": "x"}]}])
def test_a_page_of_another_program_is_reported(body: object) -> None:
    with serve(says(200, body)) as server, LabelStudioClient(server.url, TOKEN) as client:
        pages = client.tasks_with_annotations(1)
        with pytest.raises(ClientError, match="does not answer as Label Studio does"):
            next(pages)


def test_an_unreachable_server_is_reported(pauses: list[float]) -> None:
    with serve(says(200)) as server:
        url = server.url
    assert refusal(url) == (
        f"Cannot get project 1: Label Studio at {url} cannot be reached: check LABEL_STUDIO_URL, "
        "and that Label Studio is running."
    )
    assert len(pauses) == 3


def test_a_silent_server_times_out(monkeypatch: pytest.MonkeyPatch) -> None:
    released = threading.Event()
    monkeypatch.setattr(module, "_SECONDS", 0.2)

    def behaviour(_: str) -> Answer:
        released.wait(30)
        return 200, {}, b"{}"

    with serve(behaviour) as server:
        assert "does not answer within 0.2 seconds" in refusal(server.url)
        released.set()


@pytest.mark.parametrize(
    "url",
    [
        "",
        "localhost:8080",
        "ftp://host",
        "http://",
        "http://me:secret@host",
        "http://[::1",
        "file:///etc",
    ],
)
def test_a_malformed_address_is_refused_and_not_shown(url: str) -> None:
    with pytest.raises(ClientError, match=r"^LABEL_STUDIO_URL must be an address") as caught:
        LabelStudioClient(url, TOKEN)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("key", ["", "  ", "a\nb", "schlüssel", "a\x00b"])
def test_a_malformed_key_is_refused_and_not_shown(key: str) -> None:
    with pytest.raises(ClientError, match=r"^LABEL_STUDIO_API_KEY must be a token") as caught:
        LabelStudioClient("http://127.0.0.1:1", key)
    assert "schl" not in str(caught.value)


def test_whitespace_around_a_key_is_not_sent() -> None:
    with serve(says(401, {})) as server:
        refusal(server.url, f" {TOKEN}\n")
        assert server.asked == [("/api/projects/1/", f"Token {TOKEN}")]


def test_the_path_of_the_address_is_kept() -> None:
    with serve(says(404, {})) as server:
        refusal(f"{server.url}/label-studio/")
        assert [path for path, _ in server.asked] == ["/label-studio/api/projects/1/"]


def test_without_the_sdk_the_error_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "label_studio_sdk", None)
    with pytest.raises(ClientError, match=r'pip install "sentiment-backend\[label-studio\]"'):
        LabelStudioClient("http://127.0.0.1:1", TOKEN)
