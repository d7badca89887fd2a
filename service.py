"""The BentoML service: wiring and lifecycle only."""

import asyncio
import gc
import logging
from pathlib import Path
from typing import Annotated, cast

import bentoml
from bentoml._internal.server.http import traffic
from circus.sockets import CircusSocket
from pydantic import BaseModel, ConfigDict, Field

from adapters.label_studio.routes import create_app
from adapters.middleware import (
    AdmissionMiddleware,
    BasicAuthMiddleware,
    BodyLimitMiddleware,
    TimeoutMiddleware,
    TurnoverMiddleware,
)
from adapters.settings import read_settings
from model_store import artifact
from model_store.batching import BatchRunner
from model_store.store import PRETRAINED, import_artifact

logger = logging.getLogger(__name__)

settings = read_settings()
runner = BatchRunner(
    max_batch_size=settings.max_batch_size,
    max_batch_tokens=settings.max_batch_tokens,
    torch_threads=settings.torch_threads,
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
@bentoml.asgi_app(create_app(runner, deadline=settings.deadline), path="/")
class SentimentService:
    """Sentiment of movie reviews, for Label Studio and for anybody else."""

    model = bentoml.models.BentoModel(settings.model or import_artifact(PRETRAINED))

    @bentoml.on_startup
    async def start(self) -> None:
        for package in ("adapters", "model_store"):
            logging.getLogger(package).setLevel(logging.INFO)
        classifier = artifact.load(Path(self.model.path), compiled=settings.data_dir / "compiled")
        await runner.start(classifier, str(self.model.tag))
        # What is there now stays: collecting garbage need not look at it again.
        gc.collect()
        gc.freeze()

    @bentoml.on_shutdown
    async def stop(self) -> None:
        await runner.stop()

    @bentoml.api(input_spec=ClassifyRequest, output_spec=ClassifyResponse)
    async def classify(self, texts: list[str]) -> ClassifyResponse:
        """Classify texts, in their order."""
        version = runner.version
        deadline = asyncio.get_running_loop().time() + settings.deadline
        done = [
            TextClassification(
                label=item.label, score=item.score, probabilities=dict(item.probabilities)
            )
            for item in await runner.classify(texts, deadline=deadline)
        ]
        unreached = len(texts) - len(done)
        if unreached:
            logger.warning("The deadline came before %d of %d texts", unreached, len(texts))
        return ClassifyResponse(model_version=version, classifications=[*done, *[None] * unreached])


def _bind_only(_socket: CircusSocket, _backlog: int) -> None:
    """Stands for `listen` in BentoML's parent process, which binds the port for its workers.

    A worker listens on it when it is ready, so no caller ever waits for a server that is still
    starting: see docs/decisions/0005.
    """


CircusSocket.listen = _bind_only
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
