"""Log one line for each request: id, route, status, sizes and times. Never its content."""

import logging
import re
import secrets
import time
from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import Any

from opentelemetry.trace import format_trace_id, get_current_span
from starlette.datastructures import Headers
from starlette.types import Scope

from model_store.model.stages import Stage

logger = logging.getLogger(__name__)

ID_HEADER = b"x-request-id"
_SANE_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")


class RequestLog:
    """Write a line for each finished request, except those to `skip_paths`."""

    def __init__(self, skip_paths: Collection[str] = ()) -> None:
        self._skip_paths = frozenset(skip_paths)

    def id_of(self, scope: Scope) -> str:
        """Return the caller's `X-Request-ID`, or a new id if it sent none or a malformed one."""
        given = Headers(scope=scope).get(ID_HEADER.decode(), "")
        return given if _SANE_ID.fullmatch(given) else secrets.token_hex(16)

    def write(
        self,
        scope: Scope,
        *,
        route: str,
        status: int,
        received: int,
        sent: int,
        start: float,
        stages: Sequence[Stage],
    ) -> None:
        """Log a request that began at `start`, by `time.perf_counter`; sizes are in bytes."""
        if scope["path"] in self._skip_paths:
            return
        logger.info(
            "request",
            extra={
                "method": scope["method"],
                "route": route,
                "status": status,
                "request_bytes": received,
                "response_bytes": sent,
                **_milliseconds(start, stages),
                **_trace(),
            },
        )


def _milliseconds(start: float, stages: Sequence[Stage]) -> dict[str, float]:
    spent: dict[str, float] = defaultdict(float, total_ms=time.perf_counter() - start)
    for stage in stages:
        spent[f"{stage.name}_ms"] += stage.end - stage.start
    return {name: round(seconds * 1000, 3) for name, seconds in spent.items()}


def _trace() -> dict[str, Any]:
    context = get_current_span().get_span_context()
    return {"trace_id": format_trace_id(context.trace_id)} if context.is_valid else {}
