"""The foreign code that the patches rely on. If a test fails, review its patch."""

import asyncio
import hashlib
import inspect
import socket
import sys
from collections.abc import Callable
from typing import Any

import pytest
import uvicorn
from circus.arbiter import Arbiter
from circus.sockets import CircusSocket
from circus.watcher import Watcher
from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from adapters.server import patches
from adapters.server.http_protocol import BoundedProtocol

_, TimeoutMiddleware = patches.REMOVED

FOREIGN: list[tuple[Callable[..., Any], str]] = [
    (CircusSocket.bind_and_listen, "564eb1978370ac4f"),
    (Arbiter._stop_watchers, "dccaa68cd7e55d44"),
    (Arbiter.stop, "ac1689b5bf488cbb"),
    (uvicorn.Server.shutdown, "9b33c50562992b1e"),
    (TimeoutMiddleware.__call__, "fd8b9e3da28ed2b4"),
    (Starlette.__call__, "5bf3135c4e85b7f5"),
    (HttpToolsProtocol, "18fdf324b11bf160"),
    (uvicorn.Config.load_app, "e52b4a48d5c741a8"),
    (Watcher.notify_event, "8c329e12c22a5d6b"),
    (Watcher.reap_process, "c1ab54491e26b3fc"),
]


@pytest.mark.parametrize(
    ("function", "known"), FOREIGN, ids=[function.__qualname__ for function, _ in FOREIGN]
)
def test_the_foreign_code_is_that_for_which_the_patch_was_made(
    function: Callable[..., Any], known: str
) -> None:
    source = inspect.getsource(inspect.unwrap(function))
    assert hashlib.sha256(source.encode()).hexdigest()[:16] == known


class Inner:
    """A middleware that records the layers of BentoML that a request has passed."""

    def __init__(self, app: ASGIApp, traces: bool) -> None:
        self.app = app
        self.traces = traces

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            patches.remove_layers_around(self, scope["app"], traces=self.traces)
        await self.app(scope, receive, send)


class Outer:
    """Another layer, which stays."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)


@pytest.mark.parametrize(
    ("traces", "left"), [(False, [Outer]), (True, [OpenTelemetryMiddleware, Outer])]
)
def test_the_layers_around_are_removed_and_others_stay(traces: bool, left: list[type]) -> None:
    async def answer(_: object) -> PlainTextResponse:
        return PlainTextResponse("done")

    app = Starlette(
        routes=[Route("/", answer)],
        middleware=[
            Middleware(OpenTelemetryMiddleware),
            Middleware(Outer),
            Middleware(TimeoutMiddleware, timeout=10),
            Middleware(Inner, traces=traces),
        ],
    )
    with TestClient(app) as client:
        assert client.get("/").text == "done"
        layer: Any = app.middleware_stack
        found = []
        while not isinstance(layer, Inner):
            found.append(type(layer))
            layer = layer.app
    assert found == left


def test_the_timer_of_bentomls_middleware_outlives_its_request(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The fault: if BentoML ends this timer one day, remove the patch."""

    async def app(_: Scope, __: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200})

    async def scenario() -> bool:
        timers: list[asyncio.TimerHandle] = []
        loop = asyncio.get_running_loop()
        call_later = loop.call_later

        def noted(*arguments: Any, **options: Any) -> asyncio.TimerHandle:
            timers.append(call_later(*arguments, **options))
            return timers[-1]

        async def ignore(_: object) -> None:
            """Take a message."""

        async def nothing() -> dict[str, str]:
            return {"type": "http.request"}

        monkeypatch.setattr(loop, "call_later", noted)
        await TimeoutMiddleware(app, timeout=100)({"type": "http"}, nothing, ignore)
        return [timer.cancelled() for timer in timers] == [False]

    assert asyncio.run(scenario())


def test_the_parent_process_does_not_listen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CircusSocket, "listen", CircusSocket.listen)  # put back at the end
    monkeypatch.setattr(CircusSocket, "bind", CircusSocket.bind)
    patches.open_port_when_ready()
    parent = CircusSocket(name="_", host="127.0.0.1", port=0, family=socket.AF_INET)
    parent.bind_and_listen()
    with socket.socket() as client, pytest.raises(ConnectionRefusedError):
        client.connect(("127.0.0.1", parent.port))
    parent.close()


def test_uvicorn_takes_the_bounded_protocol(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uvicorn.config, "HTTP_PROTOCOLS", dict(uvicorn.config.HTTP_PROTOCOLS))
    patches.bound_connections()
    config = uvicorn.Config(PlainTextResponse("done"), log_config=None)
    config.load()
    assert config.http_protocol_class is BoundedProtocol


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("import os; os.kill(os.getpid(), 7)", "killed by SIGBUS (is a disk full or damaged?)"),
        ("raise SystemExit(3)", "exit status 3"),
    ],
)
def test_the_exit_status_of_a_dead_worker_is_logged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, code: str, reason: str
) -> None:
    monkeypatch.setattr(Watcher, "notify_event", Watcher.notify_event)  # put back at the end
    patches.log_ended_workers()
    watcher = Watcher("workers", sys.executable, args=["-c", code])
    watcher._status = "active"
    watcher.spawn_process()
    (pid,) = watcher.processes
    watcher.reap_process(pid)
    assert f"Worker process {pid} ended: {reason}." in caplog.text


def test_a_port_in_use_ends_the_server_with_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CircusSocket, "listen", CircusSocket.listen)  # put back at the end
    monkeypatch.setattr(CircusSocket, "bind", CircusSocket.bind)
    patches.open_port_when_ready()
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        second = CircusSocket(name="_", host="127.0.0.1", port=port, family=socket.AF_INET)
        with second, pytest.raises(SystemExit) as ended:
            second.bind_and_listen()
    assert str(ended.value.code).startswith(f"Cannot listen on 127.0.0.1:{port}: Address")
    assert "choose another port" in str(ended.value.code)
