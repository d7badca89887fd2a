"""Annotate a chunk of rows and encode the tasks as lines of JSON.

Every engine sends an `Annotator` to its workers; they load it and call it with chunks.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Self

import orjson

from adapters.label_studio.controls import Control
from adapters.preannotate.duplicates import COLUMN, with_signature
from adapters.preannotate.errors import LabelingConfigError
from adapters.preannotate.model import ModelReference
from adapters.preannotate.records import Chunk, Rejection
from adapters.preannotate.step import Annotated, Model, annotate, data_of
from model_store.readers import exact_json
from model_store.readers.labels import NO_LABEL, class_of
from model_store.readers.rows import NanosecondTime
from model_store.wording import shown

_ESCAPED_NUL = b"\\u0000"

UNKNOWN = ""
"""The label of a truth that names no label."""

Confusion = Counter[tuple[str, str]]
"""Number of rows by true label and predicted label."""


@dataclass(frozen=True)
class Annotator:
    """The labeling config, the model and the options of a run. Can be pickled."""

    model: ModelReference
    label_config: str
    """The labeling config, as XML."""
    controls: Sequence[Control]
    """The controls to predict; at least one."""
    truth: str | None
    """The column to compare predictions with."""
    with_evidence: bool = False
    """Whether predictions have regions for the words that speak for them."""
    with_duplicates: bool = False
    """Whether tasks have signatures, by which those with nearly the same text are grouped."""

    @classmethod
    def of(
        cls,
        model: ModelReference,
        label_config: str,
        truth: str | None,
        *,
        with_evidence: bool = False,
        with_duplicates: bool = False,
    ) -> Self:
        """Find the controls to predict.

        Raises LabelingConfigError if there are none, or none for the evidence that is asked for.
        """
        config = model.labeling_config(label_config)
        if not config.controls:
            raise LabelingConfigError(config.problems)
        if truth is not None and config.controls[0].kind == "multiple":
            name = shown(config.controls[0].name)
            raise LabelingConfigError(
                [f'"{name}" takes any number of choices, which --truth does not compare.']
            )
        if with_evidence:
            check_evidence(config.controls)
        return cls(model, label_config, config.controls, truth, with_evidence, with_duplicates)

    @property
    def columns(self) -> list[str]:
        """The columns that the labeling config reads texts from."""
        return [key for control in self.controls for key in control.data_keys]

    @property
    def labels(self) -> Sequence[str]:
        """The labels of the first control, which the truth is compared with."""
        return tuple(self.controls[0].option_of)

    def key(self) -> dict[str, Any]:
        """Return what determines the predictions, to compare two runs by."""
        return {
            "label_config": hashlib.sha256(self.label_config.encode()).hexdigest(),
            "model": self.model.version,
            "truth": self.truth,
            # Only where it is asked for: a run of an earlier release can be resumed.
            **({"evidence": True} if self.with_evidence else {}),
            **({"duplicates": True} if self.with_duplicates else {}),
        }

    def load(self, compiled: Path | None) -> "LoadedAnnotator":
        """Load the model: see `ModelReference.load`."""
        return LoadedAnnotator(
            self.controls,
            self.truth,
            self.model.load(compiled),
            self.with_evidence,
            self.with_duplicates,
        )


@dataclass(frozen=True, slots=True)
class EncodedChunk:
    """The tasks of a chunk as lines of JSON, its rejected rows, and counts."""

    tasks: bytes
    """One line per task."""
    task_count: int
    rejections: Sequence[Rejection]
    confusion: Confusion
    """The counts of truth and prediction; empty without a truth column."""
    consumed: int = 0
    """Bytes of all inputs read up to the end of the chunk."""

    @property
    def row_count(self) -> int:
        """Number of rows in the chunk."""
        return self.task_count + len(self.rejections)

    def to_bytes(self) -> bytes:
        """Encode all but `consumed`: a header line of JSON, then the tasks."""
        head = {
            "tasks": self.task_count,
            "rejections": list(map(list, self.rejections)),
            "confusion": confusion_to_json(self.confusion),
        }
        return orjson.dumps(head, option=orjson.OPT_APPEND_NEWLINE) + self.tasks

    @classmethod
    def from_bytes(cls, content: bytes, consumed: int = 0) -> Self:
        """Decode the output of `to_bytes`."""
        line, _, tasks = content.partition(b"\n")
        head = orjson.loads(line)
        rejections = [Rejection(*item) for item in head["rejections"]]
        confusion = confusion_from_json(head["confusion"])
        return cls(tasks, head["tasks"], rejections, confusion, consumed)


@dataclass(frozen=True)
class LoadedAnnotator:
    """An annotator with its model in memory."""

    controls: Sequence[Control]
    truth: str | None
    model: Model
    with_evidence: bool = False
    with_duplicates: bool = False

    def __call__(self, chunk: Chunk) -> EncodedChunk:
        """Annotate and encode the rows of a chunk, and compare them with the truth column."""
        lines: list[bytes] = []
        rejections: list[Rejection] = []
        confusion: Confusion = Counter()
        outcomes = annotate(
            chunk.records(), self.controls, self.model, with_evidence=self.with_evidence
        )
        for outcome in outcomes:
            if isinstance(outcome, Rejection):
                rejections.append(outcome)
                continue
            try:
                lines.append(_line(self._grouped(outcome)))
            except _NotStorableError as reason:
                record = outcome.record
                rejections.append(Rejection(record.file, record.unit, record.number, str(reason)))
                continue
            if self.truth is not None:
                names = chunk.class_names.get(self.truth, ())
                confusion.update(_compared(outcome, self.truth, names))
        return EncodedChunk(b"".join(lines), len(lines), rejections, confusion, chunk.consumed)

    def _grouped(self, outcome: Annotated) -> Mapping[str, Any]:
        """Return a task, with the signature of its text if tasks are to be grouped."""
        if not self.with_duplicates:
            return outcome.task
        data = outcome.task["data"]
        if COLUMN in data:
            raise _NotStorableError(f'has a field "{COLUMN}" already')
        return {**outcome.task, "data": with_signature(data, outcome.classified[0][0])}


def check_evidence(controls: Sequence[Control]) -> None:
    """Raise LabelingConfigError if no control shows the words that speak for a prediction."""
    if not any(control.evidence for control in controls):
        problem = (
            "The labeling config has no place for evidence: add a Labels control, of a HyperText "
            'object a HyperTextLabels control, with name="evidence" and the toName of the choices.'
        )
        raise LabelingConfigError([problem])


class _NotStorableError(Exception):
    """A task is not valid JSON for Label Studio; the message says why."""


def merged(chunks: Iterable[EncodedChunk]) -> EncodedChunk:
    """Join consecutive chunks into one."""
    every = list(chunks)
    return EncodedChunk(
        b"".join(chunk.tasks for chunk in every),
        sum(chunk.task_count for chunk in every),
        [item for chunk in every for item in chunk.rejections],
        sum((chunk.confusion for chunk in every), Counter()),
        every[-1].consumed if every else 0,
    )


def rejection_lines(rejections: Iterable[Rejection]) -> bytes:
    """Encode rejections as lines of JSON."""
    return b"".join(
        orjson.dumps(
            {"file": item.file, item.unit: item.number, "reason": item.reason},
            option=orjson.OPT_APPEND_NEWLINE,
        )
        for item in rejections
    )


def confusion_to_json(confusion: Confusion) -> list[list[Any]]:
    """Return a list `[true label, predicted label, count]` for each pair."""
    return [[*pair, count] for pair, count in confusion.items()]


def confusion_from_json(pairs: Iterable[Sequence[Any]]) -> Confusion:
    """Decode the output of `confusion_to_json`."""
    return Counter({(true, predicted): count for true, predicted, count in pairs})


def _line(task: Mapping[str, Any]) -> bytes:
    try:
        line = exact_json.dumps(task, _plain) + b"\n"
    except orjson.JSONEncodeError as error:
        # orjson's own message can contain data.
        raise _NotStorableError(
            "holds a value that JSON cannot: binary data, or objects nested too deeply"
        ) from error
    if _ESCAPED_NUL in line and _holds_nul(task):
        raise _NotStorableError("holds a NUL character, which Label Studio's database refuses")
    return line


def _plain(value: Any) -> str:
    if isinstance(value, Decimal | timedelta | NanosecondTime):
        return str(value)
    raise TypeError


def _holds_nul(value: Any) -> bool:
    match value:
        case str():
            return "\0" in value
        case dict():
            return any(_holds_nul(key) or _holds_nul(item) for key, item in value.items())
        case list() | tuple():
            return any(map(_holds_nul, value))
    return False


def _compared(annotated: Annotated, column: str, class_names: Sequence[str]) -> Confusion:
    """Count the pair of true and predicted label; nothing if the row has no truth."""
    value = data_of(annotated.record).get(column)
    if isinstance(value, int) and 0 <= value < len(class_names):
        value = class_names[value]
    control, classification = annotated.classified[0]
    number = class_of(value, list(control.option_of.items()))
    if number == NO_LABEL:
        return Counter()
    label = UNKNOWN if number is None else tuple(control.option_of)[number]
    return Counter([(label, classification.label)])
