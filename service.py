"""The BentoML service: wiring and lifecycle only."""

import asyncio
import gc
import logging
import os
import tempfile
from pathlib import Path
from typing import Annotated, cast

import bentoml
from bentoml._internal.configuration.containers import BentoMLContainer
from bentoml._internal.server.http import traffic
from pydantic import BaseModel, ConfigDict, Field

from adapters import port
from adapters.label_studio.examples import ExampleStore
from adapters.label_studio.jobs import JobQueue
from adapters.label_studio.learning import Learning
from adapters.label_studio.routes import Backend, create_app
from adapters.label_studio.trainer import Trainer
from adapters.middleware import (
    AdmissionMiddleware,
    BasicAuthMiddleware,
    BodyLimitMiddleware,
    TimeoutMiddleware,
    TurnoverMiddleware,
)
from adapters.settings import read_settings
from model_store import artifact, store
from model_store.batching import BatchRunner
from model_store.classifier import Query
from model_store.database import connect
from model_store.deployments import DeploymentLog
from model_store.encoder import Encoder
from model_store.registry import Registry, Version

logger = logging.getLogger(__name__)

settings = read_settings()
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
)
backend = Backend(
    runner,
    registry,
    Learning(ExampleStore(engine), jobs, deployments, train_every=settings.train_every),
    deadline=settings.deadline,
    score=settings.score,
)


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
    name="sentiment",
    workers=settings.workers,
    traffic={"timeout": settings.request_timeout},
    logging={"access": {"enabled": settings.access_log}},
    metrics={"enabled": settings.metrics},
    tracing={} if settings.tracing else {"excluded_urls": ".*"},
)
@bentoml.asgi_app(create_app(backend), path="/")
class SentimentService:
    """Sentiment of movie reviews, for Label Studio and for anybody else."""

    model = bentoml.models.BentoModel(settings.model or store.import_artifact(store.PRETRAINED))

    @bentoml.on_startup
    async def start(self) -> None:
        for package in ("adapters", "model_store"):
            logging.getLogger(package).setLevel(logging.INFO)
        name = str(self.model.tag)
        path = str(store.path_of(name))
        classifier = artifact.load(Path(path), compiled=settings.compiled, encoders=encoders)
        await runner.start(classifier)
        await registry.start(Version(name, classifier))
        self.trainer = Trainer(
            jobs, ["--default", name, "--default-path", path], threads=settings.training_threads
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

    @bentoml.api(input_spec=ClassifyRequest, output_spec=ClassifyResponse)
    async def classify(self, texts: list[str]) -> ClassifyResponse:
        """Classify texts, in their order."""
        version = registry.deployment(None).versions[0]
        queries = [Query(text, (version.classifier,)) for text in texts]
        deadline = asyncio.get_running_loop().time() + settings.deadline
        done = [
            TextClassification(
                label=item.label, score=item.score, probabilities=dict(item.probabilities)
            )
            for (item,) in await runner.classify(queries, deadline=deadline)
        ]
        unreached = len(texts) - len(done)
        if unreached:
            logger.warning("The deadline came before %d of %d texts", unreached, len(texts))
        return ClassifyResponse(
            model_version=version.name, classifications=[*done, *[None] * unreached]
        )


if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:  # The parent tells its workers.
    # BentoML empties it at the start: below its home, which servers may share, it would take the
    # figures of the others away.
    _figures = tempfile.TemporaryDirectory(prefix="sentiment-metrics-", ignore_cleanup_errors=True)
    BentoMLContainer.prometheus_multiproc_dir.set(_figures.name)

port.open_when_ready()
port.close_when_stopped(runner.hurry)
setattr(traffic, "TimeoutMiddleware", TimeoutMiddleware)

_service = cast("bentoml.Service[SentimentService]", SentimentService)
if settings.workers > 1:
    _service.add_asgi_middleware(TurnoverMiddleware, bytes_per_connection=100_000)
if settings.basic_auth_user and settings.basic_auth_password:
    _service.add_asgi_middleware(
        BasicAuthMiddleware,
        user=settings.basic_auth_user,
        password=settings.basic_auth_password.get_secret_value(),
    )
_service.add_asgi_middleware(BodyLimitMiddleware, max_bytes=settings.max_body_bytes)
_service.add_asgi_middleware(
    AdmissionMiddleware,
    paths=("/predict", "/classify"),
    max_tokens=settings.max_queue_tokens,
)
