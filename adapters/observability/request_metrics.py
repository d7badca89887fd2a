"""Counts and times every request, by its route."""

import re
import time
from collections.abc import Sequence
from http import HTTPStatus

from starlette.applications import Starlette
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from adapters.observability.instruments import OTHER
from adapters.observability.metrics import Metrics

METRICS_PATH = "/metrics"
HUNG_UP = 499
"""The status of a request whose caller has gone before it was answered."""


class RouteNames:
    """The routes of an app, and others, by the paths of requests.

    `/jobs/{job_id}` stands for all jobs.
    """

    def __init__(self, app: Starlette, others: Sequence[str] = ()) -> None:
        routes = [*others, *(route.path for route in app.routes if isinstance(route, Route))]
        self._exact = {route for route in routes if "{" not in route}
        self._patterns = [
            (re.compile(re.sub(r"{\w+}", "[^/]+", route)), route)
            for route in routes
            if "{" in route
        ]

    def __call__(self, path: str) -> str:
        """The route of a path; OTHER for a path that leads nowhere, whatever it is."""
        if path in self._exact:
            return path
        return next((name for pattern, name in self._patterns if pattern.fullmatch(path)), OTHER)


class RequestMetricsMiddleware:
    """Stands for BentoML's, under the same names of metrics.

    That one has a series for each path that anybody asks for, and takes a sixth of the time of a
    small request.
    """

    def __init__(self, app: ASGIApp, *, metrics: Metrics, routes: RouteNames) -> None:
        self.app = app
        self.metrics = metrics
        self.routes = routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        if scope["path"] == METRICS_PATH:
            self.metrics.flush()
            await self.app(scope, receive, send)
            return
        route = self.routes(scope["path"])
        start = time.perf_counter()
        status = 0
        ended = False

        async def watched(message: Message) -> None:
            nonlocal status, ended
            if message["type"] == "http.response.start":
                status = message["status"]
            elif not message.get("more_body"):
                # Before it is sent: who has the answer finds it counted.
                ended = True
                self.metrics.ended(route, status, time.perf_counter() - start)
            await send(message)

        self.metrics.began(route)
        try:
            await self.app(scope, receive, watched)
        except Exception:
            status = status or HTTPStatus.INTERNAL_SERVER_ERROR
            raise
        finally:
            if not ended:
                self.metrics.ended(route, int(status or HUNG_UP), time.perf_counter() - start)
