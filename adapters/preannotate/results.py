"""A chunk of rows through the step, as the bytes that a run keeps of it."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any, Self

import orjson

from adapters.label_studio.controls import Control
from adapters.preannotate.records import Chunk, Rejection
from adapters.preannotate.step import Annotated, Model, annotate, data_of

_ESCAPED_NUL = b"\\u0000"

UNKNOWN = ""
"""What a truth that is none of the labels is counted as."""

Confusion = Counter[tuple[str, str]]
"""How often: true label, predicted label."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a chunk gave: whole lines of JSON, and what is to be counted."""

    tasks: bytes
    """A line for each task."""
    task_count: int
    rejections: Sequence[Rejection]
    confusion: Confusion
    """Empty without a truth column."""

    @property
    def row_count(self) -> int:
        """Rows of the chunk."""
        return self.task_count + len(self.rejections)

    def to_bytes(self) -> bytes:
        """What `from_bytes` takes: a line of JSON, and the tasks."""
        counts = [[*pair, count] for pair, count in self.confusion.items()]
        rejections = list(map(list, self.rejections))
        head = {"tasks": self.task_count, "rejections": rejections, "confusion": counts}
        return orjson.dumps(head, option=orjson.OPT_APPEND_NEWLINE) + self.tasks

    @classmethod
    def from_bytes(cls, content: bytes) -> Self:
        """What `to_bytes` gave."""
        line, _, tasks = content.partition(b"\n")
        head = orjson.loads(line)
        confusion = Counter({(true, label): count for true, label, count in head["confusion"]})
        rejections = [Rejection(*item) for item in head["rejections"]]
        return cls(tasks, head["tasks"], rejections, confusion)


class NotStorableError(Exception):
    """A task cannot be written as JSON that Label Studio can store; the message says why."""


def result_of(chunk: Chunk, controls: Sequence[Control], model: Model, truth: str | None) -> Result:
    """Annotate the rows of a chunk; compare with the column `truth`, if one is named."""
    lines: list[bytes] = []
    rejections: list[Rejection] = []
    confusion: Confusion = Counter()
    for outcome in annotate(chunk.records(), controls, model):
        if isinstance(outcome, Rejection):
            rejections.append(outcome)
            continue
        try:
            lines.append(_line(outcome.task))
        except NotStorableError as reason:
            record = outcome.record
            rejections.append(Rejection(record.file, record.unit, record.number, str(reason)))
            continue
        if truth is not None:
            confusion.update(_compared(outcome, truth))
    return Result(b"".join(lines), len(lines), rejections, confusion)


def merged(results: Iterable[Result]) -> Result:
    """The results of neighbouring chunks as that of one."""
    every = list(results)
    return Result(
        b"".join(result.tasks for result in every),
        sum(result.task_count for result in every),
        [item for result in every for item in result.rejections],
        sum((result.confusion for result in every), Counter()),
    )


def rejection_lines(rejections: Iterable[Rejection]) -> bytes:
    """A line of JSON for each."""
    return b"".join(
        orjson.dumps(
            {"file": item.file, item.unit: item.number, "reason": item.reason},
            option=orjson.OPT_APPEND_NEWLINE,
        )
        for item in rejections
    )


def _line(task: Mapping[str, Any]) -> bytes:
    try:
        line = orjson.dumps(task, default=_plain, option=orjson.OPT_APPEND_NEWLINE)
    except orjson.JSONEncodeError as error:
        # Its own message can be about any value, so it is not passed on.
        raise NotStorableError(
            "holds a value that JSON cannot: binary data, an integer of more than 64 bits, or "
            "objects too deep in each other"
        ) from error
    if _ESCAPED_NUL in line and _holds_nul(task):
        raise NotStorableError("holds a NUL character, which Label Studio's database refuses")
    return line


def _plain(value: Any) -> str:
    if isinstance(value, Decimal | timedelta):
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


def _compared(annotated: Annotated, column: str) -> Confusion:
    """The pair of labels; nothing where the row has no truth."""
    data = data_of(annotated.record)
    value = data.get(column)
    if value is None or value == "":
        return Counter()
    control, classification = annotated.classified[0]
    return Counter([(_label(value, control), classification.label)])


def _label(value: Any, control: Control) -> str:
    """The label that a truth names: itself, its choice, or the number of its class from 0."""
    named = str(value).strip().casefold()
    for number, (label, option) in enumerate(control.option_of.items()):
        if named in (label.casefold(), option.casefold(), str(number), f"{number}.0"):
            return label
    return UNKNOWN
