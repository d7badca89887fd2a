"""A version of a project from the annotations of several controls."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from model_store import artifact, store
from model_store.learning import training as project_training
from model_store.learning.candidate import Outcome
from model_store.learning.gate import Check
from model_store.learning.training import Lesson, Parent, train
from model_store.model.classifier import Classifier
from tests.conftest import ClassifierFactory

PROJECT = "1.1"
LABELS = ("Praise", "Complaint")


@pytest.fixture
def parent(make_classifier: ClassifierFactory, home_store: Path) -> Parent:
    assert home_store.is_dir()
    return Parent("sentiment-cnn:0123456789abcdef", make_classifier())


@pytest.fixture
def judge(
    monkeypatch: pytest.MonkeyPatch, make_classifier: ClassifierFactory
) -> Callable[[Mapping[str, bool]], None]:
    """Sets what the gate says of each control."""

    def set_verdicts(passed: Mapping[str, bool]) -> None:
        def learn(control: str, *_: Any, **__: Any) -> Outcome:
            check = Check("calibration", passed[control], f"{control} was looked at.")
            return Outcome(control, make_classifier().head, [check], learned_from=16, held_out=4)

        monkeypatch.setattr(project_training, "learn", learn)

    return set_verdicts


def lesson(control: str, each: int = 10) -> Lesson:
    count = each * len(LABELS)
    tasks = list(range(count))
    return Lesson(control, LABELS, tasks, ["good film"] * count, [*LABELS] * each)


def silent(_: str, __: float) -> None:
    """Tell nobody."""


def version_of(tag: str | None) -> tuple[artifact.Manifest, Classifier]:
    assert tag
    path = store.path_of(tag)
    return artifact.read_manifest(path), artifact.load(path)


def test_with_several_controls_one_that_is_refused_keeps_the_version_a_candidate(
    parent: Parent, judge: Callable[[Mapping[str, bool]], None]
) -> None:
    judge({"kind": True, "tone": False})
    result = train(PROJECT, parent, [lesson("kind"), lesson("tone")], silent)
    assert not result.passed
    assert result.reasons == ['"tone", calibration: tone was looked at.']
    manifest, classifier = version_of(result.version)
    assert manifest.metrics["refused"] == result.reasons
    assert manifest.training["project"] == PROJECT
    assert set(classifier.heads) == {"kind", "tone"}


def test_with_several_controls_all_that_pass_are_one_version(
    parent: Parent, judge: Callable[[Mapping[str, bool]], None]
) -> None:
    judge({"kind": True, "tone": True})
    result = train(PROJECT, parent, [lesson("kind"), lesson("tone")], silent)
    assert result.passed
    assert result.reasons == []
    assert set(result.metrics) == {"kind", "tone"}


def test_a_control_without_annotations_enough_is_left_out_and_said(
    parent: Parent, judge: Callable[[Mapping[str, bool]], None]
) -> None:
    judge({"kind": True})
    result = train(PROJECT, parent, [lesson("kind"), lesson("tone", each=1)], silent)
    assert result.passed
    (reason,) = result.reasons
    assert reason.startswith('"tone": 18 more annotations are needed')
    assert set(version_of(result.version)[1].heads) == {"kind"}
