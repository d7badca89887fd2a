"""`POST /classify`: texts in, labels and probabilities out, for clients other than Label Studio."""

import asyncio
import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Protocol

from bentoml.exceptions import ServiceUnavailable
from pydantic import BaseModel, ConfigDict, Field

from adapters.observability.metrics import Metrics
from model_store.errors import ModelStoreError
from model_store.model.classification import Classification
from model_store.model.classifier import Query
from model_store.serving.registry import Registry

logger = logging.getLogger(__name__)

CLASSIFY_PATH = "/classify"


class ClassifyRequest(BaseModel):
    """The texts to classify."""

    model_config = ConfigDict(hide_input_in_errors=True)

    texts: list[str]


class TextClassification(BaseModel):
    """The model's classification of one text."""

    label: str
    score: Annotated[float, Field(description="The probability of the label.")]
    probabilities: dict[str, float]


class ClassifyResponse(BaseModel):
    """One classification for each text, in order; null for those not reached by the deadline."""

    model_config = ConfigDict(protected_namespaces=())

    model_version: str
    classifications: list[TextClassification | None]


class Runner(Protocol):
    """Classifies texts; `model_store.serving.batching.BatchRunner` implements it."""

    async def classify(
        self, queries: Sequence[Query], *, deadline: float | None = None
    ) -> list[list[Classification]]:
        """Return one result for each query, in order; at the deadline, those that are done."""


@dataclass(frozen=True)
class TextEndpoint:
    """Classify texts with the version that serves projects without one of their own."""

    runner: Runner
    registry: Registry
    deadline: float
    """Seconds after which a request is answered with the results so far."""
    metrics: Metrics

    async def classify(self, texts: Sequence[str]) -> ClassifyResponse:
        """Classify texts, in order. Raises ServiceUnavailable if the model cannot answer."""
        deadline = asyncio.get_running_loop().time() + self.deadline
        try:
            version = self.registry.deployment(None).versions[0]
            queries = [Query(text, (version.classifier,)) for text in texts]
            answers = await self.runner.classify(queries, deadline=deadline)
        except ModelStoreError as error:
            raise ServiceUnavailable(str(error)) from error
        done = [
            TextClassification(
                label=item.label, score=item.score, probabilities=dict(item.probabilities)
            )
            for (item,) in answers
        ]
        unreached = len(texts) - len(done)
        self._count(version.name, done, unreached)
        return ClassifyResponse(
            model_version=version.name, classifications=[*done, *[None] * unreached]
        )

    def _count(self, version: str, done: Sequence[TextClassification], unreached: int) -> None:
        if unreached:
            total = len(done) + unreached
            self.metrics.partial.add(CLASSIFY_PATH)
            self.metrics.abstained("deadline", unreached)
            logger.warning(
                "The deadline came before %d of %d texts were classified", unreached, total
            )
        self.metrics.predicted(
            None,
            Counter((item.label, version) for item in done),
            [item.score for item in done],
        )
