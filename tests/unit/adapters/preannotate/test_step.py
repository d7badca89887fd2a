"""The step turns records into tasks with predictions."""

from collections.abc import Sequence
from typing import Any

from adapters.label_studio import labeling_config
from adapters.label_studio.controls import Control
from adapters.preannotate.records import Record, Rejection
from adapters.preannotate.step import Annotated, annotate
from tests.unit.adapters.preannotate.conftest import CONFIG, LABELS, FakeModel

TWO_CONTROLS = """<View><Text name="t1" value="$title"/><Text name="t2" value="$body"/>
<Choices name="c1" toName="t1"><Choice value="Good" alias="Positive"/>
<Choice value="Bad" alias="Negative"/></Choices>
<Choices name="c2" toName="t2"><Choice value="Positive"/><Choice value="Negative"/></Choices>
</View>"""


def controls(xml: str) -> Sequence[Control]:
    return labeling_config.parse(xml, labeling_config.Labels(LABELS)).controls


def record(number: int, **fields: Any) -> Record:
    return Record("reviews.csv", "line", number, f"1:{number}", fields)


def tasks_of(*records: Record | Rejection, config: str = CONFIG) -> list[Any]:
    outcomes = annotate(records, controls(config), FakeModel())
    return [item.task if isinstance(item, Annotated) else item for item in outcomes]


def test_a_record_becomes_a_task_as_in_the_tutorial() -> None:
    (task,) = tasks_of(record(2, id="7", review="good", stars=""))
    (prediction,) = task["predictions"]
    (region,) = prediction["result"]
    region_id = region.pop("id")
    assert len(region_id) == 10
    assert task == {
        "data": {"id": "7", "review": "good", "stars": ""},
        "predictions": [
            {
                "model_version": "fake:1",
                "score": 1 - 1 / 6,
                "result": [
                    {
                        "from_name": "sentiment",
                        "to_name": "text",
                        "type": "choices",
                        "value": {"choices": ["Positive"]},
                    }
                ],
            }
        ],
    }


def test_region_ids_differ_between_rows_and_are_reproducible() -> None:
    rows = [record(2, review="a"), record(3, review="a")]
    ids = [task["predictions"][0]["result"][0]["id"] for task in tasks_of(*rows)]
    again = [task["predictions"][0]["result"][0]["id"] for task in tasks_of(*rows)]
    assert len(set(ids)) == 2
    assert ids == again


def test_a_task_keeps_its_id_its_fields_and_the_predictions_of_other_versions() -> None:
    other = {"model_version": "other", "result": []}
    (task,) = tasks_of(
        record(
            1,
            id=12,
            data={"review": "bad"},
            meta={"source": "x"},
            predictions=[other, {"model_version": "fake:1"}, 55],
        )
    )
    assert (task["id"], task["meta"]) == (12, {"source": "x"})
    kept, ours = task["predictions"]
    assert kept == other
    assert ours["result"][0]["value"] == {"choices": ["Negative"]}


def test_a_record_without_text_is_rejected_in_its_place() -> None:
    already = Rejection("reviews.csv", "line", 3, "is ragged")
    first, second, third, fourth = tasks_of(
        record(2, review=" "), already, record(4, text="x"), record(5, review="good")
    )
    assert first == Rejection("reviews.csv", "line", 2, 'data key "review" is empty')
    assert second == already
    assert third.reason == 'data key "review" is missing'
    assert fourth["data"] == {"review": "good"}


def test_a_record_with_a_text_for_one_of_two_controls_gets_that_prediction() -> None:
    both, one = tasks_of(
        record(1, title="good", body="dull"), record(2, title="", body="good"), config=TWO_CONTROLS
    )
    (prediction,) = both["predictions"]
    assert [item["from_name"] for item in prediction["result"]] == ["c1", "c2"]
    assert prediction["score"] == 1 - 1 / 6
    (prediction,) = one["predictions"]
    assert [item["from_name"] for item in prediction["result"]] == ["c2"]


def test_no_records_give_no_tasks() -> None:
    assert tasks_of() == []
