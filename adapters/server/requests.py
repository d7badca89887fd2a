"""Process every request in one middleware: authentication, limits, metrics, log and traces.

All in one ASGI middleware, because each layer costs a small request several microseconds
(docs/performance.md). The rules themselves are in `auth`, `limits` and `connections`.
"""

import asyncio
import logging
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from opentelemetry.trace import Tracer
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from adapters.observability.exposition import METRICS_PATH
from adapters.observability.instruments import OTHER
from adapters.observability.logs import request_id
from adapters.observability.metrics import Metrics
from adapters.observability.request_log import RequestLog
from adapters.observability.route_names import RouteNames
from adapters.observability.seldom import Seldom
from adapters.observability.tracing import is_sampled, trace_stages, tracer_around
from adapters.server.auth import CHALLENGE, BasicAuth
from adapters.server.classify import CLASSIFY_PATH
from adapters.server.connections import Recycling
from adapters.server.decompression import EncodingError
from adapters.server.exchange import HUNG_UP, Exchange, RefusedError
from adapters.server.limits import RETRY_AFTER_SECONDS, Admission, BodyBudget, Limits
from adapters.server.patches import remove_layers_around
from adapters.server.path_prefix import without_prefix
from adapters.settings import Settings
from model_store.model.stages import Stage, recording

logger = logging.getLogger(__name__)

_UNLIMITED = Limits(body_bytes=2**63, seconds=2**31)
_ROUTES_OF_BENTOML = (CLASSIFY_PATH, "/livez", "/readyz", "/healthz", "/schema.json")
_UNLOGGED = (METRICS_PATH, "/livez", "/readyz", "/healthz")
_BYTES_PER_CONNECTION = 100_000
TRY_PATH = "/console/try"
"""Where a page sends a text."""
_OF_LABEL_STUDIO = {"/setup": 1024 * 1024, "/webhook": 16 * 1024 * 1024}
"""A labeling config is small; so is an event, unless it is about ten thousand tasks."""
_BODY_BYTES_OF = {**_OF_LABEL_STUDIO, TRY_PATH: 1024 * 1024}

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
                ("/predict", CLASSIFY_PATH, TRY_PATH),
                max_tokens=settings.max_queue_tokens,
                metrics=metrics,
            ),
            # Apart from the model's: a flood of predictions must not cost an event.
            Admission(_OF_LABEL_STUDIO, max_tokens=settings.max_queue_tokens),
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
        self._refusals = Seldom()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "lifespan" and self._replaces_layers:
                remove_layers_around(self, scope["app"], traces=self._traces)
            await self.app(scope, receive, send)
            return
        if self._prefix:
            scope = without_prefix(scope, self._prefix)
        exchange = Exchange(self._routes(scope["path"]), scope, receive, send)
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

    async def _observe(self, exchange: Exchange, *, traced: bool) -> None:
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

    async def _bound(self, exchange: Exchange) -> None:
        """Cancel a request whose response has not begun in time."""
        try:
            async with asyncio.timeout(self._limits.seconds) as exchange.timer:
                await self._answer(exchange)
        except TimeoutError:
            if exchange.timer is None or not exchange.timer.expired():
                raise
            exchange.timer = None
            error = f"There was no answer within {self._limits.seconds:g} seconds."
            await exchange.refuse(RefusedError(504, error))

    async def _answer(self, exchange: Exchange) -> None:
        admission = self._admission_of.get(exchange.scope["path"])
        tokens = 0
        try:
            await self._read(exchange, admission)
            if admission:
                tokens = admission.enter(exchange.received)
            await self._call(exchange)
        except RefusedError as refusal:
            await exchange.refuse(refusal)
        except ClientDisconnect:
            return
        finally:
            if admission and tokens:
                admission.leave(tokens)
            self._budget.remove(exchange.held)

    async def _read(self, exchange: Exchange, admission: Admission | None) -> None:
        """Check a request and read its body.

        Raises RefusedError, or ClientDisconnect if the client hangs up while it sends the body.
        """
        scope = exchange.scope
        if self._auth and not self._auth.allows(scope):
            self._note_unauthorized(exchange)
            raise RefusedError(401, _NO_CREDENTIALS, CHALLENGE)
        limit = self._limits.body_bytes_of.get(scope["path"], self._limits.body_bytes)
        limit = min(limit, self._limits.body_bytes)
        if exchange.declared_bytes > limit:
            raise self._too_large(scope["path"], limit)
        # Checked before and after reading the body: a flood is not read, and slow uploads do not
        # keep others out.
        if admission and admission.is_full():
            raise RefusedError(503, _TOO_MUCH_WORK, _RETRY_AFTER)
        if scope["method"] == "POST" and exchange.route != OTHER:
            if not await exchange.read_body(limit, self._budget):
                raise RefusedError(503, _TOO_MUCH_WORK, _RETRY_AFTER)
            if exchange.encoding and exchange.received <= limit:
                await self._decompress(exchange, limit)
            if exchange.received > limit:
                raise self._too_large(scope["path"], limit)
        if admission and admission.is_full():
            raise RefusedError(503, _TOO_MUCH_WORK, _RETRY_AFTER)

    async def _decompress(self, exchange: Exchange, limit: int) -> None:
        try:
            if not await exchange.decompress(limit, self._budget):
                raise RefusedError(503, _TOO_MUCH_WORK, _RETRY_AFTER)
        except EncodingError as error:
            raise RefusedError(error.status, str(error)) from None

    def _note_unauthorized(self, exchange: Exchange) -> None:
        """Log a 401, once a minute for each route: Label Studio refers its user to this log."""
        if self._refusals.is_due(exchange.route):
            given = "authorization" in Headers(scope=exchange.scope)
            logger.warning(
                "%s was answered with 401: the request had %s. Label Studio takes both in the form "
                "of the model, and for events in a header of the webhook.",
                exchange.route,
                "a wrong user or password" if given else "no user and password",
            )

    def _too_large(self, path: str, limit: int) -> RefusedError:
        message = _TOO_LARGE if limit == self._limits.body_bytes else _TOO_LARGE_FOR
        return RefusedError(413, message.format(limit=limit, path=path))

    async def _call(self, exchange: Exchange) -> None:
        scope = exchange.scope
        route = self._direct.get(scope["path"])
        is_direct = route and scope["method"] in (route.methods or ())
        app = route.app if route and is_direct else self.app
        try:
            await app(scope, exchange.receive, exchange.send)
        except Exception:
            exchange.status = exchange.status or HTTPStatus.INTERNAL_SERVER_ERROR
            raise


def _exact_routes(app: Starlette | None) -> dict[str, Route]:
    routes = app.routes if app else ()
    return {
        route.path: route for route in routes if isinstance(route, Route) and "{" not in route.path
    }
