"""Authentication, limits on bodies, work and time, and connection recycling."""

import asyncio
import base64
import gzip
import logging
import zlib
from collections.abc import Iterator, MutableMapping
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient
from starlette.types import Receive, Scope, Send

from adapters.observability.route_names import RouteNames
from adapters.server import exchange
from adapters.server.auth import PROBES, BasicAuth
from adapters.server.connections import Recycling
from adapters.server.limits import SMALL_BODY_BYTES, Admission, BodyBudget, Limits
from adapters.server.requests import RequestMiddleware


async def echo_length(request: Request) -> PlainTextResponse:
    return PlainTextResponse(str(len(await request.body())))


async def swallow_errors(request: Request) -> PlainTextResponse:
    """An endpoint that answers every error with 500, like BentoML's."""
    try:
        return await echo_length(request)
    except Exception:  # noqa: BLE001 (that is the point)
        return PlainTextResponse("error", 500)


ROUTES = [
    Route("/predict", echo_length, methods=["POST"]),
    Route("/classify", swallow_errors, methods=["POST"]),
    *(Route(path, echo_length) for path in PROBES),
]


NEVER = 1e6


def client_of(routes: list[Route] = ROUTES, **options: Any) -> TestClient:
    """A client of these routes behind the middleware with these options."""
    app = Starlette(routes=routes)
    return TestClient(RequestMiddleware(app, routes=RouteNames(app), **options))


@pytest.fixture
def guarded() -> TestClient:
    return client_of(auth=BasicAuth("anna", "geheim:ß"))


@pytest.fixture
def bounded() -> TestClient:
    return client_of(limits=Limits(100, NEVER))


def basic(credentials: str, encoding: str = "utf-8") -> dict[str, str]:
    return {"Authorization": f"Basic {base64.b64encode(credentials.encode(encoding)).decode()}"}


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_the_right_credentials_pass(guarded: TestClient, encoding: str) -> None:
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
def test_other_credentials_are_refused_with_a_challenge(
    guarded: TestClient, headers: dict[str, str]
) -> None:
    raw = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    answer = guarded.post("/predict", headers=raw)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Basic ")
    assert "basic authentication" in answer.json()["error"]


def test_a_password_outside_latin_1_does_not_match_question_marks() -> None:
    client = client_of(auth=BasicAuth("anna", "тайна"))
    assert client.post("/predict", headers=basic("anna:тайна")).status_code == 200
    assert client.post("/predict", headers=basic("anna:?????")).status_code == 401


@pytest.mark.parametrize("path", sorted(PROBES))
def test_probes_need_no_credentials_but_refuse_wrong_ones(guarded: TestClient, path: str) -> None:
    assert guarded.get(path).status_code == 200
    assert guarded.get(path, headers=basic("anna:wrong")).status_code == 401


def test_a_path_prefix_that_a_proxy_keeps_is_removed_before_everything_else() -> None:
    client = client_of(
        prefix="/a/sentiment",
        auth=BasicAuth("anna", "geheim"),
        admissions=[Admission(("/predict",), max_tokens=1)],
    )
    assert client.get("/a/sentiment/health").status_code == 200
    assert client.get("/health").status_code == 200, "probes come without the proxy"
    assert client.post("/a/sentiment/predict").status_code == 401
    answer = client.post("/a/sentiment/predict", content=b"abc", headers=basic("anna:geheim"))
    assert (answer.status_code, answer.text) == (200, "3")
    for path in ("/sentiment/health", "/a/sentimental/health", "/a/sentimenthealth"):
        assert client.get(path, headers=basic("anna:geheim")).status_code == 404


def chunks(size: int) -> Iterator[bytes]:
    for _ in range(size // 10):
        yield b"x" * 10


@pytest.mark.parametrize("path", ["/predict", "/classify"])
def test_a_body_up_to_the_limit_is_read(bounded: TestClient, path: str) -> None:
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


@pytest.mark.parametrize(("size", "ended"), [(1, True), (10**12, False)])
def test_the_larger_a_request_the_more_likely_its_connection_is_closed(
    size: int, ended: bool
) -> None:
    client = client_of(recycling=Recycling(size))
    answer = client.post("/predict", content=b"x" * 1000)
    assert (answer.headers.get("connection") == "close") is ended
    assert answer.text == "1000"


class Crowd:
    """Requests that run until the gate opens, behind the bound on work."""

    def __init__(self, max_tokens: int = 100, budget: BodyBudget | None = None) -> None:
        self.gate = asyncio.Event()
        self.middleware = RequestMiddleware(
            self._app,
            routes=RouteNames(Starlette(routes=ROUTES), ("/setup",)),
            admissions=[Admission(("/predict",), max_tokens=max_tokens)],
            budget=budget,
        )

    async def ask(
        self, path: str = "/predict", size: int = 0, *, uploaded: asyncio.Event | None = None
    ) -> list[dict[str, Any]]:
        """Return the messages that answer `size` bytes; half of the bytes wait for `uploaded`."""
        halves = [size // 2, size - size // 2]
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            if uploaded and len(halves) == 1:
                await uploaded.wait()
            body = b"x" * halves.pop(0)
            return {"type": "http.request", "body": body, "more_body": bool(halves)}

        async def send(message: MutableMapping[str, Any]) -> None:
            sent.append(dict(message))

        scope = {"type": "http", "path": path, "method": "POST", "headers": []}
        await self.middleware(scope, receive, send)
        return sent

    async def _app(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.gate.wait()
        size = len(await Request(scope, receive).body())
        await PlainTextResponse(str(size))(scope, receive, send)


def test_requests_above_the_limit_are_rejected_until_the_queue_shrinks() -> None:
    async def scenario() -> None:
        crowd = Crowd()
        working = [asyncio.create_task(crowd.ask(size=100)) for _ in range(5)]
        await asyncio.sleep(0)
        refused, body = await crowd.ask(size=5)
        assert refused["status"] == 503
        assert (b"retry-after", b"5") in refused["headers"]
        assert b"more work than it can do" in body["body"]
        crowd.gate.set()
        for answer in working:
            start, body = await answer
            assert (start["status"], body["body"]) == (200, b"100")
        assert (await crowd.ask(size=100))[0]["status"] == 200

    asyncio.run(scenario())


@pytest.mark.parametrize(("max_tokens", "working"), [(100, 4), (1, 1), (2, 2)])
def test_a_large_request_counts_for_a_quarter_of_the_bound(max_tokens: int, working: int) -> None:
    async def scenario() -> None:
        crowd = Crowd(max_tokens)
        begun = [asyncio.create_task(crowd.ask(size=10_000)) for _ in range(working)]
        await asyncio.sleep(0)
        assert (await crowd.ask(size=5))[0]["status"] == 503
        crowd.gate.set()
        assert {(await answer)[0]["status"] for answer in begun} == {200}

    asyncio.run(scenario())


def test_a_slow_upload_keeps_no_request_out_and_is_refused_if_the_worker_is_full_at_its_end() -> (
    None
):
    async def scenario() -> None:
        crowd, uploaded = Crowd(), asyncio.Event()
        slow = [asyncio.create_task(crowd.ask(size=1000, uploaded=uploaded)) for _ in range(10)]
        await asyncio.sleep(0)
        working = [asyncio.create_task(crowd.ask(size=1000)) for _ in range(4)]
        await asyncio.sleep(0)
        uploaded.set()
        assert {(await answer)[0]["status"] for answer in slow} == {503}
        crowd.gate.set()
        assert {(await answer)[0]["status"] for answer in working} == {200}

    asyncio.run(scenario())


def test_bodies_count_as_they_arrive_and_the_worker_refuses_more_than_its_budget() -> None:
    size = 6 * SMALL_BODY_BYTES

    async def scenario() -> None:
        crowd, uploaded = Crowd(budget=BodyBudget(size)), asyncio.Event()
        halves = [
            asyncio.create_task(crowd.ask(path, 5 * SMALL_BODY_BYTES, uploaded=uploaded))
            for path in ("/predict", "/setup")
        ]
        await asyncio.sleep(0)
        for path in ("/predict", "/setup"):
            refused, body = await crowd.ask(path, SMALL_BODY_BYTES + 1)
            assert (refused["status"], b"retry-after" in dict(refused["headers"])) == (503, True)
            assert b"more work than it can do" in body["body"]
        small = asyncio.create_task(crowd.ask("/setup", SMALL_BODY_BYTES))
        await asyncio.sleep(0)
        uploaded.set()
        assert (await halves[0])[0]["status"] == 503
        crowd.gate.set()
        assert (await small)[0]["status"] == 200
        assert (await halves[1])[0]["status"] == 200
        # All bytes are given back.
        assert (await crowd.ask(size=size))[0]["status"] == 200
        assert (await crowd.ask(size=size + 1))[0]["status"] == 503

    asyncio.run(scenario())


def test_a_compressed_body_is_decompressed_within_the_limit(bounded: TestClient) -> None:
    def post(content: bytes, encoding: str = "gzip") -> Any:
        headers = {"Content-Encoding": encoding}
        return bounded.post("/predict", content=content, headers=headers)

    assert post(gzip.compress(b"x" * 100)).text == "100"
    assert post(zlib.compress(b"x" * 100), "deflate").text == "100"
    for size in (101, 40_000):
        assert post(gzip.compress(b"x" * size)).status_code == 413
    assert post(b"x" * 90).status_code == 400
    assert post(b"x" * 90, "br").status_code == 415
    assert "Content-Encoding" in post(b"x" * 90, "br").json()["error"]


def test_a_path_can_have_a_lower_limit_for_its_bodies() -> None:
    client = client_of(limits=Limits(100, NEVER, {"/predict": 10}))
    for content in (b"x" * 11, chunks(20)):
        answer = client.post("/predict", content=content)
        assert answer.status_code == 413
        assert answer.json()["error"] == (
            "The request body is larger than 10 bytes, the maximum for /predict."
        )
    assert client.post("/classify", content=b"x" * 100).status_code == 200


def test_a_401_is_logged_once_for_each_route_and_says_what_was_wrong(
    guarded: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            guarded.post("/predict")
            guarded.post("/classify", headers=basic("anna:wrong"))
    first, second = (record.getMessage() for record in caplog.records)
    assert first.startswith("/predict was answered with 401: the request had no user and password.")
    assert second.startswith("/classify was answered with 401: the request had a wrong user or")
    assert "wrong:" not in caplog.text


def test_other_paths_are_never_shed() -> None:
    async def scenario() -> None:
        crowd = Crowd()
        working = [asyncio.create_task(crowd.ask(size=1000)) for _ in range(4)]
        others = [asyncio.create_task(crowd.ask(path)) for path in ("/health", "/setup")]
        await asyncio.sleep(0)
        crowd.gate.set()
        assert {(await answer)[0]["status"] for answer in working + others} == {200}

    asyncio.run(scenario())


def test_an_aborted_upload_does_not_count_as_work() -> None:
    async def scenario() -> None:
        crowd = Crowd(1)

        async def hang_up() -> dict[str, Any]:
            return {"type": "http.disconnect"}

        async def send(_: MutableMapping[str, Any]) -> None:
            raise AssertionError

        scope = {"type": "http", "path": "/predict", "method": "POST", "headers": []}
        await crowd.middleware(scope, hang_up, send)
        crowd.gate.set()
        assert (await crowd.ask(size=5))[0]["status"] == 200

    asyncio.run(scenario())


@pytest.mark.parametrize("seconds", [0.05, 60])
def test_a_response_that_does_not_begin_in_time_is_a_504(seconds: float) -> None:
    ended: list[str] = []

    async def sleep(_: Request) -> PlainTextResponse:
        try:
            await asyncio.sleep(0.2)
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise
        return PlainTextResponse("slept")

    client = client_of([Route("/", sleep)], limits=Limits(1000, seconds))
    answer = client.get("/")
    if seconds == 60:
        assert (answer.status_code, answer.text, ended) == (200, "slept", [])
    else:
        assert (answer.status_code, ended) == (504, ["cancelled"])
        assert answer.json() == {"error": "There was no answer within 0.05 seconds."}


def test_a_refused_upload_that_never_ends_does_not_hold_its_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(exchange, "_REST_SECONDS", 0.05)
    sent: list[Any] = []

    async def trickle() -> dict[str, Any]:
        await asyncio.sleep(0.01)
        return {"type": "http.request", "body": b"x", "more_body": True}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    app = Starlette(routes=ROUTES)
    middleware = RequestMiddleware(app, routes=RouteNames(app), limits=Limits(1000, 0.05))
    headers = [(b"connection", b"close")]
    scope = {"type": "http", "path": "/predict", "method": "POST", "headers": headers}
    asyncio.run(asyncio.wait_for(middleware(scope, trickle, send), 5))
    assert sent[0]["status"] == 504
