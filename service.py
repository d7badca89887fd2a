"""The BentoML service: wiring and lifecycle only."""

import asyncio
import gc
import logging
import os
from collections import Counter
from collections.abc import Sequence
from typing import Annotated, Any, cast

import bentoml
from bentoml._internal.configuration.containers import BentoMLContainer
from bentoml._internal.context import server_context
from bentoml._internal.server.http import access, instruments, traffic
from bentoml.exceptions import ServiceUnavailable
from opentelemetry.trace import Tracer
from prometheus_client import REGISTRY
from pydantic import BaseModel, ConfigDict, Field
from starlette.types import ASGIApp

from adapters.label_studio.openapi import document_route
from adapters.label_studio.routes import Backend, create_app
from adapters.learning.agreement import Agreement
from adapters.learning.coordinator import Coordinator
from adapters.learning.examples import ExampleStore
from adapters.learning.jobs import JobQueue
from adapters.learning.supervisor import Trainer
from adapters.observability.logs import use_json
from adapters.observability.metrics import Metrics
from adapters.observability.metrics_folder import folder_of_this_server
from adapters.observability.request_log import RequestLogMiddleware
from adapters.observability.request_metrics import RequestMetricsMiddleware, RouteNames
from adapters.observability.tracing import StageTracingMiddleware
from adapters.server import port
from adapters.server.middleware import (
    AdmissionMiddleware,
    BasicAuthMiddleware,
    BodyLimitMiddleware,
    TimeoutMiddleware,
    TurnoverMiddleware,
)
from adapters.settings import read_settings
from model_store import artifact, store
from model_store.errors import ModelStoreError
from model_store.model import text_classifier
from model_store.model.classifier import Query
from model_store.model.encoder import Encoder
from model_store.serving.batching import BatchRunner
from model_store.serving.database import connect
from model_store.serving.deployments import DeploymentLog
from model_store.serving.registry import Registry, Version

logger = logging.getLogger(__name__)

NAME = "sentiment"
OTHER_ROUTES = ("/classify", "/livez", "/readyz", "/healthz", "/docs.json", "/schema.json")

settings = read_settings()
metrics = Metrics(REGISTRY if settings.metrics else None)
engine = connect(settings.database)
deployments = DeploymentLog(engine)
jobs = JobQueue(engine)
encoders: dict[str, Encoder] = {}
registry = Registry(
    deployments,
    lambda version: artifact.load(
        store.path_of(version), compiled=settings.compiled, encoders=encoders
    ),
    store.exists,
    models=settings.models,
    ensemble=settings.ensemble,
)
runner = BatchRunner(
    max_batch_size=settings.max_batch_size,
    max_batch_tokens=settings.max_batch_tokens,
    torch_threads=settings.torch_threads,
    on_batch=metrics.batch if settings.metrics else None,
)
backend = Backend(
    runner,
    registry,
    Coordinator(ExampleStore(engine), jobs, deployments, train_every=settings.train_every),
    Agreement(registry, runner, metrics).compare,
    deadline=settings.deadline,
    score=settings.score,
    metrics=metrics,
)
protocol = create_app(backend)
routes = RouteNames(protocol, OTHER_ROUTES)


class ClassifyRequest(BaseModel):
    """The texts to classify."""

    model_config = ConfigDict(hide_input_in_errors=True)

    texts: list[str]


class TextClassification(BaseModel):
    """What the model says about one text."""

    label: str
    score: Annotated[float, Field(description="The probability of the label.")]
    probabilities: dict[str, float]


class ClassifyResponse(BaseModel):
    """One classification for each text, in order; null for those not reached by the deadline."""

    model_config = ConfigDict(protected_namespaces=())

    model_version: str
    classifications: list[TextClassification | None]


@bentoml.service(
    name=NAME,
    workers=settings.workers,
    traffic={"timeout": settings.request_timeout},
    logging={"access": {"enabled": settings.logs_requests}},
    metrics={"enabled": settings.metrics},
    tracing={} if settings.tracing else {"excluded_urls": ".*"},
)
@bentoml.asgi_app(protocol, path="/")
class SentimentService:
    """Sentiment of movie reviews, for Label Studio and for anybody else."""

    model = bentoml.models.BentoModel(settings.model or store.import_artifact(store.PRETRAINED))

    @bentoml.on_startup
    async def start(self) -> None:
        for package in ("adapters", "model_store"):
            logging.getLogger(package).setLevel(logging.INFO)
        name, path = store.find(str(self.model.tag))
        if settings.classifier:
            name, classifier = text_classifier.load(settings.classifier)
        else:
            classifier = artifact.load(path, compiled=settings.compiled, encoders=encoders)
        metrics.start()
        await runner.start(classifier)
        await registry.start(Version(name, classifier))
        self.trainer = Trainer(
            jobs,
            ["--default", name, "--default-path", str(path)],
            threads=settings.training_threads,
            timeout=settings.training_timeout,
            metrics=metrics,
        )
        self.trainer.start()
        # What is there now stays: collecting garbage need not look at it again.
        gc.collect()
        gc.freeze()

    @bentoml.on_shutdown
    async def stop(self) -> None:
        await self.trainer.stop()
        await registry.stop()
        await runner.stop()
        await metrics.stop()

    @bentoml.api(input_spec=ClassifyRequest, output_spec=ClassifyResponse)
    async def classify(self, texts: list[str]) -> ClassifyResponse:
        """Classify texts, in their order."""
        deadline = asyncio.get_running_loop().time() + settings.deadline
        try:
            version = registry.deployment(None).versions[0]
            queries = [Query(text, (version.classifier,)) for text in texts]
            answers = await runner.classify(queries, deadline=deadline)
        except ModelStoreError as error:
            raise ServiceUnavailable(str(error)) from error
        done = [
            TextClassification(
                label=item.label, score=item.score, probabilities=dict(item.probabilities)
            )
            for (item,) in answers
        ]
        unreached = len(texts) - len(done)
        if unreached:
            metrics.partial.add("/classify")
            metrics.abstained("deadline", unreached)
            logger.warning("The deadline came before %d of %d texts", unreached, len(texts))
        metrics.predicted(
            None,
            Counter((item.label, version.name) for item in done),
            [item.score for item in done],
        )
        return ClassifyResponse(
            model_version=version.name, classifications=[*done, *[None] * unreached]
        )


port.open_when_ready()
port.close_when_stopped(runner.hurry)
if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:  # BentoML tells its workers by it.
    BentoMLContainer.prometheus_multiproc_dir.set(str(folder_of_this_server(settings.data_dir)))
setattr(traffic, "TimeoutMiddleware", TimeoutMiddleware)


def _request_metrics(app: ASGIApp, **_: object) -> RequestMetricsMiddleware:
    """Stands for the class of BentoML's that is made with settings of BentoML's."""
    metrics.name_service(
        server_context.bento_name, server_context.bento_version, server_context.service_name or NAME
    )
    return RequestMetricsMiddleware(app, metrics=metrics, routes=routes)


def _request_log(app: ASGIApp, *, skip_paths: Sequence[str], **_: object) -> RequestLogMiddleware:
    """Stands for the class of BentoML's that writes lines of text."""
    return RequestLogMiddleware(app, routes=routes, skip_paths=skip_paths)


def _bentoml_document() -> dict[str, Any]:
    document: dict[str, Any] = _service.openapi_spec.asdict()
    return document


def _tracer() -> Tracer:
    tracer: Tracer = BentoMLContainer.tracer_provider.get().get_tracer(NAME)
    return tracer


setattr(instruments, "RunnerTrafficMetricsMiddleware", _request_metrics)
if settings.log_format == "json":
    use_json()
    setattr(access, "AccessLogMiddleware", _request_log)

_service = cast("bentoml.Service[SentimentService]", SentimentService)
protocol.router.routes.append(document_route(_bentoml_document))
if settings.workers > 1:
    _service.add_asgi_middleware(TurnoverMiddleware, bytes_per_connection=100_000)
if settings.basic_auth_user and settings.basic_auth_password:
    _service.add_asgi_middleware(
        BasicAuthMiddleware,
        user=settings.basic_auth_user,
        password=settings.basic_auth_password.get_secret_value(),
    )
if settings.tracing:
    _service.add_asgi_middleware(StageTracingMiddleware, tracer=_tracer)
_service.add_asgi_middleware(BodyLimitMiddleware, max_bytes=settings.max_body_bytes)
_service.add_asgi_middleware(
    AdmissionMiddleware,
    paths=("/predict", "/classify"),
    max_tokens=settings.max_queue_tokens,
    metrics=metrics,
)
