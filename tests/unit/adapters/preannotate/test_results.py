"""Chunks to lines of JSON; truths beside predictions."""

import json
from collections import Counter
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from adapters.label_studio.controls import Control
from adapters.preannotate.records import Chunk, Unreadable
from adapters.preannotate.results import UNKNOWN, Result, merged, rejection_lines, result_of
from adapters.preannotate.truth import Comparison
from tests.unit.adapters.preannotate.conftest import LABELS, FakeModel

Controls = Sequence[Control]


def chunk(*rows: Any) -> Chunk:
    return Chunk("a.parquet", 1, "row", list(enumerate(rows, start=1)), dict)


def test_tasks_are_lines_and_rejections_name_file_place_and_reason(
    model: FakeModel, controls: Controls
) -> None:
    rows = [{"review": "good"}, Unreadable("is broken"), {"review": "dull", "n": Decimal("1.5")}]
    result = result_of(chunk(*rows), controls, model, None)
    first, second = (json.loads(line) for line in result.tasks.splitlines())
    assert (first["data"], second["data"]) == (rows[0], {"review": "dull", "n": "1.5"})
    assert (result.task_count, result.row_count) == (2, 3)
    assert json.loads(rejection_lines(result.rejections)) == {
        "file": "a.parquet",
        "row": 2,
        "reason": "is broken",
    }


@pytest.mark.parametrize("value", [b"\xff", 2**70, object()])
def test_a_value_that_json_cannot_hold_costs_its_own_row_alone(
    value: Any, model: FakeModel, controls: Controls
) -> None:
    rows = [{"review": "a", "x": value}, {"review": "b", "day": date(2026, 1, 2)}]
    result = result_of(chunk(*rows), controls, model, None)
    assert [item.number for item in result.rejections] == [1]
    assert json.loads(result.tasks)["data"] == {"review": "b", "day": "2026-01-02"}


@pytest.mark.parametrize(
    "fields", [{"review": "a\0b"}, {"review": "a", "x": [{"y\0": 1}]}, {"review": "a", "z": "\0"}]
)
def test_a_nul_character_is_refused_wherever_it_is(
    fields: dict[str, Any], model: FakeModel, controls: Controls
) -> None:
    (rejection,) = result_of(chunk(fields), controls, model, None).rejections
    assert "NUL" in rejection.reason


def test_what_only_looks_like_a_nul_is_text(model: FakeModel, controls: Controls) -> None:
    assert result_of(chunk({"review": r"\u0000"}), controls, model, None).task_count == 1


@pytest.mark.parametrize(
    ("truth", "label"),
    [
        ("Positive", "Positive"),
        (" negative ", "Negative"),
        (1, "Positive"),
        (0.0, "Negative"),
        ("neutral", UNKNOWN),
        (-1, UNKNOWN),
    ],
)
def test_a_truth_is_a_label_or_the_number_of_its_class(
    truth: Any, label: str, model: FakeModel, controls: Controls
) -> None:
    result = result_of(chunk({"review": "good", "y": truth}), controls, model, "y")
    assert result.confusion == Counter([(label, "Positive")])


@pytest.mark.parametrize("fields", [{}, {"y": ""}, {"y": None}])
def test_a_row_without_truth_is_not_compared(
    fields: dict[str, Any], model: FakeModel, controls: Controls
) -> None:
    assert not result_of(chunk({"review": "good", **fields}), controls, model, "y").confusion


def test_results_go_through_bytes_and_together(model: FakeModel, controls: Controls) -> None:
    rows = [{"review": "good", "y": 0}, {"review": ""}]
    one = result_of(chunk(*rows), controls, model, "y")
    assert Result.from_bytes(one.to_bytes()) == one
    both = merged([one, one])
    assert (both.task_count, both.row_count) == (2, 4)
    assert both.tasks == one.tasks * 2
    assert both.confusion == Counter({("Negative", "Positive"): 2})
    assert merged([]) == Result(b"", 0, [], Counter())


def test_a_comparison_tells_accuracy_and_confusion() -> None:
    counts = Counter(
        {
            ("Negative", "Negative"): 6,
            ("Negative", "Positive"): 1,
            ("Positive", "Positive"): 3,
            (UNKNOWN, "Positive"): 2,
        }
    )
    comparison = Comparison("y", LABELS, counts)
    assert (comparison.compared, comparison.others, comparison.accuracy) == (10, 2, 0.9)
    assert comparison.to_json()["confusion"] == [[6, 1], [0, 3]]
    assert "Accuracy 90.00% on 10 labels" in str(comparison)
    assert "2 rows have something else" in str(comparison)


def test_a_comparison_of_nothing_says_so() -> None:
    comparison = Comparison("y", LABELS, Counter())
    assert comparison.accuracy is None
    assert str(comparison) == 'No row has one of Negative, Positive in "y".'
