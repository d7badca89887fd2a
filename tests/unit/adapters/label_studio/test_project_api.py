"""The API of a project's settings, against servers that fail or send something else."""

import json
import threading

import pytest

from adapters.label_studio import project_api as module
from adapters.label_studio.client_errors import ClientError
from adapters.label_studio.project_api import ProjectApi, Versions
from tests.unit.adapters.label_studio.test_client import SECRET, TOKEN, Answer, says, serve

PROJECT = {"id": 1, "label_config": "<View/>", "model_version": None}
PERSONAL = "head.body.signature"


def refusal(url: str, token: str = TOKEN) -> str:
    with pytest.raises(ClientError) as caught:
        ProjectApi(url, token).project(1)
    message = str(caught.value)
    assert token not in message
    assert SECRET not in message
    assert caught.value.__suppress_context__
    return message


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (401, "refuses LABEL_STUDIO_API_KEY: it is wrong or has expired"),
        (404, "does not have it, or the owner of LABEL_STUDIO_API_KEY may not see it"),
        (400, "does not answer as Label Studio does"),
        (503, "fails with status 503: its log says why"),
    ],
)
def test_a_status_is_explained_without_quoting_the_body(status: int, words: str) -> None:
    with serve(says(status, {"detail": SECRET})) as server:
        assert words in refusal(server.url)


@pytest.mark.parametrize("body", [b"<html>", b"", [], 3, None, {}, {"id": 2, "label_config": ""}])
def test_a_response_of_another_program_is_reported(body: object) -> None:
    with serve(says(200, body)) as server:
        assert "does not answer as Label Studio does" in refusal(server.url)


def test_a_redirect_is_not_followed_and_gets_no_token() -> None:
    with serve(says(200, PROJECT)) as other:
        with serve(says(302, b"", Location=f"{other.url}/api/projects/1/")) as server:
            assert "redirects to another address" in refusal(server.url)
        assert other.asked == []


def test_an_unreachable_server_is_reported() -> None:
    with serve(says(200)) as server:
        url = server.url
    assert f"Label Studio at {url} cannot be reached: check LABEL_STUDIO_URL" in refusal(url)


def test_a_silent_server_times_out(monkeypatch: pytest.MonkeyPatch) -> None:
    released = threading.Event()
    monkeypatch.setattr(module, "_SECONDS", 0.2)

    def behaviour(_: str) -> Answer:
        released.wait(30)
        return 200, {}, b"{}"

    with serve(behaviour) as server:
        assert "does not answer within 0.2 seconds" in refusal(server.url)
        released.set()


def test_the_path_of_the_address_is_kept_and_whitespace_around_the_key_is_not_sent() -> None:
    with serve(says(200, PROJECT)) as server:
        assert ProjectApi(f"{server.url}/labels/", f" {TOKEN}\n").project(1) == PROJECT
        assert server.asked == [("/labels/api/projects/1/", f"Token {TOKEN}")]


def test_a_personal_token_is_exchanged_and_again_when_the_access_token_has_expired() -> None:
    given = iter(("first", "second"))
    valid = {"Bearer first", "Bearer second"}

    def behaviour(path: str) -> Answer:
        if path == "/api/token/refresh/":
            return 200, {}, json.dumps({"access": next(given)}).encode()
        fine = server.asked[-1][1] in valid
        return (200 if fine else 401), {}, json.dumps(PROJECT).encode()

    with serve(behaviour) as server:
        api = ProjectApi(server.url, PERSONAL)
        api.project(1)
        api.project(1)
        valid.remove("Bearer first")
        api.project(1)
        asked = [authorization for _, authorization in server.asked]
    assert asked == [None, *["Bearer first"] * 3, None, "Bearer second"]


def test_a_refused_personal_token_is_reported() -> None:
    with serve(says(401, {"detail": SECRET})) as server:
        assert "refuses LABEL_STUDIO_API_KEY" in refusal(server.url, PERSONAL)
        assert [path for path, _ in server.asked] == ["/api/token/refresh/"]


def test_the_versions_of_a_project_are_counted() -> None:
    static = [{"model_version": "cnn:1", "count": 3}, {"model_version": "cnn:2", "count": 1}]
    live = [{"title": "My model", "model_version": "cnn:2", "url": "http://b"}]
    with serve(says(200, {"static": static, "live": live})) as server:
        found = ProjectApi(server.url, TOKEN).versions(PROJECT)
    assert found == Versions("", {"cnn:1": 3, "cnn:2": 1}, {"My model": "cnn:2"})
