"""uvicorn's HTTP protocol, with bounds on what a client can hold before its request has a head.

- A head above `HEAD_BYTES` is answered with 431. httptools concatenates the pieces of a header, so
  that its cost grows with the square of its size.
- A connection on which no request runs is closed if the next head takes longer than
  `HEAD_SECONDS`. uvicorn closes only connections that are silent after a response.
- A worker has fewer connections than file descriptors. At the bound, the oldest connection without
  a complete request makes room for the new one, such as a health check.
- A client that takes none of its response for `TAKE_SECONDS` is disconnected by the kernel.

Reads no bodies: `requests.RequestMiddleware` bounds those.
"""

import asyncio
import json
import logging
import resource
import socket
from contextlib import suppress
from typing import Any, ClassVar, Self

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from adapters.observability.seldom import Seldom

logger = logging.getLogger(__name__)

HEAD_BYTES = 64 * 1024
HEAD_SECONDS = 10.0
TAKE_SECONDS = 60.0

_BODY_SECONDS = 100.0
"""Time for the rest of a body whose request is answered already."""
_LINGER_SECONDS = 5.0
"""Time to discard what a client still sends after a 431; it would lose the answer otherwise."""
_MAX_CONNECTIONS = 4096
_OTHER_DESCRIPTORS = 256
"""Descriptors kept for files, the database and the port."""
_MAX_DESCRIPTORS = 65_536

_TOO_LARGE = json.dumps(
    {"error": f"The head of the request is larger than {HEAD_BYTES} bytes: send shorter headers."}
).encode()
_REFUSAL = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-type: application/json\r\n"
    b"content-length: %d\r\nconnection: close\r\n\r\n%b" % (len(_TOO_LARGE), _TOO_LARGE)
)


def raise_descriptor_limit() -> None:
    """Raise the soft limit of file descriptors of this process and of those that it starts."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MAX_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, _MAX_DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(ValueError, OSError):  # macOS has another, lower limit.
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def connection_limit() -> int:
    """Return the maximum number of connections of a worker, below its limit of descriptors."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return _MAX_CONNECTIONS
    return min(max(soft - _OTHER_DESCRIPTORS, soft // 2), _MAX_CONNECTIONS)


class BoundedProtocol(HttpToolsProtocol):
    """One connection of a worker."""

    _incomplete: ClassVar[dict[Self, None]] = {}
    """The connections without a complete request, the oldest first."""
    _limit: ClassVar[int] = 0
    _closings: ClassVar[Seldom] = Seldom()

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._timer: asyncio.TimerHandle | None = None
        self._head_bytes = 0
        """Received since the last part of a body, or the last end of a head or of a message."""
        self._in_body = self._is_refused = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the time for the first head; make room if there are too many connections."""
        super().connection_made(transport)
        _bound_time_to_take(transport)
        limit = BoundedProtocol._limit = BoundedProtocol._limit or connection_limit()
        if len(self.connections) > limit:
            self._note(limit)
            oldest = next(iter(BoundedProtocol._incomplete), self)
            oldest._disconnect()  # noqa: SLF001 (of this class)
            if oldest is self:
                return
        self._wait(HEAD_SECONDS)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._forget()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse a part of a request, unless its head is too large, or what follows its body."""
        if self._is_refused:
            return
        self._head_bytes += len(data)
        super().data_received(data)
        if self._is_refused:
            return
        if self._head_bytes > HEAD_BYTES:
            self._refuse()
        elif self._timer is None and (self.cycle is None or self.cycle.response_complete):
            self._wait(_BODY_SECONDS if self._in_body else HEAD_SECONDS)
        elif self._in_body:
            BoundedProtocol._incomplete.setdefault(self)

    def on_headers_complete(self) -> None:
        """Start the request, unless its head is too large."""
        if self._head_bytes > HEAD_BYTES and self._size_of_head() > HEAD_BYTES:
            self._refuse()
        if self._is_refused:
            return
        self._head_bytes, self._in_body = 0, True
        if self._timer:
            self._stop_timer()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Pass on a part of a body."""
        self._head_bytes = 0
        if not self._is_refused:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """Note that the next byte belongs to another head."""
        self._head_bytes, self._in_body = 0, False
        if self._is_refused:
            return
        BoundedProtocol._incomplete.pop(self, None)
        super().on_message_complete()

    def _note(self, limit: int) -> None:
        """Log that connections are closed to make room."""
        if self._closings.is_due():
            logger.warning(
                "This worker has %d connections, its maximum: closing the oldest that have not "
                "sent a whole request. Does a client leave connections open?",
                limit,
            )

    def _size_of_head(self) -> int:
        return len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)

    def _refuse(self) -> None:
        """Answer with 431, and discard the rest until the client hangs up."""
        self._is_refused = True
        self._stop_timer()
        if self.cycle is not None and not self.cycle.response_complete:
            self._disconnect()  # The answer would land inside that of an earlier request.
            return
        self.transport.write(_REFUSAL)
        self._wait(_LINGER_SECONDS)

    def _wait(self, seconds: float) -> None:
        if not self.transport.is_closing():
            self._timer = self.loop.call_later(seconds, self._disconnect)
            BoundedProtocol._incomplete[self] = None

    def _stop_timer(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None

    def _forget(self) -> None:
        self._stop_timer()
        self.connections.discard(self)
        BoundedProtocol._incomplete.pop(self, None)

    def _disconnect(self) -> None:
        self._forget()
        self.transport.abort()


def _bound_time_to_take(transport: asyncio.Transport) -> None:
    option = getattr(socket, "TCP_USER_TIMEOUT", None)  # Linux has it.
    connection = transport.get_extra_info("socket")
    if option and connection and connection.family in (socket.AF_INET, socket.AF_INET6):
        connection.setsockopt(socket.IPPROTO_TCP, option, int(TAKE_SECONDS * 1000))
