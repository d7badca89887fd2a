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
        return Response(await asyncio.to_thread(_render), media_type=CONTENT_TYPE_LATEST)

    return Route(METRICS_PATH, page, methods=["GET"])


def _render() -> bytes:
    if not Path(os.environ.get(VARIABLE) or os.devnull).is_dir():
        return generate_latest(REGISTRY)
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry)
