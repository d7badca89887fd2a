"""Map paths to names of routes for metrics and logs, so that clients cannot add names."""

import re
from collections.abc import Sequence

from starlette.applications import Starlette
from starlette.routing import Route

from adapters.observability.instruments import OTHER


class RouteNames:
    """Look up the route of a path, such as `/jobs/{job_id}` for the path of any job.

    The routes are those of an app, and `others`.
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
        """Return the route of a path, OTHER for an unknown path."""
        if path in self._exact:
            return path
        return next((name for pattern, name in self._patterns if pattern.fullmatch(path)), OTHER)
