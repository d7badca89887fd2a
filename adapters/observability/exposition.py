"""`GET /metrics`: the metrics of all workers of a server, for Prometheus."""

import asyncio
import os
from pathlib import Path

from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from adapters.observability.metrics import Metrics
from adapters.observability.metrics_folder import VARIABLE

METRICS_PATH = "/metrics"


def metrics_route(metrics: Metrics) -> Route:
    """Return the route, which flushes this worker's metrics before it reads those of all."""

    async def page(_: Request) -> Response:
        metrics.flush()
        return Response(
            await asyncio.to_thread(lambda: generate_latest(registry_of_all())),
            media_type=CONTENT_TYPE_LATEST,
        )

    return Route(METRICS_PATH, page, methods=["GET"])


def registry_of_all() -> CollectorRegistry:
    """Return the metrics of all workers of this server; reading them takes milliseconds."""
    if not Path(os.environ.get(VARIABLE) or os.devnull).is_dir():
        return REGISTRY
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return registry
