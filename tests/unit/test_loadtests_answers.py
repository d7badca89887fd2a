"""The load tests accept complete responses of `/predict` only."""

import json
from typing import Any

import pytest

from loadtests.answers import problem_of_predictions

PREDICTION = {
    "result": [{"value": {"choices": ["Positive"]}}],
    "score": 0.9,
    "model_version": "sentiment-cnn:1",
}


def body(*results: Any) -> bytes:
    return json.dumps({"results": results}).encode()


def test_a_prediction_for_each_task_is_accepted() -> None:
    assert problem_of_predictions(body(PREDICTION, PREDICTION), 2) is None


def test_another_number_of_results_is_a_problem() -> None:
    assert problem_of_predictions(body(PREDICTION), 2) == "1 results for 2 tasks"


@pytest.mark.parametrize(
    "result",
    [None, {}, [], "text", PREDICTION | {"result": []}, PREDICTION | {"score": None}],
)
def test_a_malformed_prediction_is_a_problem(result: Any) -> None:
    problem = problem_of_predictions(body(PREDICTION, result), 2)
    assert problem == "1 of 2 tasks without a prediction"


@pytest.mark.parametrize("content", [b"", b"<html>", b"[]", b"{}", b'{"results": null}'])
def test_a_body_without_results_is_a_problem(content: bytes) -> None:
    assert problem_of_predictions(content, 1) == "the body holds no results"
