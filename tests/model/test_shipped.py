"""The shipped artifact matches its manifest and the requirements of a release."""

import csv
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torchtext.vocab import Vocab

from model_store import manifests
from model_store.learning import evaluation
from model_store.learning.evaluation import Predictions
from model_store.model.classifier import Classifier
from model_store.model.encoder import Encoder
from model_store.model.inference import features_of, padded_features
from model_store.pretraining.corpus import Part, read
from model_store.pretraining.recipe import predict
from model_store.store import PRETRAINED

EXAMPLES = Path(__file__).parents[2] / "examples" / "reviews.csv"
TUTORIAL = Path(__file__).parents[3] / "shared/data/tutorial/IMDB_train_labeled_100.csv"


def agreement(classifier: Classifier, path: Path) -> int:
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 100
    results = classifier.classify([row["review"] for row in rows])
    return sum(row["sentiment"] == result.label for row, result in zip(rows, results, strict=True))


def test_it_is_at_most_16_megabytes() -> None:
    assert sum(path.stat().st_size for path in PRETRAINED.iterdir()) <= 16_000_000


def test_its_metrics_meet_the_requirements_of_a_release() -> None:
    metrics = manifests.read(PRETRAINED).metrics["held-out"]
    assert metrics["accuracy"] >= 0.905
    assert metrics["expected_calibration_error"] <= 0.02
    assert metrics["errors_among_lowest"]["20%"] >= 0.6


def test_it_classifies_at_least_85_of_the_100_example_reviews(shipped: Classifier) -> None:
    assert agreement(shipped, EXAMPLES) >= 85


def test_it_classifies_at_least_85_of_the_tutorials_100_reviews(shipped: Classifier) -> None:
    if not TUTORIAL.exists():
        pytest.skip(f"the tutorial's reviews are not at {TUTORIAL}")
    assert agreement(shipped, TUTORIAL) >= 85


def test_the_corpus_gives_the_metrics_of_the_manifest(shipped: Classifier, corpus: Path) -> None:
    manifest = manifests.read(PRETRAINED)
    held_out = read(corpus / "train.parquet").part(Part.HELD_OUT)
    measured = evaluation.measure_corpus(predict(shipped, held_out))
    for name in ("accuracy", "auroc", "log_loss", "expected_calibration_error"):
        assert measured[name] == pytest.approx(manifest.metrics["held-out"][name], abs=5e-4), name


def test_a_text_of_the_corpus_gets_the_same_answer_alone_and_in_a_batch(
    shipped: Classifier, corpus: Path
) -> None:
    texts = read(corpus / "train.parquet").texts[:200]
    together = shipped.classify(texts)
    for text, result in zip(texts, together, strict=True):
        assert shipped.classify([text])[0].score == pytest.approx(result.score, abs=1e-5)


def test_its_weights_are_half_precision_and_its_vocabulary_is_torchtexts(encoder: Encoder) -> None:
    tensors = load_file(PRETRAINED / manifests.WEIGHTS)
    assert {tensor.dtype for tensor in tensors.values()} == {torch.float16}
    tokens = encoder.vocabulary.tokens
    falling = Counter({token: len(tokens) - index for index, token in enumerate(tokens[2:])})
    assert tuple(Vocab(falling, specials=("<unk>", "<pad>")).itos) == tokens


def test_predictions_are_probabilities(shipped: Classifier, corpus: Path) -> None:
    predictions: Predictions = predict(
        shipped, read(corpus / "train.parquet").part(Part.VALIDATION)
    )
    assert np.allclose(predictions.probabilities.sum(axis=1), 1.0)


def test_the_model_card_and_the_readme_state_the_metrics_of_the_manifest() -> None:
    card = (PRETRAINED / "README.md").read_text(encoding="utf-8")
    readme = (PRETRAINED.parents[1] / "README.md").read_text(encoding="utf-8")
    metrics = manifests.read(PRETRAINED).metrics["held-out"]
    low, high = metrics["accuracy_interval"]
    assert manifests.version(PRETRAINED) in card
    for text in (card, readme):
        assert f"{metrics['accuracy']:.2%} (95 %: {low:.2%} to {high:.2%})" in text
        assert f"{metrics['expected_calibration_error']:.4f}" in text
        assert f"{metrics['errors_among_lowest']['20%']:.1%}" in text


def test_the_compiled_network_gives_the_probabilities_of_the_plain_one(
    shipped: Classifier, encoder: Encoder, corpus: Path
) -> None:
    texts = [encoder.encode(text) for text in read(corpus / "train.parquet").texts[:400]]
    network = encoder.network
    plain = shipped.head.classify(padded_features(network, texts))
    compiled = shipped.head.classify(features_of(network)(texts))
    for one, other in zip(plain, compiled, strict=True):
        assert one.probabilities == pytest.approx(other.probabilities, abs=1e-5)
