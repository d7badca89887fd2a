"""Tasks in, predictions in Label Studio's shape out. Knows no HTTP."""

import hashlib
import logging
from collections import defaultdict
from collections.abc import Sequence
from itertools import groupby
from typing import Any, NamedTuple, Protocol

from adapters.label_studio.labeling_config import ChoicesControl, LabelingConfig
from adapters.label_studio.schemas import Prediction, Region, Task
from adapters.label_studio.task_text import NoTextError, task_text
from adapters.offloading import offload
from model_store.types import Classification

logger = logging.getLogger(__name__)

_INLINE_TASKS = 1000
_INLINE_HTML_BYTES = 100_000
_LOGGED_TASKS = 10


class Model(Protocol):
    """What the adapter needs of the model: `model_store.batching.BatchRunner` has it."""

    @property
    def version(self) -> str:
        """The version in force."""

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels it predicts."""

    async def classify(
        self, texts: Sequence[str], *, deadline: float | None = None
    ) -> list[Classification]:
        """One classification for each text, in order; at the deadline, those that are done."""

    async def is_healthy(self) -> bool:
        """Whether it can answer."""


async def predict(
    tasks: Sequence[Task],
    config: LabelingConfig,
    model: Model,
    *,
    project: int | None,
    size: int,
    deadline: float | None = None,
) -> list[Prediction | list[Prediction]]:
    """Predict every served control of every task: one entry per task, in order.

    A task without text for any control gets `[]`; the reason is logged with the task's id. So do
    tasks that were not reached by `deadline`, on the clock of the event loop. `size` is that of the
    tasks in bytes: what would take long on the event loop is done in a thread.
    """
    version = model.version
    is_html = any(control.is_html for control in config.controls)
    small = len(tasks) <= _INLINE_TASKS and (size <= _INLINE_HTML_BYTES or not is_html)
    subjects, skipped = await offload(_subjects, tasks, config, inline=small)
    _log_skipped(skipped, project)
    texts = [subject.text for subject in subjects]
    classifications = await model.classify(texts, deadline=deadline)
    reached = _whole_tasks(subjects, len(classifications))
    if reached < len(subjects):
        _log_unreached(subjects[reached:], len(tasks), project)
    classified = list(zip(subjects[:reached], classifications[:reached], strict=True))
    return await offload(_compose, tasks, classified, version, inline=small)


class _Subject(NamedTuple):
    """What is to be predicted: one control of one task."""

    position: int
    """Of the task, among those of the request."""
    control: ChoicesControl
    text: str


def _subjects(
    tasks: Sequence[Task], config: LabelingConfig
) -> tuple[list[_Subject], dict[str, list[str]]]:
    """Also, by reason, the ids of tasks that have no text for a control."""
    subjects = []
    skipped: dict[str, list[str]] = defaultdict(list)
    for position, task in enumerate(tasks):
        for control in config.controls:
            try:
                text = task_text(task.get("data"), control)
            except NoTextError as reason:
                skipped[str(reason)].append(_name(task, position))
            else:
                subjects.append(_Subject(position, control, text))
    return subjects, skipped


def _whole_tasks(subjects: Sequence[_Subject], done: int) -> int:
    """How many of the first `done` subjects are of tasks of which no other is left."""
    while 0 < done < len(subjects) and subjects[done - 1].position == subjects[done].position:
        done -= 1
    return done


def _compose(
    tasks: Sequence[Task], classified: Sequence[tuple[_Subject, Classification]], version: str
) -> list[Prediction | list[Prediction]]:
    results: list[Prediction | list[Prediction]] = [[] for _ in tasks]
    for position, group in groupby(classified, key=lambda pair: pair[0].position):
        results[position] = prediction_of(
            tasks[position].get("id"),
            [(subject.control, classification) for subject, classification in group],
            version,
        )
    return results


def prediction_of(
    task_id: Any, classified: Sequence[tuple[ChoicesControl, Classification]], version: str
) -> Prediction:
    """The prediction for one task of the controls that were classified, at least one."""
    regions = [_region(task_id, control, item) for control, item in classified]
    return {
        "result": regions,
        "score": min(region["score"] for region in regions),
        "model_version": version,
    }


def _region(task_id: Any, control: ChoicesControl, classification: Classification) -> Region:
    return {
        "id": _region_id(task_id, control),
        "from_name": control.name,
        "to_name": control.to_name,
        "type": "choices",
        "value": {"choices": [control.choices[classification.label]]},
        "score": classification.score,
    }


def _region_id(task_id: Any, control: ChoicesControl) -> str:
    """Ten hex digits: the same for the same task and control, whenever it is asked for."""
    key = f"{task_id}:{control.name}"
    return hashlib.blake2s(key.encode("utf-8", "surrogatepass"), digest_size=5).hexdigest()


def _name(task: Task, position: int) -> str:
    """What a log calls a task: an id that is no number could be anything, even a review."""
    task_id = task.get("id")
    return str(task_id) if type(task_id) is int else f"number {position + 1}"


def _log_skipped(skipped: dict[str, list[str]], project: int | None) -> None:
    for reason, ids in skipped.items():
        more = ", ..." if len(ids) > _LOGGED_TASKS else ""
        logger.warning(
            "Project %s, tasks without prediction: %d, %s (tasks %s%s)",
            project,
            len(ids),
            reason,
            ", ".join(ids[:_LOGGED_TASKS]),
            more,
        )


def _log_unreached(subjects: Sequence[_Subject], tasks: int, project: int | None) -> None:
    logger.warning(
        "Project %s: the deadline came before %d of %d tasks were predicted: "
        "retrieve predictions again for the rest",
        project,
        len({subject.position for subject in subjects}),
        tasks,
    )
