"""Chunks become lines of JSON; predictions are compared with the truth."""

import json
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import pytest

from adapters.label_studio.controls import Control
from adapters.preannotate.readers.reading import Inputs
from adapters.preannotate.readers.sources import find
from adapters.preannotate.records import Chunk
from adapters.preannotate.results import (
    UNKNOWN,
    EncodedChunk,
    LoadedAnnotator,
    merged,
    rejection_lines,
)
from adapters.preannotate.summary import Comparison
from model_store.readers.reading import Reading
from model_store.readers.rows import NanosecondTime, Unreadable
from tests.unit.adapters.preannotate.conftest import LABELS, FakeModel

Controls = Sequence[Control]


def chunk(*rows: Any) -> Chunk:
    return Chunk("a.parquet", 1, "row", range(1, len(rows) + 1), rows, dict)


def encode(
    *rows: Any, controls: Controls, model: FakeModel, truth: str | None = None
) -> EncodedChunk:
    return LoadedAnnotator(controls, truth, model)(chunk(*rows))


def test_tasks_become_lines_and_rejections_name_file_row_and_reason(
    model: FakeModel, controls: Controls
) -> None:
    rows = [{"review": "good"}, Unreadable("is broken"), {"review": "dull", "n": Decimal("1.5")}]
    result = encode(*rows, controls=controls, model=model)
    first, second = (json.loads(line) for line in result.tasks.splitlines())
    assert (first["data"], second["data"]) == (rows[0], {"review": "dull", "n": "1.5"})
    assert (result.task_count, result.row_count) == (2, 3)
    assert json.loads(rejection_lines(result.rejections)) == {
        "file": "a.parquet",
        "row": 2,
        "reason": "is broken",
    }


@pytest.mark.parametrize("value", [b"\xff", b"text", object()])
def test_a_value_that_json_cannot_hold_rejects_only_its_row(
    value: Any, model: FakeModel, controls: Controls
) -> None:
    rows = [{"review": "a", "x": value}, {"review": "b", "day": date(2026, 1, 2)}]
    result = encode(*rows, controls=controls, model=model)
    assert [item.number for item in result.rejections] == [1]
    assert json.loads(result.tasks)["data"] == {"review": "b", "day": "2026-01-02"}


def test_integers_of_more_than_64_bits_and_nanoseconds_are_written_exactly(
    model: FakeModel, controls: Controls
) -> None:
    moment = NanosecondTime(datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC), 6)
    row = {"review": "a", "n": [2**70, {"m": -(2**63) - 1}], "nan": float("nan"), "time": moment}
    (line,) = encode(row, controls=controls, model=model).tasks.splitlines()
    assert json.loads(line)["data"] == {
        **row,
        "nan": None,
        "time": "2024-01-02T03:04:05.000000006+00:00",
    }


def test_objects_that_are_nested_too_deeply_reject_only_their_row(
    model: FakeModel, controls: Controls
) -> None:
    deep: Any = 2**70
    for _ in range(2000):
        deep = [deep]
    rows = [{"review": "a", "x": deep}, {"review": "b"}]
    result = encode(*rows, controls=controls, model=model)
    assert [item.number for item in result.rejections] == [1]


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (b"valid UTF-8", "binary data"),
        (date(2026, 1, 2), "a date or time"),
        (datetime(2026, 1, 2, tzinfo=UTC), "a date or time"),
        (NanosecondTime(timedelta(0), 1), "a date or time"),
        (Decimal("1.5"), "a decimal number"),
        (None, "null"),
    ],
)
def test_the_reason_says_what_a_text_column_holds_instead(
    value: Any, kind: str, model: FakeModel, controls: Controls
) -> None:
    (rejection,) = encode({"review": value}, controls=controls, model=model).rejections
    assert rejection.reason == f'data key "review" holds {kind} instead of text'


@pytest.mark.parametrize(
    "fields", [{"review": "a\0b"}, {"review": "a", "x": [{"y\0": 1}]}, {"review": "a", "z": "\0"}]
)
def test_a_nul_character_is_rejected_at_any_nesting(
    fields: dict[str, Any], model: FakeModel, controls: Controls
) -> None:
    (rejection,) = encode(fields, controls=controls, model=model).rejections
    assert "NUL" in rejection.reason


def test_an_escaped_nul_in_the_text_is_kept(model: FakeModel, controls: Controls) -> None:
    assert encode({"review": r"\u0000"}, controls=controls, model=model).task_count == 1


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
def test_a_truth_is_a_label_or_a_class_number(
    truth: Any, label: str, model: FakeModel, controls: Controls
) -> None:
    result = encode({"review": "good", "y": truth}, controls=controls, model=model, truth="y")
    assert result.confusion == Counter([(label, "Positive")])


def test_a_class_number_of_a_data_set_is_the_class_that_the_data_set_names(
    tmp_path: Path, model: FakeModel, controls: Controls
) -> None:
    names = {"_type": "ClassLabel", "names": ["pos", "neg"]}
    features = {"info": {"features": {"y": names, "z": {"_type": "Value"}}}}
    table = pa.table({"review": ["good", "dull", "so so", "?"], "y": [0, 1, -1, None]})
    table = table.replace_schema_metadata({"huggingface": json.dumps(features)})
    pyarrow.parquet.write_table(table, tmp_path / "a.parquet")
    inputs = Inputs(find([str(tmp_path / "a.parquet")], None, []), Reading(wanted=["review"]))
    (read,) = inputs.chunks()
    predicted = encode(
        *[{"review": row["review"]} for row in table.to_pylist()], controls=controls, model=model
    )
    labels = [
        task["predictions"][0]["result"][0]["value"]["choices"][0]
        for task in map(json.loads, predicted.tasks.splitlines())
    ]
    assert LoadedAnnotator(controls, "y", model)(read).confusion == Counter(
        [("Positive", labels[0]), ("Negative", labels[1]), (UNKNOWN, labels[2])]
    )


@pytest.mark.parametrize("fields", [{}, {"y": ""}, {"y": None}])
def test_a_row_without_truth_is_not_compared(
    fields: dict[str, Any], model: FakeModel, controls: Controls
) -> None:
    assert not encode(
        {"review": "good", **fields}, controls=controls, model=model, truth="y"
    ).confusion


def test_encoded_chunks_survive_bytes_and_merge(model: FakeModel, controls: Controls) -> None:
    rows = [{"review": "good", "y": 0}, {"review": ""}]
    one = encode(*rows, controls=controls, model=model, truth="y")
    assert EncodedChunk.from_bytes(one.to_bytes()) == one
    both = merged([one, one])
    assert (both.task_count, both.row_count) == (2, 4)
    assert both.tasks == one.tasks * 2
    assert both.confusion == Counter({("Negative", "Positive"): 2})
    assert merged([]) == EncodedChunk(b"", 0, [], Counter())


def test_a_comparison_reports_accuracy_and_confusion() -> None:
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
    assert "2 rows have another value" in str(comparison)


def test_a_comparison_without_rows_says_so() -> None:
    comparison = Comparison("y", LABELS, Counter())
    assert comparison.accuracy is None
    assert str(comparison) == 'No row has one of Negative, Positive in "y".'
