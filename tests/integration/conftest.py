"""The routes in front of a keyword model, and recorded requests of Label Studio."""

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import Engine
from starlette.testclient import TestClient

from adapters.label_studio.routes import Backend, create_app
from adapters.learning.agreement import Agreement
from adapters.learning.budget import Budgets
from adapters.learning.coordinator import Coordinator
from adapters.learning.examples import ExampleStore
from adapters.learning.jobs import JobQueue
from adapters.observability.metrics import Metrics
from model_store import artifact
from model_store.errors import ModelNotReadyError
from model_store.model.classification import Classification
from model_store.model.classifier import Query
from model_store.serving.deployments import DeploymentLog
from model_store.serving.registry import Deployment, Registry, Version
from model_store.store import import_artifact
from tests.conftest import ClassifierFactory

PAYLOADS = Path(__file__).parent / "payloads"
DEADLINE = 60.0
PROJECT = "20.1795453317"
VERSION = "sentiment-cnn:0123456789abcdef"


class KeywordModel:
    """Positive where a text says "good"; its score falls with the text's length."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.texts: list[str] = []
        self.reached: int | None = None
        self.distance: float | None = None

    async def classify(
        self, queries: Sequence[Query], *, deadline: float | None = None
    ) -> list[list[Classification]]:
        await asyncio.sleep(0)
        if self.error:
            raise self.error
        assert deadline is not None
        assert 0 < deadline - asyncio.get_running_loop().time() <= DEADLINE
        self.texts = [query.text for query in queries]
        return [
            [self._classification(query.text) for _ in query.classifiers]
            for query in queries[: self.reached]
        ]

    async def is_healthy(self) -> bool:
        return self.error is None

    def _classification(self, text: str) -> Classification:
        label = "Positive" if "good" in text.lower() else "Negative"
        score = 0.5 + 0.5 / (1 + len(text))
        other = {"Positive": "Negative", "Negative": "Positive"}[label]
        probabilities = {label: score, other: 1 - score}
        return Classification(label, score, probabilities, distance=self.distance)


class FixedRegistry(Registry):
    """One deployment for all projects, or none while the server starts."""

    fixed: Deployment | None

    def deployment(self, project: str | None) -> Deployment:
        self.asked = project
        if self.fixed is None:
            raise ModelNotReadyError
        return self.fixed


@pytest.fixture
def model() -> KeywordModel:
    return KeywordModel()


@pytest.fixture
def registry(database: Engine, make_classifier: ClassifierFactory) -> FixedRegistry:
    made = FixedRegistry(DeploymentLog(database), lambda _: make_classifier(), lambda _: False)
    made.fixed = Deployment((Version(VERSION, make_classifier()),))
    return made


@pytest.fixture
def learning(database: Engine) -> Coordinator:
    return Coordinator(
        ExampleStore(database), JobQueue(database), DeploymentLog(database), Budgets(database)
    )


@pytest.fixture
def measured() -> CollectorRegistry:
    """The registry that receives the metrics of the routes when they are flushed."""
    return CollectorRegistry()


@pytest.fixture
def metrics(measured: CollectorRegistry) -> Metrics:
    return Metrics(measured)


@pytest.fixture
def client(
    model: KeywordModel, registry: FixedRegistry, learning: Coordinator, metrics: Metrics
) -> TestClient:
    compare = Agreement(registry, model, metrics).compare
    backend = Backend(model, registry, learning, compare, deadline=DEADLINE, metrics=metrics)
    return TestClient(create_app(backend))


def payload(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((PAYLOADS / f"{name}.json").read_text())
    return content


@pytest.fixture
def tag(tmp_path_factory: pytest.TempPathFactory, make_classifier: ClassifierFactory) -> str:
    """A small model in the model store."""
    directory = tmp_path_factory.mktemp("model") / "artifact"
    artifact.save(directory, make_classifier(), training={}, metrics={})
    return import_artifact(directory)
