"""The stages of a traced request are spans below its own."""

import asyncio
import time

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import Decision, StaticSampler
from starlette.types import Receive, Scope, Send

from adapters.observability.tracing import StageTracingMiddleware
from model_store.model.classifier import Query
from model_store.model.stages import recorded
from model_store.serving.batching import BatchRunner
from tests.conftest import ClassifierFactory

SCOPE = {"type": "http"}


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def provider(exporter: InMemorySpanExporter) -> TracerProvider:
    made = TracerProvider()
    made.add_span_processor(SimpleSpanProcessor(exporter))
    return made


async def nothing() -> dict[str, str]:
    return {"type": "http.request"}


async def ignore(_: object) -> None:
    """Takes an answer."""


def test_queue_tokenizing_and_model_are_children_of_the_request(
    provider: TracerProvider, exporter: InMemorySpanExporter, make_classifier: ClassifierFactory
) -> None:
    classifier = make_classifier()
    tracer = provider.get_tracer("test")

    async def scenario() -> None:
        runner = BatchRunner(max_batch_size=8, max_batch_tokens=100, torch_threads=1)
        await runner.start(classifier)

        async def app(_: Scope, __: Receive, ___: Send) -> None:
            await runner.classify([Query("good film", (classifier,))])

        middleware = StageTracingMiddleware(app, tracer=lambda: tracer)
        with tracer.start_as_current_span("request"):
            await middleware(SCOPE, nothing, ignore)
        await runner.stop()

    before = time.time_ns()
    asyncio.run(scenario())

    *stages, request = exporter.get_finished_spans()
    assert [span.name for span in stages] == ["queue", "tokenize", "model"]
    for span in stages:
        assert parent_of(span) == request.context
        assert span.start_time is not None
        assert span.end_time is not None
        assert before <= span.start_time <= span.end_time <= time.time_ns()


def parent_of(span: ReadableSpan) -> object:
    return span.parent


def test_a_request_that_is_not_sampled_records_nothing() -> None:
    """BentoML's sampler records such requests all the same."""
    tracer = TracerProvider(sampler=StaticSampler(Decision.RECORD_ONLY)).get_tracer("test")

    async def app(_: Scope, __: Receive, ___: Send) -> None:
        await asyncio.sleep(0)
        assert recorded() is None

    middleware = StageTracingMiddleware(app, tracer=lambda: tracer)
    with tracer.start_as_current_span("request") as span:
        assert span.is_recording()
        asyncio.run(middleware(SCOPE, nothing, ignore))
