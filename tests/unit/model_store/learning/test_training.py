"""Training makes one version from the annotations of several controls."""

import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from model_store import artifact, manifests, store
from model_store.learning import training as project_training
from model_store.learning.candidate import Outcome
from model_store.learning.gate import Check
from model_store.learning.training import Parent, train
from model_store.learning.training_set import TrainingSet
from model_store.model.classifier import Classifier
from model_store.model.encoder import Encoder
from model_store.model.origin import Origin, Strangeness
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
    """Sets the verdict of the gate for each control."""

    def set_verdicts(passed: Mapping[str, bool]) -> None:
        def learn(control: str, *_: Any, **__: Any) -> Outcome:
            check = Check("calibration", passed[control], f"{control} was looked at.")
            return Outcome(control, make_classifier().head, [check], learned_from=20)

        monkeypatch.setattr(project_training, "learn", learn)

    return set_verdicts


def training_set(control: str, each: int = 10) -> TrainingSet:
    count = each * len(LABELS)
    tasks = list(range(count))
    answers = [(label,) for label in LABELS] * each
    return TrainingSet(control, LABELS, tasks, ["good film"] * count, answers)


def silent(_: str, __: float) -> None:
    """Report nothing."""


def version_of(tag: str | None) -> tuple[manifests.Manifest, Classifier]:
    assert tag
    path = store.path_of(tag)
    return manifests.read(path), artifact.load(path)


def test_one_refused_control_of_several_refuses_the_version(
    parent: Parent, judge: Callable[[Mapping[str, bool]], None]
) -> None:
    judge({"kind": True, "tone": False})
    result = train(PROJECT, parent, [training_set("kind"), training_set("tone")], silent)
    assert not result.passed
    assert result.reasons == ['"tone", calibration: tone was looked at.']
    manifest, classifier = version_of(result.version)
    assert manifest.metrics["refused"] == result.reasons
    assert manifest.training["project"] == PROJECT
    assert set(classifier.heads) == {"kind", "tone"}


def test_several_controls_that_pass_make_one_version(
    parent: Parent, judge: Callable[[Mapping[str, bool]], None]
) -> None:
    judge({"kind": True, "tone": True})
    result = train(PROJECT, parent, [training_set("kind"), training_set("tone")], silent)
    assert result.passed
    assert result.reasons == []
    assert set(result.metrics) == {"kind", "tone"}


def test_a_control_with_too_few_annotations_is_skipped_with_a_reason(
    parent: Parent, judge: Callable[[Mapping[str, bool]], None]
) -> None:
    judge({"kind": True})
    result = train(PROJECT, parent, [training_set("kind"), training_set("tone", each=1)], silent)
    assert result.passed
    (reason,) = result.reasons
    assert reason.startswith('"tone": 18 more annotations are needed')
    assert set(version_of(result.version)[1].heads) == {"kind"}


@pytest.mark.parametrize(
    ("labels", "hints"), [(("Sport", "Politics"), 1), (("Negative", "Positive"), 0)]
)
def test_a_refusal_of_other_labels_says_what_to_do(
    parent: Parent, labels: tuple[str, ...], hints: int
) -> None:
    words = ["a", "good", "bad", "long", "dull", "film", "plot", "cast", "scene", "score"]
    texts = [" ".join(random.Random(number).choices(words, k=8)) for number in range(80)]
    answers = [(label,) for label in labels] * 40
    result = train(
        PROJECT, parent, [TrainingSet("kind", labels, range(80), texts, answers)], silent
    )
    assert any("better than chance" in reason for reason in result.reasons)
    assert (
        len([each for each in result.reasons if "may not tell these labels apart" in each]) == hints
    )


@pytest.mark.parametrize(
    ("text", "each", "passes", "is_told"),
    [
        ("zxqv film", 10, False, True),
        ("zxqv film", 9, True, True),
        ("zxqv film", 10, True, False),
        ("good film", 10, False, False),
        ("zxqv film", 4, True, False),
    ],
    ids=["refused", "too few annotations", "learned", "at home", "too few texts to tell"],
)
def test_texts_unlike_those_of_the_model_are_told_unless_it_has_learned_from_them(  # noqa: PLR0917
    parent: Parent,
    judge: Callable[[Mapping[str, bool]], None],
    text: str,
    each: int,
    passes: bool,
    is_told: bool,
) -> None:
    judge({"tone": passes})
    known = parent.classifier
    assert isinstance(known.encoder, Encoder)
    known.encoder.strangeness = Strangeness(torch.tensor([2.0, 0.0, -1.0, -1.0, -1.0]))
    head = replace(known.head, origin=Origin((1,), (1.0,), (-1.5, -1.0, -0.5)))
    texts = TrainingSet(
        "tone",
        known.labels,
        list(range(2 * each)),
        [text] * (2 * each),
        [(label,) for label in known.labels] * each,
    )
    result = train(
        PROJECT, replace(parent, classifier=Classifier(known.encoder, head)), [texts], silent
    )
    told = [reason for reason in result.reasons if "annotate some fifty and train" in reason]
    assert bool(told) == is_told
    assert all('"tone"' in reason and "distance 1.00" in reason for reason in told)
