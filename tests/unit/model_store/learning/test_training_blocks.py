"""A project with labels of its own learns on feature blocks, which its version keeps."""

import json
from pathlib import Path

import pytest
import torch

from model_store import artifact, manifests, store
from model_store.errors import ArtifactError
from model_store.learning.training import Parent, Result, train
from model_store.learning.training_set import TrainingSet
from model_store.model.blocks.concatenated import Concatenated
from model_store.model.classifier import Classifier, Query, classify_together
from tests.conftest import ClassifierFactory

TOPICS = {
    "Sport": ("team", "match", "goal", "coach", "league", "player"),
    "Money": ("bank", "shares", "profit", "market", "loan", "rates"),
    "Health": ("doctor", "vaccine", "hospital", "patients", "surgery", "nurse"),
}
FRAMES = ("The {} and the {} again.", "A {} for every {}?", "News of the {}, says a {}.")


def topics(control: str = "topic") -> TrainingSet:
    """Return 90 made-up headlines of three topics."""
    texts, answers = [], []
    for topic, words in TOPICS.items():
        for place in range(30):
            first, second = words[place % 6], words[(place // 6 + place + 1) % 6]
            texts.append(FRAMES[place % 3].format(first, second))
            answers.append((topic,))
    order = torch.randperm(len(texts), generator=torch.Generator().manual_seed(0)).tolist()
    return TrainingSet(
        control,
        tuple(TOPICS),
        list(range(len(texts))),
        [texts[place] for place in order],
        [answers[place] for place in order],
    )


def silent(_: str, __: float) -> None:
    """Report nothing."""


@pytest.fixture
def parent(make_classifier: ClassifierFactory, home_store: Path) -> Parent:
    assert home_store.is_dir()
    return Parent("sentiment-cnn:0123456789abcdef", make_classifier())


def loaded(result: Result) -> Classifier:
    assert result.version
    return artifact.load(store.path_of(result.version))


def test_topics_are_learned_that_the_encoder_knows_nothing_of(parent: Parent) -> None:
    result = train("1.1", parent, [topics()], silent)
    assert result.passed, result.reasons
    report = result.metrics["topic"]
    assert report["metrics"]["candidate"]["accuracy"] > 0.9
    assert sum(report["blocks"].values()) == pytest.approx(1, abs=0.01)
    classifier = loaded(result).for_control("topic")
    found = classifier.classify(["The hospital has a new doctor.", "The coach praised the team."])
    assert [each.label for each in found] == ["Health", "Sport"]


def test_a_rare_topic_is_left_out_by_name_and_the_others_are_learned(parent: Parent) -> None:
    all_topics = topics()
    rare = TrainingSet(
        "topic",
        ("Weather", *TOPICS),
        [*all_topics.tasks, 901],
        [*all_topics.texts, "It rains."],
        [*all_topics.answers, ("Weather",)],
    )
    result = train("1.1", parent, [rare], silent)
    assert result.passed
    (reason,) = result.reasons
    assert reason == '"topic": not learned: Weather (1). 5 annotations of each are needed.'
    assert result.metrics["topic"]["left_out"] == {"Weather": 1}
    classifier = loaded(result).for_control("topic")
    assert classifier.labels == ("Weather", *TOPICS)
    (found,) = classifier.classify(["The hospital has a new doctor, it rains."])
    assert found.label == "Health"
    assert found.probabilities["Weather"] == 0


def test_a_version_with_blocks_needs_a_release_that_knows_them(parent: Parent) -> None:
    result = train("1.1", parent, [topics()], silent)
    assert result.version
    folder = store.path_of(result.version)
    assert json.loads((folder / manifests.MANIFEST).read_text())["format"] == 3
    assert (folder / manifests.PIECES).is_file()
    ngrams = (folder / "ngrams-0.txt").read_text()
    assert "\t coa\n" in ngrams
    artifact.check(folder)


def test_an_artifact_without_blocks_is_written_for_earlier_releases(
    tmp_path: Path, make_classifier: ClassifierFactory
) -> None:
    artifact.save(tmp_path / "plain", make_classifier(), training={}, metrics={})
    document = json.loads((tmp_path / "plain" / manifests.MANIFEST).read_text())
    assert document["format"] == 1
    assert "blocks" not in document


def test_versions_share_the_embedding_and_the_encoder(
    parent: Parent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("model_store.learning.blocks.MIN_SHARE", 0.0)
    first = train("1.1", parent, [topics()], silent)
    second = train("2.1", parent, [topics()], silent)
    assert first.version
    assert second.version
    known: dict[str, object] = {}
    classifiers = [
        artifact.load(store.path_of(version), encoders=known)  # type: ignore[arg-type]
        for version in (first.version, second.version)
    ]
    embeddings = []
    for classifier in classifiers:
        encoder = classifier.encoders["topic"]
        assert isinstance(encoder, Concatenated)
        embeddings.append(encoder.blocks["embedding"])
    assert embeddings[0] is embeddings[1]
    assert len(known) == 2
    query = Query("The nurse and the doctor.", [each.for_control("topic") for each in classifiers])
    (results,) = classify_together([query])
    assert [each.label for each in results] == ["Health", "Health"]


def test_a_control_that_is_not_trained_again_keeps_its_blocks(parent: Parent) -> None:
    first = train("1.1", parent, [topics("one"), topics("two")], silent)
    assert first.version
    second = train("1.1", Parent(first.version, loaded(first)), [topics("one")], silent)
    texts = ["The bank and the market.", "A vaccine!"]
    for control in ("one", "two"):
        before, after = (loaded(each).for_control(control) for each in (first, second))
        for old, new in zip(before.classify(texts), after.classify(texts), strict=True):
            assert old.probabilities == pytest.approx(new.probabilities, rel=1e-4)


def test_blocks_that_contradict_the_manifest_are_refused(parent: Parent, tmp_path: Path) -> None:
    result = train("1.1", parent, [topics()], silent)
    assert result.version
    folder = tmp_path / "changed"
    folder.mkdir()
    for file in store.path_of(result.version).iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    path = folder / manifests.MANIFEST
    document = json.loads(path.read_text())
    document["blocks"]["topic"]["ngrams"] += 1
    document["blocks"]["topic"]["embedding"] -= 1
    path.write_text(json.dumps(document))
    with pytest.raises(ArtifactError, match="its blocks must have"):
        artifact.load(folder)
