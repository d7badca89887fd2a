"""One line of the log for each request: who it was, what it took. Never what was in it."""

import logging
import re
import secrets
import time
from collections import defaultdict
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from opentelemetry.trace import format_trace_id, get_current_span
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from adapters.observability.logs import request_id
from adapters.observability.request_metrics import HUNG_UP, RouteNames
from model_store.model.stages import Stage, recording

logger = logging.getLogger(__name__)

HEADER = "X-Request-ID"
_SANE_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")


class RequestLogMiddleware:
    """Logs each request when it is answered, but those to `skip_paths`.

    Its id is the caller's `X-Request-ID`, or a new one; the answer carries it, and so does each
    line that is logged on the way.
    """

    def __init__(self, app: ASGIApp, *, routes: RouteNames, skip_paths: Sequence[str] = ()) -> None:
        self.app = app
        self.routes = routes
        self.skip_paths = tuple(skip_paths)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        token = request_id.set(_id_of(scope))
        try:
            await self._logged(scope, receive, send)
        finally:
            request_id.reset(token)

    async def _logged(self, scope: Scope, receive: Receive, send: Send) -> None:
        start = time.perf_counter()
        request = _Traffic(receive, send)
        stages: list[Stage] = []
        try:
            with recording() as stages:
                await self.app(scope, request.receive, request.send)
        except Exception:
            request.status = request.status or HTTPStatus.INTERNAL_SERVER_ERROR
            raise
        finally:
            if not scope["path"].startswith(self.skip_paths):
                logger.info(
                    "request",
                    extra={
                        "method": scope["method"],
                        "route": self.routes(scope["path"]),
                        "status": int(request.status or HUNG_UP),
                        "request_bytes": request.received,
                        "response_bytes": request.sent,
                        **_milliseconds(start, stages),
                        **_trace(),
                    },
                )


class _Traffic:
    """What goes in and out in the course of a request."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self.status = 0
        self.received = 0
        self.sent = 0

    async def receive(self) -> Message:
        message = await self._receive()
        self.received += len(message.get("body", b""))
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            name = (request_id.get() or "").encode()
            message["headers"] = [*message.get("headers", ()), (HEADER.lower().encode(), name)]
        self.sent += len(message.get("body", b""))
        await self._send(message)


def _id_of(scope: Scope) -> str:
    given = Headers(scope=scope).get(HEADER, "")
    return given if _SANE_ID.fullmatch(given) else secrets.token_hex(16)


def _milliseconds(start: float, stages: Sequence[Stage]) -> dict[str, float]:
    spent: dict[str, float] = defaultdict(float, total_ms=time.perf_counter() - start)
    for stage in stages:
        spent[f"{stage.name}_ms"] += stage.end - stage.start
    return {name: round(seconds * 1000, 3) for name, seconds in spent.items()}


def _trace() -> dict[str, Any]:
    context = get_current_span().get_span_context()
    return {"trace_id": format_trace_id(context.trace_id)} if context.is_valid else {}
