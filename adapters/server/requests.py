"""Process every request in one middleware: authentication, limits, metrics, log and traces.

All in one ASGI middleware, because each layer costs a small request several microseconds
(docs/performance.md). The rules themselves are in `auth`, `limits` and `connections`.
"""

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from http import HTTPStatus
from typing import Any

from opentelemetry.trace import Tracer
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from adapters.observability.exposition import METRICS_PATH
from adapters.observability.instruments import OTHER
from adapters.observability.logs import request_id
from adapters.observability.metrics import Metrics
from adapters.observability.request_log import ID_HEADER, RequestLog
from adapters.observability.route_names import RouteNames
from adapters.observability.tracing import is_sampled, trace_stages, tracer_around
from adapters.server.auth import CHALLENGE, BasicAuth
from adapters.server.classify import CLASSIFY_PATH
from adapters.server.connections import Recycling
from adapters.server.decompression import EncodingError, decompress
from adapters.server.limits import RETRY_AFTER_SECONDS, Admission, BodyBudget, Limits
from adapters.server.offloading import offload
from adapters.server.patches import remove_layers_around
from adapters.server.path_prefix import without_prefix
from adapters.settings import Settings
from model_store.model.stages import Stage, recording

logger = logging.getLogger(__name__)

HUNG_UP = 499
"""The status of a request whose client disconnected before it was answered."""

_UNLIMITED = Limits(body_bytes=2**63, seconds=2**31)
_ROUTES_OF_BENTOML = (CLASSIFY_PATH, "/livez", "/readyz", "/healthz", "/schema.json")
_UNLOGGED = (METRICS_PATH, "/livez", "/readyz", "/healthz")
_BYTES_PER_CONNECTION = 100_000
_BODY_BYTES_OF = {"/setup": 1024 * 1024, "/webhook": 16 * 1024 * 1024}
"""A labeling config is small; so is an event, unless it is about ten thousand tasks."""

_NO_CREDENTIALS = "This server asks for basic authentication: give its user and password."
_TOO_LARGE = (
    "The request body is larger than {limit} bytes: send fewer tasks at once, or raise "
    "SENTIMENT_MAX_BODY_BYTES."
)
_TOO_LARGE_FOR = "The request body is larger than {limit} bytes, the maximum for {path}."
_TOO_MUCH_WORK = (
    "The server has more work than it can do right now: "
    f"ask again in {RETRY_AFTER_SECONDS} seconds."
)
_NOTE_SECONDS = 60.0
_REST_SECONDS = 30.0
"""Time to read the rest of a body whose request is refused."""
_INLINE_BYTES = 16 * 1024
"""A compressed body of this size takes some milliseconds to decompress."""
_OF_THE_BODY = (b"content-encoding", b"content-length")
_RETRY_AFTER = {"Retry-After": str(RETRY_AFTER_SECONDS)}


def options_of(settings: Settings, protocol: Starlette, metrics: Metrics) -> dict[str, Any]:
    """Return the options of RequestMiddleware for a server with these settings."""
    auth = None
    if settings.basic_auth_user and settings.basic_auth_password:
        password = settings.basic_auth_password.get_secret_value()
        auth = BasicAuth(settings.basic_auth_user, password)
    is_json = settings.log_format == "json"
    return {
        "routes": RouteNames(protocol, _ROUTES_OF_BENTOML),
        "direct": protocol,
        "limits": Limits(settings.max_body_bytes, settings.request_timeout, _BODY_BYTES_OF),
        "auth": auth,
        "budget": BodyBudget(settings.max_body_bytes),
        "admissions": [
            Admission(
                ("/predict", CLASSIFY_PATH), max_tokens=settings.max_queue_tokens, metrics=metrics
            ),
            # Apart from the model's: a flood of predictions must not cost an event.
            Admission(_BODY_BYTES_OF, max_tokens=settings.max_queue_tokens),
        ],
        "recycling": Recycling(_BYTES_PER_CONNECTION) if settings.workers > 1 else None,
        "metrics": metrics,
        "log": RequestLog(_UNLOGGED) if settings.logs_requests and is_json else None,
        "traces": settings.tracing,
        "prefix": settings.root_path,
        "replaces_layers": True,
    }


class RequestMiddleware:
    """Pass a request to the app or reject it, and observe its response.

    - without the right credentials: 401;
    - a body over the limit, declared, streamed or decompressed: 413;
    - a compressed body that cannot be read: 400, or 415 for an unknown encoding;
    - more bytes of bodies than `budget` allows: 503 with `Retry-After`;
    - more queued work than one of the `admissions` allows: 503 with `Retry-After`;
    - no response within the time limit: the request is cancelled and answered with 504.

    The body of a POST to a known route is read here, so that limits apply before it is parsed.
    Routes of `direct` without parameters are called without going through the app's routers. With
    `replaces_layers`, layers of BentoML that do the same are removed when the server starts.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        routes: RouteNames,
        direct: Starlette | None = None,
        limits: Limits = _UNLIMITED,
        auth: BasicAuth | None = None,
        budget: BodyBudget | None = None,
        admissions: Sequence[Admission] = (),
        recycling: Recycling | None = None,
        metrics: Metrics | None = None,
        log: RequestLog | None = None,
        traces: bool = False,
        prefix: str = "",
        replaces_layers: bool = False,
    ) -> None:
        self.app = app
        self._routes = routes
        self._direct = _exact_routes(direct)
        self._limits = limits
        self._auth = auth
        self._budget = budget or BodyBudget(_UNLIMITED.body_bytes)
        self._admission_of = {path: item for item in admissions for path in item.paths}
        self._recycling = recycling
        self._metrics = metrics or Metrics()
        self._log = log
        self._traces = traces
        self._prefix = prefix
        self._replaces_layers = replaces_layers
        self._tracer: Tracer | None = None
        self._noted: dict[str, float] = {}
        """When a 401 was logged last, by route."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "lifespan" and self._replaces_layers:
                remove_layers_around(self, scope["app"], traces=self._traces)
            await self.app(scope, receive, send)
            return
        if self._prefix:
            scope = without_prefix(scope, self._prefix)
        exchange = _Exchange(self._routes(scope["path"]), scope, receive, send)
        if scope["path"] != METRICS_PATH:
            exchange.metrics = self._metrics
            self._metrics.began(exchange.route)
        if self._recycling and self._recycling.closes(exchange.declared_bytes):
            exchange.closes = True
        traced = self._traces and is_sampled()
        try:
            if self._log or traced:
                await self._observe(exchange, traced=traced)
            else:
                await self._bound(exchange)
        finally:
            exchange.finish()

    async def _observe(self, exchange: "_Exchange", *, traced: bool) -> None:
        """Collect the stages of a request for its log line and its spans."""
        if self._log:
            exchange.id = self._log.id_of(exchange.scope)
        token = request_id.set(exchange.id)
        stages: list[Stage] = []
        try:
            with recording() as stages:
                await self._bound(exchange)
        finally:
            if traced:
                trace_stages(stages, self._tracer_of(exchange.scope))
            if self._log:
                self._log.write(
                    exchange.scope,
                    route=exchange.route,
                    status=int(exchange.status or HUNG_UP),
                    received=exchange.received,
                    sent=exchange.sent,
                    start=exchange.start,
                    stages=stages,
                )
            request_id.reset(token)

    def _tracer_of(self, scope: Scope) -> Tracer:
        if self._tracer is None:
            self._tracer = tracer_around(scope["app"])
        return self._tracer

    async def _bound(self, exchange: "_Exchange") -> None:
        """Cancel a request whose response has not begun in time."""
        try:
            async with asyncio.timeout(self._limits.seconds) as exchange.timer:
                await self._answer(exchange)
        except TimeoutError:
            if exchange.timer is None or not exchange.timer.expired():
                raise
            exchange.timer = None
            error = f"There was no answer within {self._limits.seconds:g} seconds."
            await exchange.refuse(_RefusedError(504, error))

    async def _answer(self, exchange: "_Exchange") -> None:
        admission = self._admission_of.get(exchange.scope["path"])
        tokens = 0
        try:
            await self._read(exchange, admission)
            if admission:
                tokens = admission.enter(exchange.received)
            await self._call(exchange)
        except _RefusedError as refusal:
            await exchange.refuse(refusal)
        except ClientDisconnect:
            return
        finally:
            if admission and tokens:
                admission.leave(tokens)
            self._budget.remove(exchange.held)

    async def _read(self, exchange: "_Exchange", admission: Admission | None) -> None:
        """Check a request and read its body.

        Raises _RefusedError, or ClientDisconnect if the client hangs up while it sends the body.
        """
        scope = exchange.scope
        if self._auth and not self._auth.allows(scope):
            self._note_unauthorized(exchange)
            raise _RefusedError(401, _NO_CREDENTIALS, CHALLENGE)
        limit = self._limits.body_bytes_of.get(scope["path"], self._limits.body_bytes)
        limit = min(limit, self._limits.body_bytes)
        if exchange.declared_bytes > limit:
            raise self._too_large(scope["path"], limit)
        # Checked before and after reading the body: a flood is not read, and slow uploads do not
        # keep others out.
        if admission and admission.is_full():
            raise _RefusedError(503, _TOO_MUCH_WORK, _RETRY_AFTER)
        if scope["method"] == "POST" and exchange.route != OTHER:
            if not await exchange.read_body(limit, self._budget):
                raise _RefusedError(503, _TOO_MUCH_WORK, _RETRY_AFTER)
            if exchange.encoding and exchange.received <= limit:
                await self._decompress(exchange, limit)
            if exchange.received > limit:
                raise self._too_large(scope["path"], limit)
        if admission and admission.is_full():
            raise _RefusedError(503, _TOO_MUCH_WORK, _RETRY_AFTER)

    async def _decompress(self, exchange: "_Exchange", limit: int) -> None:
        try:
            if not await exchange.decompress(limit, self._budget):
                raise _RefusedError(503, _TOO_MUCH_WORK, _RETRY_AFTER)
        except EncodingError as error:
            raise _RefusedError(error.status, str(error)) from None

    def _note_unauthorized(self, exchange: "_Exchange") -> None:
        """Log a 401, once a minute for each route: Label Studio refers its user to this log."""
        now = time.monotonic()
        if now - self._noted.get(exchange.route, -_NOTE_SECONDS) >= _NOTE_SECONDS:
            self._noted[exchange.route] = now
            given = "authorization" in Headers(scope=exchange.scope)
            logger.warning(
                "%s was answered with 401: the request had %s. Label Studio takes both in the form "
                "of the model, and for events in a header of the webhook.",
                exchange.route,
                "a wrong user or password" if given else "no user and password",
            )

    def _too_large(self, path: str, limit: int) -> "_RefusedError":
        message = _TOO_LARGE if limit == self._limits.body_bytes else _TOO_LARGE_FOR
        return _RefusedError(413, message.format(limit=limit, path=path))

    async def _call(self, exchange: "_Exchange") -> None:
        scope = exchange.scope
        route = self._direct.get(scope["path"])
        is_direct = route and scope["method"] in (route.methods or ())
        app = route.app if route and is_direct else self.app
        try:
            await app(scope, exchange.receive, exchange.send)
        except Exception:
            exchange.status = exchange.status or HTTPStatus.INTERNAL_SERVER_ERROR
            raise


class _RefusedError(Exception):
    """Ends a request with an error, before the app sees it."""

    def __init__(self, status: int, error: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(error)
        self.response = JSONResponse({"error": error}, status, headers)


class _Exchange:
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

    async def refuse(self, refusal: _RefusedError) -> None:
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


def _exact_routes(app: Starlette | None) -> dict[str, Route]:
    routes = app.routes if app else ()
    return {
        route.path: route for route in routes if isinstance(route, Route) and "{" not in route.path
    }


def _declared(scope: Scope) -> tuple[int, str]:
    """Return the size and the encoding of the body that a request announces; 0 and "" without."""
    size, encoding = 0, ""
    for name, value in scope["headers"]:
        if name == b"content-length":
            size = int(value) if value.isdigit() else 0
        elif name == b"content-encoding":
            encoding = value.decode("latin-1")
    return size, encoding
