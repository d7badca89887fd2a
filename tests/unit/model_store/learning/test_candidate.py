"""The annotations of a control are split, fitted, measured and judged."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from model_store.learning.candidate import ENOUGH_HELD_OUT, Outcome, learn
from model_store.learning.fitters import OnBlocks, Tuned
from model_store.learning.gate import Check
from model_store.learning.split import HELD_OUT, folds
from model_store.model.classification import Kind
from model_store.model.head import Head

LABELS = ("Ham", "Spam")


def annotations(
    count: int, *, seed: int = 0, swapped: float = 0.0, project: str = "1"
) -> dict[str, Any]:
    """Two clouds of features, and the choices of an annotator who swaps some of them."""
    rng = np.random.default_rng(seed)
    classes = np.arange(count) % 2
    features = np.maximum(rng.normal(size=(count, 8)) + classes[:, None], 0)
    choices = np.where(rng.uniform(size=count) < swapped, 1 - classes, classes)
    return {
        "features": torch.from_numpy(features).float(),
        "answers": [(LABELS[choice],) for choice in choices],
        "folds": folds(project, range(1, count + 1), range(count)),
        "fitter": OnBlocks({"encoder": 8}),
    }


def learned(count: int, **options: Any) -> Outcome:
    names = {"data_seed": "seed", "swapped": "swapped", "project": "project"}
    data = annotations(
        count, **{name: options.pop(key) for key, name in names.items() if key in options}
    )
    return learn("sentiment", LABELS, **(data | options))


def tuned(start: Head | None) -> Tuned:
    assert start is not None
    return Tuned(start)


def test_two_hundred_annotations_make_a_head_that_passes() -> None:
    outcome = learned(200)
    assert outcome.passed
    assert outcome.head is not None
    assert outcome.head.labels == LABELS
    assert outcome.learned_from == outcome.judged_by == 200
    metrics = outcome.metrics["candidate"]
    assert metrics["accuracy"] > 0.8
    low, high = metrics["accuracy_interval"]
    assert low < metrics["accuracy"] < high
    assert metrics["constant_accuracy"] == 0.5
    assert metrics["texts"] == 200
    assert sum(sum(row.values()) for row in metrics["confusion"].values()) == 200
    assert {label: each["support"] for label, each in metrics["per_label"].items()} == {
        "Ham": 100,
        "Spam": 100,
    }


def test_enough_held_out_tasks_judge_alone() -> None:
    outcome = learned(1100)
    assert outcome.learned_from == 1100
    assert outcome.judged_by == int((annotations(1100)["folds"] == HELD_OUT).sum())
    assert outcome.judged_by >= ENOUGH_HELD_OUT


def test_too_few_annotations_make_no_head_and_the_reason_says_how_many_are_missing() -> None:
    outcome = learned(18)
    assert outcome.head is None
    assert not outcome.passed
    (check,) = outcome.checks
    assert check.reason.startswith("2 more annotations are needed")


def test_held_out_answers_reach_the_head_that_is_served_but_not_the_one_that_is_judged() -> None:
    data = annotations(200)
    swapped = [
        (LABELS[1 - LABELS.index(label)],) if held else (label,)
        for (label,), held in zip(data["answers"], data["folds"] == HELD_OUT, strict=True)
    ]
    first, second = (
        learn("c", LABELS, **(data | {"answers": answers})).head
        for answers in (data["answers"], swapped)
    )
    assert first is not None
    assert first.judged is not None
    assert second is not None
    assert second.judged is not None
    assert torch.equal(first.judged.weight, second.judged.weight)
    assert not torch.equal(first.weight, second.weight)
    assert first.temperature < second.temperature


@pytest.mark.slow
def test_randomly_swapped_labels_are_refused_with_the_reason() -> None:
    outcomes = [learned(150, project=str(seed), data_seed=seed, swapped=0.5) for seed in range(10)]
    refused = [outcome for outcome in outcomes if not outcome.passed]
    assert len(refused) >= 9
    reasons = [check.reason for outcome in refused for check in outcome.checks if not check.passed]
    assert any("frequencies of the answers alone" in reason for reason in reasons)


def test_pure_noise_teaches_a_head_nothing() -> None:
    data = annotations(300, swapped=0.5)
    head = learn("c", LABELS, **data).head
    assert head is not None
    assert max(result.score for result in head.classify(data["features"])) < 0.7


def test_a_fine_tuned_head_is_compared_with_the_active_one_on_held_out_tasks() -> None:
    start = learned(300, data_seed=1).head
    outcome = learned(200, fitter=tuned(start), active=start)
    assert set(outcome.metrics) == {"candidate", "candidate_on_held_out", "in_force"}
    held_out = int((annotations(200)["folds"] == HELD_OUT).sum())
    assert outcome.metrics["in_force"]["texts"] == held_out
    assert outcome.metrics["candidate_on_held_out"]["texts"] == held_out
    assert outcome.passed
    assert not any("Skipped" in check.reason for check in outcome.checks)


def test_the_active_version_is_compared_by_its_head_without_held_out_tasks() -> None:
    judged = learned(200, data_seed=1).head
    assert judged is not None
    wrong = replace(judged, weight=-judged.weight, bias=-judged.bias)
    outcome = learned(200, active=replace(wrong, judged=judged))
    assert outcome.metrics["in_force"]["accuracy"] > 0.7


def test_further_checks_decide_too() -> None:
    outcome = learned(200, further=lambda _: [Check("behaviour", False, "It fails.")])
    assert [check.name for check in outcome.checks if not check.passed] == ["behaviour"]


def test_texts_that_are_all_the_same_cannot_be_judged_by() -> None:
    outcome = learned(60, folds=np.zeros(60, dtype=np.int64))
    assert outcome.head is None
    assert outcome.checks[0].reason.startswith("The texts are nearly the same")


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
    first, second = (json.dumps(learned(120).report()) for _ in range(2))
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
        learn("c", LABELS, **(data | {"answers": [("Eggs",)] * 30}))
    with pytest.raises(ValueError, match="29 folds"):
        learn("c", LABELS, **(data | {"folds": data["folds"][1:]}))


@pytest.mark.parametrize("kind", ["multiple", "rating"])
def test_texts_with_several_labels_and_ratings_are_learned(kind: Kind) -> None:
    rng = np.random.default_rng(0)
    features = rng.normal(size=(200, 8))
    labels = ("1", "2", "3", "4")
    if kind == "rating":
        stars = np.digitize(features[:, 0] + 0.3 * rng.normal(size=200), [-1, 0, 1])
        answers = [(labels[each],) for each in stars]
    else:
        has = features[:, :4] + 0.3 * rng.normal(size=(200, 4)) > [0, 0.5, 1, 5]
        answers = [tuple(np.array(labels)[each]) for each in has]
    data = annotations(200)
    outcome = learn(
        "c",
        labels,
        torch.from_numpy(features).float(),
        answers,
        data["folds"],
        fitter=data["fitter"],
        kind=kind,
    )
    assert outcome.passed, outcome.checks
    assert outcome.head is not None
    assert outcome.head.kind == kind
    metrics = outcome.metrics["candidate"]
    if kind == "rating":
        assert metrics["mean_absolute_error"] < 0.4
    else:
        assert outcome.left_out == {"4": 0}
        assert metrics["f1"]["micro"] > 0.8
        assert all("4" not in each.answers for each in outcome.head.classify(torch.randn(50, 8)))
