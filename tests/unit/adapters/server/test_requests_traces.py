"""The stages of a traced request are child spans of its span."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import pytest
from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import Decision, StaticSampler
from opentelemetry.trace import get_current_span
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.types import Receive, Scope, Send

from adapters.observability.route_names import RouteNames
from adapters.server.requests import RequestMiddleware
from model_store.model.classifier import Query
from model_store.model.stages import recorded
from model_store.serving.batching import BatchRunner
from tests.conftest import ClassifierFactory


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def provider(exporter: InMemorySpanExporter) -> TracerProvider:
    made = TracerProvider()
    made.add_span_processor(SimpleSpanProcessor(exporter))
    return made


async def request(provider: TracerProvider, answer: Callable[[], Awaitable[None]]) -> None:
    """A request that OpenTelemetry's middleware traces, answered by `answer`."""

    async def app(_: Scope, __: Receive, ___: Send) -> None:
        await answer()

    async def receive() -> dict[str, str]:
        return {"type": "http.request"}

    async def send(_: object) -> None:
        """Take an answer."""

    def requests(_: object) -> RequestMiddleware:
        return RequestMiddleware(app, routes=RouteNames(Starlette()), traces=True)

    traced = Middleware(OpenTelemetryMiddleware, tracer_provider=provider)
    scope = {"type": "http", "path": "/", "method": "GET", "headers": [], "query_string": b""}
    await Starlette(middleware=[traced, Middleware(requests)])(scope, receive, send)


def test_queue_tokenizing_and_model_are_children_of_the_request(
    provider: TracerProvider, exporter: InMemorySpanExporter, make_classifier: ClassifierFactory
) -> None:
    classifier = make_classifier()

    async def scenario() -> None:
        runner = BatchRunner(max_batch_size=8, max_batch_tokens=100)
        await runner.start(classifier)

        async def answer() -> None:
            await runner.classify([Query("good film", (classifier,))])

        await request(provider, answer)
        await runner.stop()

    before = time.time_ns()
    asyncio.run(scenario())

    *stages, whole = exporter.get_finished_spans()
    assert [span.name for span in stages] == ["queue", "tokenize", "model"]
    for span in stages:
        assert parent_of(span) == whole.context
        assert span.start_time is not None
        assert span.end_time is not None
        assert before <= span.start_time <= span.end_time <= time.time_ns()


def parent_of(span: ReadableSpan) -> object:
    return span.parent


def test_a_request_that_is_not_sampled_records_no_stages() -> None:
    """BentoML's sampler records requests that are not sampled, too."""
    provider = TracerProvider(sampler=StaticSampler(Decision.RECORD_ONLY))

    async def answer() -> None:
        assert get_current_span().is_recording()
        assert recorded() is None

    asyncio.run(request(provider, answer))
