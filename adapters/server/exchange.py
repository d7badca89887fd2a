"""A request and its response, between the server and the app: the body, the figures, a refusal."""

import asyncio
import time
from collections.abc import Mapping
from contextlib import suppress
from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse
from starlette.types import Message, Receive, Scope, Send

from adapters.observability.metrics import Metrics
from adapters.observability.request_log import ID_HEADER
from adapters.server.decompression import decompress
from adapters.server.limits import BodyBudget
from adapters.server.offloading import offload

HUNG_UP = 499
"""The status of a request whose client disconnected before it was answered."""

_REST_SECONDS = 30.0
"""Time to read the rest of a body whose request is refused."""
_INLINE_BYTES = 16 * 1024
"""A compressed body of this size takes some milliseconds to decompress."""
_OF_THE_BODY = (b"content-encoding", b"content-length")


class RefusedError(Exception):
    """Ends a request with an error, before the app sees it."""

    def __init__(self, status: int, error: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(error)
        self.response = JSONResponse({"error": error}, status, headers)


class Exchange:
    """A request and its response: their figures, and the two ends of the connection."""

    def __init__(self, route: str, scope: Scope, receive: Receive, send: Send) -> None:
        self.route = route
        self.scope = scope
        self.start = time.perf_counter()
        self.status = 0
        self.received = self.sent = 0
        self.held = 0
        """Bytes of the body that count in the budget."""
        self.declared_bytes, self.encoding = _declared(scope)
        self.closes = False
        self.id: str | None = None
        self.timer: asyncio.Timeout | None = None
        self.metrics: Metrics | None = None
        """Where the request is counted, until it is."""
        self._receive = receive
        self._send = send
        self._body: bytes | None = None
        self._has_more = True

    async def receive(self) -> Message:
        """Return the body that was read, then further messages."""
        if self._body is not None:
            body, self._body = self._body, None
            return {"type": "http.request", "body": body, "more_body": False}
        message = await self._receive()
        self._has_more = message.get("more_body", False)
        self.received += len(message.get("body", b""))
        return message

    async def read_body(self, limit: int, budget: BodyBudget) -> bool:
        """Read the body, at most a message past `limit`; return whether it fits into the budget.

        Raises ClientDisconnect.
        """
        chunks: list[bytes] = []
        while self._has_more and self.received <= limit:
            message = await self.receive()
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            chunks.append(message.get("body", b""))
            added, self.held = self.received - self.held, self.received
            if not budget.add(added, self.received):
                budget.remove(self.held)
                self.held = 0
                return False
        self._body = chunks[0] if len(chunks) == 1 else b"".join(chunks)
        return True

    async def decompress(self, limit: int, budget: BodyBudget) -> bool:
        """Replace the body that was read by its content; return whether it fits into the budget.

        The content counts as received; over the limit it replaces nothing. Raises EncodingError.
        """
        body = self._body or b""
        is_small = len(body) <= _INLINE_BYTES
        content = await offload(decompress, body, self.encoding, limit, inline=is_small)
        self.received = max(len(content), self.received)
        if self.received > limit:
            return True
        self._body = content
        self.scope["headers"] = [
            *(pair for pair in self.scope["headers"] if pair[0] not in _OF_THE_BODY),
            (b"content-length", str(len(content)).encode()),
        ]
        added, self.held = self.received - self.held, self.received
        if budget.add(added, self.received):
            return True
        budget.remove(self.held)
        self.held = 0
        return False

    async def send(self, message: Message) -> None:
        """Send a part of the response, with the headers that this middleware adds."""
        if message["type"] == "http.response.start":
            self._begin(message)
        else:
            self.sent += len(message.get("body", b""))
            if not message.get("more_body"):
                self.finish()  # before it is sent: a client with the answer finds it counted
        await self._send(message)

    def _begin(self, message: Message) -> None:
        self.status = message["status"]
        if self.timer:
            self.timer.reschedule(None)
        added = []
        # Not after an error: its client may still be sending, and would lose the answer.
        if self.closes and self.status == HTTPStatus.OK:
            added.append((b"connection", b"close"))
        if self.id:
            added.append((ID_HEADER, self.id.encode()))
        if added:
            message["headers"] = [*message.get("headers", ()), *added]

    def finish(self) -> None:
        """Count the request, unless it is counted already."""
        if self.metrics:
            metrics, self.metrics = self.metrics, None
            elapsed = time.perf_counter() - self.start
            metrics.ended(self.route, int(self.status or HUNG_UP), elapsed)

    async def refuse(self, refusal: RefusedError) -> None:
        """Answer with an error, in a way that makes sure it arrives."""
        self._body = None
        if (
            self.scope.get("http_version") == "1.0"
            or Headers(scope=self.scope).get("connection", "").lower() == "close"
        ):
            # uvicorn closes such a connection after the answer, and the kernel resets it if the
            # body was not read: the client would not see the answer.
            with suppress(TimeoutError):
                async with asyncio.timeout(_REST_SECONDS):
                    while self._has_more:
                        await self.receive()
        await refusal.response(self.scope, self.receive, self.send)


def _declared(scope: Scope) -> tuple[int, str]:
    """Return the size and the encoding of the body that a request announces; 0 and "" without."""
    size, encoding = 0, ""
    for name, value in scope["headers"]:
        if name == b"content-length":
            size = int(value) if value.isdigit() else 0
        elif name == b"content-encoding":
            encoding = value.decode("latin-1")
    return size, encoding
