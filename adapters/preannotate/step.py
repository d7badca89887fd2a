"""Turn records into tasks with predictions: the step that every engine runs.

It is pure: it reads and writes no files, and returns the same tasks for the same records.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from adapters.label_studio.controls import CONTROLS, Control
from adapters.label_studio.predictions import prediction_of
from adapters.label_studio.schemas import Task
from adapters.label_studio.task_text import subjects
from adapters.preannotate.records import Record, Rejection
from model_store.model.classification import Classification


class Model(Protocol):
    """The model as the step uses it; `model.LoadedModel` implements it."""

    @property
    def version(self) -> str:
        """The model version that the predictions name."""

    def classify(
        self, subjects: Sequence[tuple[Control, str]], *, with_evidence: bool
    ) -> list[Classification]:
        """Classify each text for its control; return one classification per text, in order.

        with_evidence: whether to say which words speak for it, where a control shows them.
        """


@dataclass(frozen=True, slots=True)
class Annotated:
    """A task with its prediction, its record and its classifications."""

    record: Record
    task: Task
    classified: Sequence[tuple[Control, Classification]]
    """The classifications of the controls that have a text; at least one."""


def annotate(
    records: Iterable[Record | Rejection],
    controls: Sequence[Control],
    model: Model,
    *,
    with_evidence: bool = False,
) -> list[Annotated | Rejection]:
    """Predict every control of every record; return one entry for each record, in order.

    A record with an object `data` is a task: it keeps its other fields and its predictions of other
    versions. Any other record becomes the data of a new task. A record without text for any control
    is rejected.
    """
    rows = list(records)
    data = (None if isinstance(row, Rejection) else data_of(row) for row in rows)
    found, skipped = subjects(data, controls)
    results = model.classify(
        [(subject.control, subject.text) for subject in found], with_evidence=with_evidence
    )
    classified: dict[int, list[tuple[Control, Classification]]] = {}
    for subject, result in zip(found, results, strict=True):
        classified.setdefault(subject.position, []).append((subject.control, result))
    reasons = {item.position: item.reason for item in skipped}
    outcomes: list[Annotated | Rejection] = []
    for position, row in enumerate(rows):
        if isinstance(row, Rejection):
            outcomes.append(row)
        elif position in classified:
            outcomes.append(_annotated(row, classified[position], model.version))
        else:
            outcomes.append(Rejection(row.file, row.unit, row.number, reasons[position]))
    return outcomes


def data_of(record: Record) -> Any:
    """Return the data of a record's task: its `data` if that is an object, else all its fields."""
    data = record.fields.get("data")
    return data if isinstance(data, dict) else record.fields


def _annotated(
    record: Record, classified: Sequence[tuple[Control, Classification]], version: str
) -> Annotated:
    data = data_of(record)
    is_task = data is not record.fields
    # The region ids of a record without an id depend on its position: equal in every run.
    prediction = prediction_of(
        record.fields.get("id", record.key) if is_task else record.key, data, classified, version
    )
    ours = {
        "model_version": prediction["model_version"],
        "score": prediction["score"],
        "result": [
            # Only the fields that Label Studio's own tutorial writes; the weight of evidence, too.
            {
                name: value
                for name, value in region.items()
                if name != "score" or region["type"] not in CONTROLS
            }
            for region in prediction["result"]
        ],
    }
    if not is_task:
        return Annotated(record, {"data": data, "predictions": [ours]}, classified)
    others = _others(record.fields.get("predictions"), version)
    return Annotated(record, {**record.fields, "predictions": [*others, ours]}, classified)


def _others(predictions: Any, version: str) -> list[Any]:
    """Return the predictions of other versions; drop bare ids, which an import cannot use."""
    if not isinstance(predictions, list):
        return []
    return [
        item
        for item in predictions
        if isinstance(item, dict) and item.get("model_version") != version
    ]
