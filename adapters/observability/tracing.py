"""Make OpenTelemetry spans of the stages of a request, as children of BentoML's span."""

import time
from collections.abc import Sequence

from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware
from opentelemetry.trace import Tracer, get_current_span, get_tracer
from starlette.applications import Starlette

from model_store.model.stages import Stage


def is_sampled() -> bool:
    """Return whether the current request's trace is exported.

    BentoML also records requests that it does not export, so `is_recording` does not say it.
    """
    return bool(get_current_span().get_span_context().trace_flags.sampled)


def tracer_around(app: Starlette) -> Tracer:
    """Return the tracer of the OpenTelemetry middleware of an app, else the global one.

    BentoML gives its tracer provider to that middleware only, and not to OpenTelemetry's globals.
    """
    layer = app.middleware_stack
    while layer is not None:
        if isinstance(layer, OpenTelemetryMiddleware):
            tracer: Tracer = layer.tracer
            return tracer
        layer = getattr(layer, "app", None)
    return get_tracer(__name__)


def trace_stages(stages: Sequence[Stage], tracer: Tracer) -> None:
    """Make a child span of the current span for each stage.

    This is done after the fact: a batch serves several requests and has no current span.
    """
    epoch = time.time_ns() - time.perf_counter_ns()
    for stage in stages:
        span = tracer.start_span(stage.name, start_time=epoch + _nanoseconds(stage.start))
        span.end(epoch + _nanoseconds(stage.end))


def _nanoseconds(seconds: float) -> int:
    return round(seconds * 1e9)
