"""A training on a small corpus makes an artifact that classifies."""

import csv
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from model_store import artifact, manifests
from model_store.errors import ArtifactExistsError, CorpusError
from model_store.pretraining import fitting, recipe
from model_store.pretraining.fitting import FitConfig
from model_store.pretraining.recipe import Recipe, train
from model_store.pretraining.student import StudentConfig
from model_store.pretraining.teacher import TeacherConfig

pytestmark = pytest.mark.slow

QUICK = FitConfig(epochs=4, max_tokens=40)
RECIPE = Recipe(
    max_tokens=60,
    vector_epochs=1,
    teacher=TeacherConfig(folds=2, fit=replace(QUICK, epochs=2), batch_size=16),
    student=StudentConfig(
        reviews_alone=QUICK, with_passages=(QUICK, QUICK), batch_size=16, word_dropout=0.1
    ),
)
WORDS = [
    "the",
    "film",
    "actor",
    "plot",
    "music",
    "scene",
    "story",
    "camera",
    "it",
    "was",
    "and",
    "with",
    "of",
]
OPINIONS = {
    1: ["great", "superb", "lovely", "brilliant"],
    0: ["awful", "dull", "boring", "terrible"],
}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """600 labelled and 200 unlabelled reviews of a dozen words."""
    path = tmp_path_factory.mktemp("corpus") / "reviews.csv"
    chooser = random.Random(0)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label"])
        for row in range(800):
            label = row % 2
            words = chooser.choices(WORDS, k=12) + chooser.choices(OPINIONS[label], k=3)
            chooser.shuffle(words)
            writer.writerow([" ".join(words), label if row < 600 else -1])
    return path


@pytest.fixture(scope="module")
def trained(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("trained") / "artifact"
    train(data, out, RECIPE)
    return out


def test_a_trained_artifact_classifies_opinions(trained: Path) -> None:
    classifier = artifact.load(trained)
    labels = [result.label for result in classifier.classify(["a superb film", "a dull film"])]
    assert labels == ["Positive", "Negative"]


def test_the_manifest_has_the_recipe_and_the_metrics(trained: Path) -> None:
    manifest = manifests.read(trained)
    assert manifest.training["recipe"]["seed"] == RECIPE.seed
    assert manifest.training["packages"]["torch"]
    assert len(manifest.training["data_sha256"]) == 64
    assert sum(manifest.training["reviews"].values()) == 800
    assert manifest.metrics["held-out"]["accuracy"] > 0.9
    assert manifest.temperature != 1.0


def test_the_same_seed_gives_the_same_artifact_and_another_seed_another(
    trained: Path, data: Path, tmp_path: Path
) -> None:
    train(data, tmp_path / "again", RECIPE)
    train(data, tmp_path / "other", replace(RECIPE, seed=2))
    assert manifests.version(tmp_path / "again") == manifests.version(trained)
    assert manifests.version(tmp_path / "other") != manifests.version(trained)


def test_only_the_artifact_is_left(trained: Path) -> None:
    assert [path.name for path in trained.parent.iterdir()] == ["artifact"]


def test_an_existing_directory_is_left_alone(trained: Path, data: Path) -> None:
    before = manifests.version(trained)
    with pytest.raises(ArtifactExistsError):
        train(data, trained, RECIPE)
    assert manifests.version(trained) == before


def test_a_corpus_that_is_too_small_is_refused_before_the_training_starts(tmp_path: Path) -> None:
    (tmp_path / "small.csv").write_text("text,label\ngood,1\nbad,0\n")
    with pytest.raises(CorpusError, match="too few"):
        train(tmp_path / "small.csv", tmp_path / "out", RECIPE)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("stage", ["ngram_probabilities", "fit", "network_probabilities"])
def test_a_run_killed_at_any_stage_resumes_and_leaves_no_partial_artifact(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    out = tmp_path / "artifact"
    with monkeypatch.context() as patched:
        patched.setattr(recipe, stage, killed)
        with pytest.raises(KeyboardInterrupt):
            train(data, out, RECIPE)
    assert not out.exists()
    calls: list[str] = []
    real = fitting.fit

    def noted(*arguments: Any, **options: Any) -> None:
        calls.append(options["name"])
        real(*arguments, **options)

    monkeypatch.setattr(recipe, "fit", noted)
    monkeypatch.setattr(
        recipe, "train_vectors", lambda *_, **__: pytest.fail("the vectors were there")
    )
    train(data, out, RECIPE)
    assert calls == ["network, stage 1"]
    assert artifact.load(out)
