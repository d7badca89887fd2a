"""The stages of a request as spans of OpenTelemetry, below the span that BentoML makes of it."""

import time
from collections.abc import Callable, Sequence

from opentelemetry.trace import Tracer, get_current_span
from starlette.types import ASGIApp, Receive, Scope, Send

from model_store.model.stages import Stage, recording


class StageTracingMiddleware:
    """Makes a span of each stage of a request that is sampled.

    `tracer` is called when the server starts: BentoML knows only then what to call itself.
    """

    def __init__(self, app: ASGIApp, *, tracer: Callable[[], Tracer]) -> None:
        self.app = app
        self._tracer = tracer()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # Not `is_recording`: BentoML records requests that it will not send, too.
        if not get_current_span().get_span_context().trace_flags.sampled:
            await self.app(scope, receive, send)
            return
        stages: Sequence[Stage] = ()
        try:
            with recording() as stages:
                await self.app(scope, receive, send)
        finally:
            self._trace(stages)

    def _trace(self, stages: Sequence[Stage]) -> None:
        """Spans after the fact: a batch is of several requests, and knows no current span."""
        epoch = time.time_ns() - time.perf_counter_ns()
        for stage in stages:
            span = self._tracer.start_span(stage.name, start_time=epoch + _nanoseconds(stage.start))
            span.end(epoch + _nanoseconds(stage.end))


def _nanoseconds(seconds: float) -> int:
    return round(seconds * 1e9)
