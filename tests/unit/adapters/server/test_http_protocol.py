"""Bounds on the head of a request, on the time for it, and on connections, over real sockets."""

import asyncio
import logging
import resource
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState

from adapters.observability.seldom import Seldom
from adapters.server import http_protocol
from adapters.server.http_protocol import HEAD_BYTES, BoundedProtocol

REQUEST = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n"
Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Connect = Callable[[], Coroutine[Any, Any, Connection]]


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer `done`, or read the body first and answer its size."""
    answer = b"done"
    if scope["path"] == "/size":
        size, more = 0, True
        while more:
            message = await receive()
            size += len(message.get("body", b""))
            more = message.get("more_body", False)
        answer = b"%d" % size
    length = (b"content-length", b"%d" % len(answer))
    await send({"type": "http.response.start", "status": 200, "headers": [length]})
    await send({"type": "http.response.body", "body": answer})


@asynccontextmanager
async def server(limit: int = 100) -> AsyncIterator[Connect]:
    """Run a server with `limit` connections; yield a function that connects to it."""
    BoundedProtocol._limit = limit
    config, state = uvicorn.Config(app, log_config=None, timeout_keep_alive=1), ServerState()
    loop = asyncio.get_running_loop()
    listening = await loop.create_server(lambda: BoundedProtocol(config, state, {}), "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    clients: list[asyncio.StreamWriter] = []

    async def connect() -> Connection:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        clients.append(writer)
        return reader, writer

    try:
        yield connect
    finally:
        listening.close()
        for writer in clients:
            writer.transport.abort()
        for connection in list(state.connections):
            connection.transport.abort()
        await asyncio.sleep(0.01)
        BoundedProtocol._limit = 0


async def ask(connection: Connection, request: bytes = REQUEST) -> tuple[int, bytes]:
    """Return the status and the body of the answer to a request."""
    reader, writer = connection
    writer.write(request)
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
    size = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length"))
    return int(head.split()[1]), await reader.readexactly(int(size.split(b":")[1]))


def large_head(size: int) -> bytes:
    return REQUEST[:-2] + b"X-Large: %b\r\n\r\n" % (b"x" * size)


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (large_head(HEAD_BYTES - 100), 200),
        (large_head(HEAD_BYTES), 431),
        (large_head(50 * HEAD_BYTES), 431),
        (large_head(10 * HEAD_BYTES)[:-4], 431),
        (b"GET /" + b"x" * HEAD_BYTES, 431),
        (REQUEST[:-2] + b"A: b\r\n" * HEAD_BYTES, 431),
    ],
    ids=["the largest", "larger", "much larger", "without an end", "a long path", "many headers"],
)
def test_a_head_above_64_kilobytes_is_a_431_in_json(request_: bytes, status: int) -> None:
    async def scenario() -> None:
        async with server() as connect:
            found, body = await ask(await connect(), request_)
            assert found == status
            assert (b"head of the request is larger than 65536" in body) is (status == 431)

    asyncio.run(scenario())


def test_bodies_and_later_requests_of_a_connection_do_not_count_as_its_head() -> None:
    async def scenario() -> None:
        post = b"POST /size HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % (5 * HEAD_BYTES)
        body = b"x" * 5 * HEAD_BYTES
        async with server() as connect:
            connection = await connect()
            for _ in range(3):
                assert await ask(connection, post + body) == (200, b"%d" % len(body))
            # Pipelined, with a part of the next head behind a large body.
            connection[1].write(post + body + REQUEST[:10])
            assert await ask(connection, b"") == (200, b"%d" % len(body))
            assert await ask(connection, REQUEST[10:]) == (200, b"done")
            assert (await ask(connection, large_head(HEAD_BYTES)))[0] == 431

    asyncio.run(scenario())


@pytest.mark.parametrize("behind", [b"0\r\nX: ", b"1;x="], ids=["a trailer", "an extension"])
def test_what_follows_a_body_is_bounded_like_a_head(behind: bytes) -> None:
    async def scenario() -> None:
        async with server() as connect:
            reader, writer = await connect()
            writer.write(b"POST /size HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
            await asyncio.sleep(0.05)
            writer.write(behind + b"x" * 20 * HEAD_BYTES)
            with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
                await asyncio.wait_for(reader.readexactly(1), 5)

    asyncio.run(scenario())


def test_a_chunked_body_of_any_size_is_read() -> None:
    async def scenario() -> None:
        head = b"POST /size HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
        chunks = b"1\r\na\r\n" * 50_000 + b"20000\r\n%b\r\n0\r\nX: y\r\n\r\n" % (b"x" * 0x20000)
        async with server() as connect:
            connection = await connect()
            for _ in range(2):
                assert await ask(connection, head + chunks) == (200, b"%d" % (50_000 + 0x20000))

    asyncio.run(scenario())


@pytest.mark.parametrize("is_used", [False, True])
@pytest.mark.parametrize("sent", [b"", REQUEST[:20], b"\r\n"])
def test_a_connection_without_a_whole_head_is_closed_in_time(
    monkeypatch: pytest.MonkeyPatch, sent: bytes, is_used: bool
) -> None:
    monkeypatch.setattr(http_protocol, "HEAD_SECONDS", 0.1)

    async def scenario() -> None:
        async with server() as connect:
            reader, writer = await connect()
            if is_used:
                await ask((reader, writer))
            writer.write(sent)
            with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
                await asyncio.wait_for(reader.readexactly(1), 5)

    asyncio.run(scenario())


def test_bytes_that_trickle_in_do_not_extend_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_protocol, "HEAD_SECONDS", 0.2)

    async def scenario() -> None:
        async with server() as connect:
            reader, writer = await connect()
            end = asyncio.create_task(reader.read())
            for _ in range(100):
                writer.write(b"\r\n")
                await asyncio.sleep(0.05)
                if end.done():
                    break
            with suppress(ConnectionError):
                assert await asyncio.wait_for(end, 1) == b""

    asyncio.run(scenario())


def test_at_the_maximum_of_connections_the_oldest_without_a_request_makes_room(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def scenario() -> None:
        async with server(limit=10) as connect:
            idle = [await connect() for _ in range(30)]
            assert await ask(await connect()) == (200, b"done")
            assert await ask(await connect()) == (200, b"done")
            assert await ask(idle[-1]) == (200, b"done")
            for _ in range(20):
                _, uploading = await connect()
                uploading.write(b"POST /size HTTP/1.1\r\nContent-Length: 9\r\n\r\nx")
            await asyncio.sleep(0.05)
            assert await ask(await connect()) == (200, b"done")
            with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
                await ask(idle[0])

    with caplog.at_level(logging.WARNING):
        BoundedProtocol._closings = Seldom()
        asyncio.run(scenario())
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "has 10 connections, its maximum" in caplog.text
    assert not BoundedProtocol._incomplete


def test_connections_stay_below_the_file_descriptors(monkeypatch: pytest.MonkeyPatch) -> None:
    limits = {"now": (1024, 2048)}
    monkeypatch.setattr(resource, "getrlimit", lambda _: limits["now"])
    monkeypatch.setattr(resource, "setrlimit", lambda _, new: limits.update(now=new))
    assert http_protocol.connection_limit() < 1024
    http_protocol.raise_descriptor_limit()
    assert limits["now"] == (2048, 2048)
    assert 1024 < http_protocol.connection_limit() < 2048
