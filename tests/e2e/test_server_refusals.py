"""Requests that the real server rejects, its error messages, and secrets kept out of its log."""

import base64
import pickle
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest

from tests.e2e.conftest import StartBackend
from tests.e2e.servers import Server, logged_statuses, run_backend, wait_until

USER, PASSWORD = "annotator", "pass-mark-ZQXJ"
LIMIT = 100_000
TEXT_MARK = "textmarkzqxj"
TOKEN_MARK = "tokenmarkzqxj"
PROTOCOL_PATHS = ["/predict", "/setup", "/webhook"]
POST_PATHS = [*PROTOCOL_PATHS, "/classify"]


@pytest.fixture(scope="module")
def url(backend: StartBackend) -> str:
    return backend().url


@pytest.fixture(scope="module")
def guarded(backend: StartBackend) -> Server:
    """A server with basic authentication and a low limit for bodies."""
    return backend(
        SENTIMENT_BASIC_AUTH_USER=USER,
        SENTIMENT_BASIC_AUTH_PASSWORD=PASSWORD,
        SENTIMENT_MAX_BODY_BYTES=str(LIMIT),
        SENTIMENT_WORKERS="1",
    )


def assert_is_error(response: httpx.Response, *statuses: int) -> None:
    assert response.status_code in statuses, response.text
    assert "Traceback" not in response.text
    assert response.headers["content-type"] == "application/json"
    assert response.json()["error"]


@pytest.mark.parametrize("path", POST_PATHS)
@pytest.mark.parametrize(
    "body", [b"", b"{", b"review", b"\xff\xfe\x00", b"[]", b"3", b'"text"', b"null"]
)
def test_a_body_other_than_a_json_object_is_refused_in_json(
    url: str, path: str, body: bytes
) -> None:
    assert_is_error(httpx.post(f"{url}{path}", content=body), 400, 422)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/predict", {}),
        ("/predict", {"tasks": None}),
        ("/predict", {"tasks": [3]}),
        ("/setup", {"schema": 3}),
        ("/setup", {"project": "review"}),
        ("/webhook", {"project": {}}),
        ("/classify", {"texts": "text"}),
        ("/classify", {"texts": [1]}),
    ],
)
def test_an_object_with_wrong_fields_is_refused_in_json(url: str, path: str, body: Any) -> None:
    assert_is_error(httpx.post(f"{url}{path}", json=body), 400, 422)


def test_a_pickle_is_not_opened(url: str, tmp_path: Path) -> None:
    proof = tmp_path / "opened"
    response = httpx.post(
        f"{url}/classify",
        content=pickle.dumps(_Touch(str(proof))),
        headers={"Content-Type": "application/vnd.bentoml+pickle"},
    )

    assert response.is_client_error
    assert not proof.exists()


@pytest.mark.parametrize("body", [{"data": {"texts": "a"}}, {"files": {"texts": b"a"}}])
def test_classify_takes_no_forms(url: str, body: Any) -> None:
    assert_is_error(httpx.post(f"{url}/classify", **body), 415)


def test_a_head_above_64_kilobytes_is_refused_in_json(guarded: Server) -> None:
    answer = httpx.get(f"{guarded.url}/health", headers={"X-Large": "x" * 2**20})

    assert_is_error(answer, 431)


class _Touch:
    """Makes a file when it is unpickled."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (open, (self.path, "w"))


@pytest.mark.parametrize("path", POST_PATHS)
def test_a_body_over_the_limit_is_refused_in_json(guarded: Server, path: str) -> None:
    response = httpx.post(f"{guarded.url}{path}", content=b" " * (LIMIT + 1), auth=(USER, PASSWORD))

    assert_is_error(response, 413)


@pytest.mark.parametrize("path", POST_PATHS)
def test_a_streamed_body_over_the_limit_is_refused_in_json(guarded: Server, path: str) -> None:
    def chunks() -> Iterator[bytes]:
        for _ in range(11):
            yield b" " * (LIMIT // 10)

    response = httpx.post(f"{guarded.url}{path}", content=chunks(), auth=(USER, PASSWORD))

    assert "content-length" not in response.request.headers
    assert_is_error(response, 413)


@pytest.mark.parametrize("password", [PASSWORD, "wrong"])
@pytest.mark.parametrize("version", [b"HTTP/1.0", b"HTTP/1.1"])
def test_a_rejection_arrives_before_the_connection_closes(
    guarded: Server, version: bytes, password: str
) -> None:
    """If the server closed while the client still sends, the connection would be reset."""
    credentials = base64.b64encode(f"{USER}:{password}".encode())
    size = 100 * LIMIT
    with socket.create_connection(guarded.address, timeout=30) as connection:
        connection.sendall(
            b"POST /predict %b\r\nHost: here\r\nConnection: close\r\n"
            b"Authorization: Basic %b\r\nContent-Length: %d\r\n\r\n" % (version, credentials, size)
        )
        connection.sendall(b" " * size)
        status = connection.makefile("rb").readline().split()[1]

    assert status == (b"413" if password == PASSWORD else b"401")


def test_an_unknown_route_is_404(url: str) -> None:
    response = httpx.get(f"{url}/no-such-route")

    assert response.status_code == 404
    assert "Traceback" not in response.text


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/predict"),
        ("GET", "/setup"),
        ("GET", "/webhook"),
        ("GET", "/classify"),
        ("POST", "/health"),
        ("POST", "/versions"),
    ],
)
def test_a_wrong_method_is_405_and_names_the_right_one(url: str, method: str, path: str) -> None:
    response = httpx.request(method, f"{url}{path}")

    assert response.status_code == 405
    assert ("POST" if method == "GET" else "GET") in response.headers["allow"]
    assert "Traceback" not in response.text


@pytest.mark.parametrize(
    ("method", "path"),
    [
        *(("POST", path) for path in POST_PATHS),
        ("GET", "/"),
        ("GET", "/versions"),
        ("GET", "/metrics"),
        ("GET", "/docs.json"),
        ("GET", "/schema.json"),
        ("GET", "/no-such-route"),
    ],
)
@pytest.mark.parametrize("auth", [None, (USER, "wrong"), ("wrong", PASSWORD), (USER, "")])
def test_without_the_right_credentials_every_route_is_401(
    guarded: Server, method: str, path: str, auth: tuple[str, str] | None
) -> None:
    response = httpx.request(method, f"{guarded.url}{path}", auth=auth)

    assert_is_error(response, 401)
    assert response.headers["www-authenticate"].startswith("Basic ")


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/healthz"])
def test_a_probe_needs_no_credentials(guarded: Server, path: str) -> None:
    assert httpx.get(f"{guarded.url}{path}").status_code == 200


def test_a_server_with_half_of_the_credentials_does_not_start(tmp_path: Path) -> None:
    with run_backend(tmp_path, {"SENTIMENT_BASIC_AUTH_USER": USER}, wait=False) as server:
        wait_until(lambda: server.process.poll() is not None, "it runs", seconds=60)

    assert server.process.returncode != 0
    assert "SENTIMENT_BASIC_AUTH_PASSWORD" in server.read_log()


def test_no_text_token_or_password_reaches_the_log(
    guarded: Server, labeling_interface: str
) -> None:
    bodies: list[Any] = [
        {
            "tasks": [{"id": 1, "data": {"review": TEXT_MARK}}, {"id": 2, "data": {}}],
            "label_config": labeling_interface,
            "params": {"login": TOKEN_MARK, "password": TOKEN_MARK},
        },
        {"tasks": [{"id": 1, "data": {"review": [TEXT_MARK, None]}}], "label_config": TEXT_MARK},
        {"tasks": [{"id": TEXT_MARK}], "project": TEXT_MARK},
        {"tasks": [{"id": TEXT_MARK}], "label_config": labeling_interface},
        {"tasks": TEXT_MARK, "texts": TEXT_MARK, "action": [TEXT_MARK], "schema": [TOKEN_MARK]},
        {"texts": [[TEXT_MARK]], "tasks": [TEXT_MARK], "access_token": TOKEN_MARK},
        {"texts": [TEXT_MARK], "schema": labeling_interface, "access_token": TOKEN_MARK},
        {"action": "ANNOTATION_CREATED", "project": {"token": TOKEN_MARK, "title": TEXT_MARK}},
    ]
    with httpx.Client(base_url=guarded.url, auth=(USER, PASSWORD)) as client:
        before = len(logged_statuses(guarded, "POST", "/classify"))
        for path in POST_PATHS:
            for body in bodies:
                client.post(path, json=body)
            client.post(path, content=f'{{"tasks": ["{TEXT_MARK}'.encode())
            client.post(path, content=TEXT_MARK.encode(), auth=(USER, TOKEN_MARK))
        sent = before + len(bodies) + 2
        wait_until(
            lambda: len(logged_statuses(guarded, "POST", "/classify")) >= sent,
            "the last requests are not in the log",
        )

    log = guarded.read_log().lower()
    for secret in (TEXT_MARK, TOKEN_MARK, PASSWORD.lower()):
        assert secret not in log
