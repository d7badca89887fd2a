"""A new tag needs only a subclass of `Control`: here a Number, with an option for each number."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from xml.etree.ElementTree import Element

import pytest
from sqlalchemy import Engine

from adapters.label_studio import controls
from adapters.label_studio.controls import Control, Option
from adapters.label_studio.labeling_config import Labels, parse
from adapters.label_studio.predictions import predict
from adapters.label_studio.served_config import serve
from adapters.learning.agreement import Agreement
from adapters.learning.budget import Budgets
from adapters.learning.coordinator import Coordinator
from adapters.learning.examples import ExampleStore
from adapters.learning.jobs import JobQueue
from adapters.learning.process import training_set
from adapters.observability.metrics import Metrics
from adapters.preannotate.model import LoadedModel
from adapters.preannotate.records import Record
from adapters.preannotate.step import Annotated, annotate
from model_store.model.classification import Classification
from model_store.model.classifier import Classifier, Query, classify_together
from model_store.serving.deployments import DeploymentLog
from model_store.serving.registry import Deployment, Registry, Version
from tests.conftest import ClassifierFactory

CONFIG = (
    '<View><Text name="text" value="$review"/><Number name="stars" toName="text" max="3"/></View>'
)
REVIEW = "a good film"
PROJECT = "1"


class Number(Control):
    """`<Number max="3"/>`: the options are "1" to "3"."""

    tag = "Number"
    region_type = "number"

    @staticmethod
    def read_options(element: Element) -> Sequence[Option]:
        stars = map(str, range(1, int(element.get("max", "5")) + 1))
        return [Option(answer=number, value=number) for number in stars]

    @staticmethod
    def value_of(answers: Sequence[str]) -> dict[str, Any]:
        return {"number": int(answers[0])}

    @staticmethod
    def answers_in(value: Mapping[str, Any]) -> tuple[str, ...] | None:
        number = value.get("number")
        return (str(number),) if type(number) is int else None


class Runner:
    """Classifies without batching."""

    async def classify(
        self, queries: Sequence[Query], *, deadline: float | None = None
    ) -> list[list[Classification]]:
        assert deadline is None or deadline > 0
        return classify_together(queries)

    async def is_healthy(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(controls.CONTROLS, "number", Number)


@pytest.fixture
def untrained(make_classifier: ClassifierFactory) -> Classifier:
    """A classifier with other labels than stars."""
    return make_classifier()


@pytest.fixture
def trained(untrained: Classifier) -> Classifier:
    """A classifier whose head for `stars` always predicts three stars."""
    weight, bias = untrained.head.weight, untrained.head.bias
    head = replace(
        untrained.head,
        labels=("1", "2", "3"),
        weight=weight.new_zeros((3, weight.shape[1])),
        bias=bias.new_tensor([0.0, 1.0, 2.0]),
    )
    return Classifier(untrained.encoder, untrained.head, {"stars": head})


def event(task: int, number: object) -> dict[str, Any]:
    region = {"type": "number", "from_name": "stars", "value": {"number": number}}
    return {
        "action": "ANNOTATION_CREATED",
        "project": {"id": 1, "label_config": CONFIG},
        "task": {"id": task, "data": {"review": REVIEW}},
        "annotation": {"id": task, "task": task, "result": [region]},
    }


def test_it_is_predicted_live(trained: Classifier) -> None:
    served = serve(CONFIG, Deployment((Version("v", trained),)))
    tasks = [{"id": 7, "data": {"review": REVIEW}}, {"id": 8, "data": {}}]
    found, nothing = asyncio.run(
        predict(tasks, served, Runner(), project=PROJECT, size=100, metrics=Metrics())
    )
    assert nothing == []
    assert isinstance(found, dict)
    (region,) = found["result"]
    assert (region["from_name"], region["to_name"]) == ("stars", "text")
    assert (region["type"], region["value"]) == ("number", {"number": 3})


def test_the_average_of_two_versions_is_a_number_too(trained: Classifier) -> None:
    versions = Version("a", trained), Version("b", trained)
    served = serve(CONFIG, Deployment(versions, "ensemble:1"))
    tasks = [{"id": 7, "data": {"review": REVIEW}}]
    (found,) = asyncio.run(
        predict(tasks, served, Runner(), project=PROJECT, size=100, metrics=Metrics())
    )
    assert isinstance(found, list)
    assert [item["model_version"] for item in found] == ["a", "b", "ensemble:1"]
    assert [item["result"][0]["value"] for item in found] == [{"number": 3}] * 3


def test_it_is_predicted_in_bulk(trained: Classifier) -> None:
    served = parse(CONFIG, Labels.of_model(trained)).controls
    record = Record("reviews.csv", "line", 2, "1:2", {"review": REVIEW})
    (outcome,) = annotate([record], served, LoadedModel("v", trained))
    assert isinstance(outcome, Annotated)
    assert outcome.task["predictions"][0]["result"][0]["value"] == {"number": 3}


def test_its_annotations_become_a_training_set(database: Engine, untrained: Classifier) -> None:
    examples = ExampleStore(database)
    learning = Coordinator(examples, JobQueue(database), DeploymentLog(database), Budgets(database))

    async def annotate_three() -> None:
        for task, number in ((1, 1), (2, 3), (3, "malformed")):
            await learning.record(event(task, number))

    asyncio.run(annotate_three())
    (control,) = parse(CONFIG, Labels.of_model(untrained)).trainable
    found = training_set(control, examples.sample(PROJECT, [control], 9)[0])
    assert (found.control, found.labels) == ("stars", ("1", "2", "3"))
    assert (found.tasks, found.texts, found.answers) == ([1, 2], [REVIEW] * 2, [("1",), ("3",)])


def test_setup_says_which_annotations_it_needs(database: Engine, untrained: Classifier) -> None:
    learning = Coordinator(
        ExampleStore(database), JobQueue(database), DeploymentLog(database), Budgets(database)
    )
    config = parse(CONFIG, Labels.of_model(untrained))
    assert 'The Number control "stars" offers 1, 2, 3, but the model knows' in config.problems[0]

    async def needed() -> list[str]:
        await learning.record(event(1, 3))
        return await learning.needed(PROJECT, config.unknown)

    (sentence,) = asyncio.run(needed())
    assert sentence.startswith('Before "stars" can be trained: 19 more annotations are needed')


def test_new_annotations_are_compared_with_it(
    database: Engine, trained: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    metrics = Metrics()
    compared: list[Mapping[tuple[str, bool], int]] = []
    monkeypatch.setattr(metrics, "compared", compared.append)
    examples, jobs, log = ExampleStore(database), JobQueue(database), DeploymentLog(database)
    registry = Registry(log, lambda _: trained, lambda _: True)

    async def annotate_two() -> None:
        await registry.start(Version("v", trained))
        try:
            for task, number in ((1, 3), (2, 1)):
                changes = await Coordinator(examples, jobs, log, Budgets(database)).record(
                    event(task, number)
                )
                await Agreement(registry, Runner(), metrics).compare(changes)
        finally:
            await registry.stop()

    asyncio.run(annotate_two())
    assert compared == [{("v", True): 1}, {("v", False): 1}]
