"""Basic authentication and the bound on bodies."""

import base64
from collections.abc import Iterator

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from adapters.middleware import PROBES, BasicAuthMiddleware, BodyLimitMiddleware


async def echo_length(request: Request) -> PlainTextResponse:
    return PlainTextResponse(str(len(await request.body())))


async def swallow_errors(request: Request) -> PlainTextResponse:
    """An endpoint that answers every error with 500, as BentoML's do."""
    try:
        return await echo_length(request)
    except Exception:  # noqa: BLE001 (that is the point)
        return PlainTextResponse("error", 500)


ROUTES = [
    Route("/predict", echo_length, methods=["POST"]),
    Route("/classify", swallow_errors, methods=["POST"]),
    *(Route(path, echo_length) for path in PROBES),
]


@pytest.fixture
def guarded() -> TestClient:
    middleware = Middleware(BasicAuthMiddleware, user="anna", password="geheim:ß")
    return TestClient(Starlette(routes=ROUTES, middleware=[middleware]))


@pytest.fixture
def bounded() -> TestClient:
    middleware = Middleware(BodyLimitMiddleware, max_bytes=100)
    return TestClient(Starlette(routes=ROUTES, middleware=[middleware]))


def basic(credentials: str, encoding: str = "utf-8") -> dict[str, str]:
    return {"Authorization": f"Basic {base64.b64encode(credentials.encode(encoding)).decode()}"}


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_the_right_credentials_are_let_through(guarded: TestClient, encoding: str) -> None:
    headers = basic("anna:geheim:ß", encoding)
    assert guarded.post("/predict", headers=headers).status_code == 200
    assert guarded.get("/health", headers=headers).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        basic("anna:geheim"),
        basic("anna:"),
        basic(""),
        {"Authorization": "Basic"},
        {"Authorization": "Basic ***"},
        {"Authorization": "Basic \xe4"},
        {"Authorization": basic("anna:geheim:ß")["Authorization"].replace("Basic", "Bearer")},
    ],
)
def test_any_other_credentials_are_refused_with_a_challenge(
    guarded: TestClient, headers: dict[str, str]
) -> None:
    raw = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    answer = guarded.post("/predict", headers=raw)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Basic ")
    assert "basic authentication" in answer.json()["error"]


def test_a_password_that_latin_1_has_not_is_not_a_row_of_question_marks() -> None:
    middleware = Middleware(BasicAuthMiddleware, user="anna", password="тайна")
    client = TestClient(Starlette(routes=ROUTES, middleware=[middleware]))
    assert client.post("/predict", headers=basic("anna:тайна")).status_code == 200
    assert client.post("/predict", headers=basic("anna:?????")).status_code == 401


@pytest.mark.parametrize("path", sorted(PROBES))
def test_probes_need_no_credentials_but_refuse_wrong_ones(guarded: TestClient, path: str) -> None:
    assert guarded.get(path).status_code == 200
    assert guarded.get(path, headers=basic("anna:wrong")).status_code == 401


def chunks(size: int) -> Iterator[bytes]:
    for _ in range(size // 10):
        yield b"x" * 10


@pytest.mark.parametrize("path", ["/predict", "/classify"])
def test_a_body_up_to_the_bound_is_read(bounded: TestClient, path: str) -> None:
    assert bounded.post(path, content=b"x" * 100).text == "100"
    assert bounded.post(path, content=chunks(100)).text == "100"


@pytest.mark.parametrize("path", ["/predict", "/classify"])
def test_a_larger_body_is_refused_declared_or_streamed(bounded: TestClient, path: str) -> None:
    for answer in (
        bounded.post(path, content=b"x" * 101),
        bounded.post(path, content=chunks(200)),
    ):
        assert answer.status_code == 413
        assert "larger than 100 bytes" in answer.json()["error"]
