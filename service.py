"""The BentoML service: build the parts, decorate, start and stop."""

import gc
import logging
import os
import sys
from typing import Any, cast

import bentoml
from bentoml import server_context
from prometheus_client import REGISTRY

from adapters.console.pages import Console, console_routes
from adapters.console.views import Stores
from adapters.label_studio.marks import MarkRemover
from adapters.label_studio.openapi import document_route
from adapters.label_studio.routes import Backend, create_app
from adapters.label_studio.shown_version import ShownVersions
from adapters.label_studio.webhook_secret import WebhookSecret
from adapters.learning.agreement import Agreement
from adapters.learning.budget import Budgets
from adapters.learning.coordinator import Coordinator
from adapters.learning.examples import ExampleStore
from adapters.learning.jobs import JobQueue
from adapters.learning.refresher import Refresher
from adapters.learning.supervisor import Trainer
from adapters.observability import logs, metrics_folder
from adapters.observability.exposition import metrics_route
from adapters.observability.metrics import Metrics
from adapters.server import patches
from adapters.server.classify import (
    ClassifyRequest,
    ClassifyResponse,
    TextEndpoint,
    classify_route,
)
from adapters.server.requests import RequestMiddleware, options_of
from adapters.settings import (
    LabelStudioSettings,
    described,
    read_settings,
    unknown_variables,
)
from model_store import artifact, store
from model_store.budget.acceptance import Promise
from model_store.errors import DatabaseError, ModelStoreError
from model_store.model import text_classifier
from model_store.model.blocks.concatenated import Block
from model_store.serving.batching import BatchRunner
from model_store.serving.database import connect
from model_store.serving.deployments import DeploymentLog
from model_store.serving.registry import Registry, Version

logger = logging.getLogger(__name__)

NAME = "sentiment"

settings = read_settings()
logs.use(settings.log_format)
if server_context.worker_index == 1 and (unknown := unknown_variables(os.environ)):
    logger.warning("Ignoring unknown variables: %s.", "; ".join(map(described, unknown)))
if server_context.worker_index is None:
    metrics_folder.prepare_for_workers(settings.data_dir)
    has_room = True
else:
    has_room = metrics_folder.use_in_worker(settings.data_dir)
metrics = Metrics(REGISTRY if settings.metrics and has_room else None)
try:
    engine = connect(settings.database)
except DatabaseError as error:
    sys.exit(str(error))
deployments = DeploymentLog(engine)
jobs = JobQueue(engine)
encoders: dict[str, Block] = {}
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
    max_batch_tokens=settings.max_batch_tokens,
    on_batch=metrics.batch if settings.metrics else None,
)
shown = ShownVersions.of_environment(registry) if settings.select_version else None
examples = ExampleStore(engine)
budgets = Budgets(engine, Promise(settings.max_error, settings.confidence))
coordinator = Coordinator(
    examples,
    jobs,
    deployments,
    budgets,
    train_every=settings.train_every,
    fetches=LabelStudioSettings().is_complete,
)
backend = Backend(
    runner,
    registry,
    coordinator,
    Agreement(registry, runner, metrics).compare,
    deadline=settings.deadline,
    score=settings.score,
    metrics=metrics,
    secret=WebhookSecret(
        settings.webhook_secret.get_secret_value() if settings.webhook_secret else None
    ),
    withhold=settings.withhold,
    shown=shown,
    marks=MarkRemover.of_environment(),
)
try:
    model = settings.model or store.import_artifact(store.PRETRAINED)
except ModelStoreError as error:
    sys.exit(str(error))
text_endpoint = TextEndpoint(runner, registry, settings.deadline, metrics)
home, pages = console_routes(
    Console(
        Stores(examples, jobs, deployments, registry, budgets),
        coordinator,
        runner,
        metrics,
        workers=settings.workers,
        deadline=settings.deadline,
        prefix=settings.root_path,
    )
)
protocol = create_app(backend, home)


@bentoml.service(
    name=NAME,
    workers=settings.workers,
    traffic={"timeout": settings.request_timeout},
    logging={"access": {"enabled": settings.logs_requests and settings.log_format == "text"}},
    metrics={"enabled": False},  # /metrics is a route of the protocol's app
    tracing={} if settings.tracing else {"excluded_urls": ".*"},
)
@bentoml.asgi_app(protocol, path="/")
class SentimentService:
    """Sentiment of movie reviews, for Label Studio and other clients."""

    model = bentoml.models.BentoModel(model)

    @bentoml.on_startup
    async def start(self) -> None:
        for package in ("adapters", "model_store"):
            logging.getLogger(package).setLevel(logging.INFO)
        name, path = store.find(str(self.model.tag))
        if settings.classifier:
            name, classifier = text_classifier.load(settings.classifier)
        else:
            classifier = artifact.load(path, compiled=settings.compiled, encoders=encoders)
        metrics.name_service(
            server_context.bento_name,
            server_context.bento_version,
            server_context.service_name or NAME,
        )
        metrics.start()
        await runner.start(classifier)
        await registry.start(Version(name, classifier))
        self.refresher = Refresher(settings.data_dir)
        self.trainer = Trainer(
            jobs,
            ["--default", name, "--default-path", str(path)],
            threads=settings.training_threads,
            timeout=settings.training_timeout,
            metrics=metrics,
            promoted=self.refresher.refresh if settings.active_learning else None,
        )
        self.trainer.start()
        if shown:
            shown.start()
        # Garbage collection need not look at what was loaded.
        gc.collect()
        gc.freeze()

    @bentoml.on_shutdown
    async def stop(self) -> None:
        await self.trainer.stop()
        await self.refresher.stop()
        if shown:
            await shown.stop()
        await registry.stop()
        await runner.stop()
        await metrics.stop()

    @bentoml.api(input_spec=ClassifyRequest, output_spec=ClassifyResponse)
    async def classify(self, texts: list[str], evidence: bool = False) -> ClassifyResponse:
        """Classify texts, in their order."""  # Over HTTP, `classify_route` answers.
        return await text_endpoint.classify(texts, with_evidence=evidence)


patches.open_port_when_ready()
patches.close_port_at_stop(runner.drain)
patches.bound_connections()
patches.log_ended_workers()


def _bentoml_document() -> dict[str, Any]:
    document: dict[str, Any] = _service.openapi_spec.asdict()
    return document


_service = cast("bentoml.Service[SentimentService]", SentimentService)
protocol.router.routes += [
    classify_route(text_endpoint),
    document_route(_bentoml_document),
    metrics_route(metrics),
    *pages,
]
_service.add_asgi_middleware(RequestMiddleware, **options_of(settings, protocol, metrics))
