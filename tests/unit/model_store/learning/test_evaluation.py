"""Metrics and calibration have the values of their definitions."""

import numpy as np
import pytest
from sklearn.metrics import log_loss

from model_store.learning.evaluation import (
    Predictions,
    errors_among_lowest,
    expected_calibration_error,
    fit_temperature,
    measure,
    measure_corpus,
    probabilities,
)

LABELS = ("Negative", "Positive")


def calibrated(count: int, seed: int = 0) -> Predictions:
    """Return calibrated predictions: as often right as their scores say."""
    rng = np.random.default_rng(seed)
    positive = rng.uniform(size=count)
    classes = (rng.uniform(size=count) < positive).astype(np.int64)
    return Predictions(classes, np.column_stack([1 - positive, positive]), LABELS)


def test_perfect_predictions_have_perfect_metrics() -> None:
    classes = np.array([0, 1] * 50)
    metrics = measure_corpus(Predictions(classes, np.eye(2)[classes], LABELS))
    assert metrics["accuracy"] == 1.0
    assert metrics["auroc"] == 1.0
    assert metrics["brier"] == 0.0
    assert metrics["expected_calibration_error"] == 0.0
    assert metrics["per_label"]["Positive"] == {
        "precision": 1.0,
        "recall": 1.0,
        "f1-score": 1.0,
        "support": 50,
    }


def test_the_interval_of_the_accuracy_is_wilsons() -> None:
    classes = np.array([0] * 100)
    rows = np.eye(2)[[0] * 90 + [1] * 10]
    metrics = measure_corpus(Predictions(np.append(classes, 1), np.vstack([rows, [0, 1]]), LABELS))
    low, high = metrics["accuracy_interval"]
    p, n, z = 91 / 101, 101, 1.959964
    centre, half = p + z * z / (2 * n), z * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    assert low == pytest.approx((centre - half) / (1 + z * z / n), abs=1e-6)
    assert high == pytest.approx((centre + half) / (1 + z * z / n), abs=1e-6)


def test_calibrated_predictions_have_hardly_a_calibration_error() -> None:
    assert expected_calibration_error(calibrated(100_000)) < 0.01


def test_overconfident_predictions_have_a_calibration_error() -> None:
    honest = calibrated(10_000)
    sharpened = honest.probabilities**3 / (honest.probabilities**3).sum(axis=1, keepdims=True)
    assert expected_calibration_error(Predictions(honest.classes, sharpened, LABELS)) > 0.05


def test_the_temperature_undoes_a_scaling_of_calibrated_logits() -> None:
    honest = calibrated(50_000)
    logits = (np.log(honest.probabilities) * 2.5).astype(np.float32)
    temperature = fit_temperature(logits, honest.classes)
    assert temperature == pytest.approx(2.5, rel=0.05)
    assert np.allclose(probabilities(logits, 2.5), honest.probabilities, atol=1e-5)


def test_errors_among_the_lowest_scores_are_counted() -> None:
    classes = np.zeros(10, dtype=np.int64)
    scores = np.array([0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.6, 0.55, 0.9])
    wrong = np.array([0, 0, 0, 0, 0, 0, 0, 1, 1, 1], dtype=bool)
    positive = np.where(wrong, scores, 1 - scores)
    predictions = Predictions(classes, np.column_stack([1 - positive, positive]), LABELS)
    assert errors_among_lowest(predictions, 0.2) == pytest.approx(2 / 3)
    assert errors_among_lowest(predictions, 1.0) == 1.0


def test_without_errors_the_share_of_found_errors_is_1() -> None:
    predictions = Predictions(np.array([0, 1]), np.eye(2), LABELS)
    assert errors_among_lowest(predictions, 0.1) == 1.0


def test_few_examples_have_the_basic_metrics_of_many() -> None:
    few, many = measure(calibrated(50)), measure_corpus(calibrated(50))
    assert few == {key: many[key] for key in few}
    assert few["confusion"]["Negative"]["Positive"] + few["confusion"]["Positive"][
        "Negative"
    ] == round(50 * (1 - few["accuracy"]))


def test_the_log_loss_is_that_of_scikit_learn() -> None:
    predictions = calibrated(1000)
    expected = log_loss(predictions.classes, predictions.probabilities)
    assert measure(predictions)["log_loss"] == pytest.approx(expected, rel=1e-12)
