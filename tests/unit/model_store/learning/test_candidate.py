"""The annotations of a control are split, fitted, measured and judged."""

import json
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from model_store.learning.behaviour import Behaviour
from model_store.learning.candidate import Outcome, learn, predictions_of
from model_store.learning.evaluation import measure
from model_store.learning.split import is_held_out
from model_store.model.head import Head

LABELS = ("Ham", "Spam")


def annotations(count: int, *, seed: int = 0, swapped: float = 0.0) -> dict[str, Any]:
    """Two clouds of features, and the choices of an annotator who swaps some of them."""
    rng = np.random.default_rng(seed)
    classes = np.arange(count) % 2
    features = np.maximum(rng.normal(size=(count, 8)) + classes[:, None], 0)
    choices = np.where(rng.uniform(size=count) < swapped, 1 - classes, classes)
    return {
        "features": torch.from_numpy(features).float(),
        "choices": [LABELS[choice] for choice in choices],
        "tasks": list(range(1, count + 1)),
    }


def learned(count: int, *, project: str = "1", **options: Any) -> Outcome:
    data = annotations(count, seed=options.pop("data_seed", 0), swapped=options.pop("swapped", 0.0))
    return learn("sentiment", LABELS, **data, project=project, **options)


def test_two_hundred_annotations_make_a_head_that_passes() -> None:
    outcome = learned(200)
    assert outcome.passed
    assert outcome.head is not None
    assert outcome.head.labels == LABELS
    assert outcome.learned_from + outcome.held_out == 200
    assert outcome.held_out == sum(is_held_out("1", task) for task in range(1, 201))
    metrics = outcome.metrics["candidate"]
    assert metrics["accuracy"] > 0.8
    assert metrics["texts"] == outcome.held_out
    assert sum(sum(row.values()) for row in metrics["confusion"].values()) == outcome.held_out


def test_too_few_annotations_make_no_head_and_the_reason_says_how_many_are_missing() -> None:
    outcome = learned(18)
    assert outcome.head is None
    assert not outcome.passed
    (check,) = outcome.checks
    assert check.reason.startswith("2 more annotations are needed")


def test_held_out_choices_do_not_reach_the_weights() -> None:
    data = annotations(200)
    held_out = [is_held_out("1", task) for task in data["tasks"]]
    other = [
        LABELS[1 - LABELS.index(choice)] if held else choice
        for choice, held in zip(data["choices"], held_out, strict=True)
    ]
    first, second = (
        learn("c", LABELS, **(data | {"choices": choices}), project="1").head
        for choices in (data["choices"], other)
    )
    assert first is not None
    assert second is not None
    assert torch.equal(first.weight, second.weight)
    assert first.temperature < second.temperature


@pytest.mark.slow
def test_randomly_swapped_labels_are_refused_with_the_reason() -> None:
    outcomes = [learned(150, project=str(seed), data_seed=seed, swapped=0.5) for seed in range(10)]
    refused = [outcome for outcome in outcomes if not outcome.passed]
    assert len(refused) >= 9
    reasons = [check.reason for outcome in refused for check in outcome.checks if not check.passed]
    assert any("By chance alone" in reason for reason in reasons)


def test_a_fine_tuned_head_is_compared_with_the_active_one() -> None:
    start = learned(300, data_seed=1).head
    outcome = learned(200, start=start, active=start, behave=lambda _: Behaviour(9, 9))
    assert set(outcome.metrics) == {"candidate", "in_force"}
    assert outcome.passed
    assert not any("Skipped" in check.reason for check in outcome.checks)


def test_the_behaviour_of_the_new_head_decides() -> None:
    start = learned(22, data_seed=1).head

    def behave(head: Head) -> Behaviour:
        return Behaviour(9 if head is start else 5, 9)

    outcome = learned(200, active=start, behave=behave)
    assert [check.name for check in outcome.checks if not check.passed] == ["behaviour"]


def test_the_active_version_may_have_the_labels_in_another_order() -> None:
    head = learned(300, data_seed=1).head
    assert head is not None
    turned = Head(LABELS[::-1], head.weight.flip(0), head.bias.flip(0), head.temperature)
    first, second = (learned(200, active=served).metrics for served in (head, turned))
    assert first["in_force"]["confusion"] == second["in_force"]["confusion"]


def test_an_active_version_with_other_labels_is_not_compared() -> None:
    other = Head(("A", "B"), torch.zeros(2, 8), torch.zeros(2))
    outcome = learned(200, active=other)
    assert set(outcome.metrics) == {"candidate"}
    assert any("Skipped: no version with these labels" in c.reason for c in outcome.checks)


def test_equal_arguments_give_equal_reports_for_json() -> None:
    first, second = (json.dumps(learned(120, seed=3).report()) for _ in range(2))
    assert first == second
    assert json.loads(first)["passed"] is True


def test_it_reports_its_progress() -> None:
    told: list[tuple[str, float]] = []
    learned(60, progress=lambda stage, done: told.append((stage, done)))
    shares = [share for _, share in told]
    assert shares == sorted(shares)
    assert told[-1] == ("done", 1.0)


def test_choices_that_are_not_labels_are_refused() -> None:
    data = annotations(30)
    with pytest.raises(ValueError, match="Eggs"):
        learn("c", LABELS, **(data | {"choices": ["Eggs"] * 30}), project="1")
    with pytest.raises(ValueError, match="29 tasks"):
        learn("c", LABELS, **(data | {"tasks": data["tasks"][1:]}), project="1")


def test_without_examples_there_are_no_metrics() -> None:
    head = Head(LABELS, torch.zeros(2, 8), torch.zeros(2))
    nothing: Tensor = torch.zeros(0, 8)
    assert measure(predictions_of(head, nothing, np.zeros(0, dtype=np.int64), LABELS)) == {}
