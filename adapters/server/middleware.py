"""What holds for every route: who may call, how much is taken on, how long connections last."""

import asyncio
import base64
import binascii
import random
import secrets
from collections import deque
from collections.abc import Collection, Mapping
from contextlib import suppress
from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from adapters.observability.metrics import Metrics

RETRY_AFTER_SECONDS = 5
_BYTES_PER_TOKEN = 5
_REQUEST_BYTES = 1000
"""What the shortest request counts for: some work is the same for all of them."""
PROBES = frozenset({"/health", "/healthz", "/livez", "/readyz"})


class BasicAuthMiddleware:
    """HTTP basic authentication (RFC 7617) for all routes but the health probes.

    A probe needs no credentials, but wrong ones are refused there too: Label Studio tries them on
    `/health`, and only then tells its user that they are wrong.
    """

    def __init__(self, app: ASGIApp, *, user: str, password: str) -> None:
        self.app = app
        credentials = f"{user}:{password}"
        self._expected = [credentials.encode()]
        # RFC 7617 asks for UTF-8; Label Studio, like all that use `requests`, sends Latin-1.
        with suppress(UnicodeEncodeError):
            self._expected.append(credentials.encode("latin-1"))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or self._is_allowed(scope):
            await self.app(scope, receive, send)
            return
        await _refuse(
            401,
            "This server asks for basic authentication: give its user and password.",
            {"WWW-Authenticate": 'Basic realm="sentiment", charset="UTF-8"'},
        )(scope, receive, send)

    def _is_allowed(self, scope: Scope) -> bool:
        header = Headers(scope=scope).get("authorization")
        if header is None:
            return scope["path"] in PROBES
        scheme, _, credentials = header.partition(" ")
        try:
            given = base64.b64decode(credentials, validate=True)
        except (binascii.Error, ValueError):
            return False
        matches = [secrets.compare_digest(given, expected) for expected in self._expected]
        return scheme.lower() == "basic" and any(matches)


class BodyLimitMiddleware:
    """Refuses a request body over `max_bytes`, declared or streamed, with 413."""

    def __init__(self, app: ASGIApp, *, max_bytes: int) -> None:
        self.app = app
        self.max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        refuse = _refuse(
            413,
            f"The request body is larger than {self.max_bytes} bytes: send fewer tasks "
            "at once, or raise SENTIMENT_MAX_BODY_BYTES.",
        )
        if (_declared_bytes(scope) or 0) > self.max_bytes:
            await refuse(scope, receive, send)
            return
        received = 0
        last: deque[Message] = deque(maxlen=1)

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            last.append(message)
            received += len(message.get("body", b""))
            if received > self.max_bytes:
                raise _BodyTooLargeError
            return message

        async def guarded(message: Message) -> None:
            # What the application makes of the broken-off body is not for the caller.
            if received <= self.max_bytes:
                await send(message)

        with suppress(_BodyTooLargeError):
            await self.app(scope, counted, guarded)
        if received > self.max_bytes:
            await refuse(scope, _replayed(last, receive), send)


class AdmissionMiddleware:
    """Bounds the work that is taken on for the network: past it, 503 with `Retry-After` at once.

    The requests in work on `paths` count by their tokens, reckoned from the size of the body once
    it has come and before it is parsed. When they have `max_tokens` together, the next ones are
    refused. None counts for more than a quarter of that, so that a single large one does not keep
    all others out. `metrics` is told of what is in work and of what is refused.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        paths: Collection[str],
        max_tokens: int,
        metrics: Metrics | None = None,
    ) -> None:
        self.app = app
        self.paths = frozenset(paths)
        self.max_tokens = max_tokens
        self._tokens = 0
        self._metrics = metrics or Metrics()
        self._metrics.queue_limit.add(max_tokens)
        self._refuse = _refuse(
            503,
            "The server has more work than it can do right now: "
            f"ask again in {RETRY_AFTER_SECONDS} seconds.",
            {"Retry-After": str(RETRY_AFTER_SECONDS)},
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] not in self.paths:
            await self.app(scope, receive, send)
            return
        # Asked twice, so that a flood is not read in vain, and slow uploads keep nobody out.
        if self._is_full():
            self._metrics.shed.add()
            await self._refuse(scope, receive, send)
            return
        try:
            messages = await _read_body(receive)
        except ClientDisconnect:
            return
        if self._is_full():
            self._metrics.shed.add()
            await self._refuse(scope, _replayed(messages, receive), send)
            return
        size = sum(len(message.get("body", b"")) for message in messages)
        tokens = min(size // _BYTES_PER_TOKEN + 1, -(-self.max_tokens // 4))
        self._take(tokens, 1)
        try:
            await self.app(scope, _replayed(messages, receive), send)
        finally:
            self._take(-tokens, -1)

    def _take(self, tokens: int, requests: int) -> None:
        self._tokens += tokens
        self._metrics.queue_tokens.add(tokens)
        self._metrics.queue_requests.add(requests)

    def _is_full(self) -> bool:
        return self._tokens >= self.max_tokens


class TimeoutMiddleware:
    """Answers 504 if an answer has not begun after `timeout` seconds, and ends the request.

    It stands for BentoML's, which does the same, but never ends its timer: with every request some
    objects stay for as long as the timeout, and collecting garbage among them takes up to 0.15 s.
    """

    def __init__(self, app: ASGIApp, timeout: float) -> None:
        self.app = app
        self.timeout = timeout

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def watched(message: Message) -> None:
            timer.reschedule(None)
            await send(message)

        try:
            async with asyncio.timeout(self.timeout) as timer:
                await self.app(scope, receive, watched)
        except TimeoutError:
            if not timer.expired():
                raise
            body = {"error": f"There was no answer within {self.timeout:g} seconds."}
            await JSONResponse(body, status_code=504)(scope, receive, send)


class TurnoverMiddleware:
    """Ends kept-alive connections now and then, so that they spread over the workers.

    The workers accept from one socket, and whoever is idle does: new connections go where there
    is time for them. But a connection that is kept stays with its worker, and one worker may have
    accepted them all. The larger a request is, the likelier its answer ends the connection: after
    about `bytes_per_connection`, against which the cost of a new connection is nothing.
    """

    def __init__(self, app: ASGIApp, *, bytes_per_connection: int) -> None:
        self.app = app
        self.bytes_per_connection = bytes_per_connection

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def ending(message: Message) -> None:
            # Not after an error: its caller may still be sending, and would lose the answer.
            if message["type"] == "http.response.start" and message["status"] == HTTPStatus.OK:
                message["headers"] = [*message.get("headers", ()), (b"connection", b"close")]
            await send(message)

        ends = send
        if scope["type"] == "http":
            size = _REQUEST_BYTES + (_declared_bytes(scope) or 0)
            if random.random() * self.bytes_per_connection < size:  # noqa: S311 (no secret)
                ends = ending
        await self.app(scope, receive, ends)


def _refuse(status: int, error: str, headers: Mapping[str, str] | None = None) -> ASGIApp:
    """Answers every request with an error, so that it arrives."""

    async def refuse(scope: Scope, receive: Receive, send: Send) -> None:
        if (
            scope.get("http_version") == "1.0"
            or Headers(scope=scope).get("connection", "").lower() == "close"
        ):
            # It is closed after the answer, and the answer lost if the body was not read.
            while (await receive()).get("more_body"):
                pass
        await JSONResponse({"error": error}, status, headers)(scope, receive, send)

    return refuse


async def _read_body(receive: Receive) -> deque[Message]:
    """All messages that make up the body of a request; raises ClientDisconnect."""
    messages: deque[Message] = deque()
    while not messages or messages[-1].get("more_body"):
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        messages.append(message)
    return messages


def _replayed(messages: deque[Message], receive: Receive) -> Receive:
    """Gives the application the messages that were read, and then what comes."""

    async def replayed() -> Message:
        return messages.popleft() if messages else await receive()

    return replayed


def _declared_bytes(scope: Scope) -> int | None:
    """The size of the body that a request announces; None if it announces none."""
    length = Headers(scope=scope).get("content-length", "")
    return int(length) if length.isdigit() else None


class _BodyTooLargeError(Exception):
    """Ends the reading of a body inside the application."""
