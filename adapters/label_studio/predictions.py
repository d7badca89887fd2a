"""Tasks in, predictions in Label Studio's shape out. Knows no HTTP."""

import hashlib
import logging
from collections import defaultdict
from collections.abc import Sequence
from typing import Protocol

from adapters.label_studio.labeling_config import ChoicesControl, LabelingConfig
from adapters.label_studio.schemas import ChoicesValue, Prediction, Region, Task
from adapters.label_studio.task_text import NoTextError, task_text
from model_store.types import Classification

logger = logging.getLogger(__name__)

_LOGGED_TASKS = 10


class Model(Protocol):
    """What the adapter needs of the model: `model_store.batching.BatchRunner` has it."""

    @property
    def version(self) -> str:
        """The version in force."""

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels it predicts."""

    async def classify(self, texts: Sequence[str]) -> list[Classification]:
        """One classification for each text, in order."""

    async def is_healthy(self) -> bool:
        """Whether it can answer."""


async def predict(
    tasks: Sequence[Task], config: LabelingConfig, model: Model, *, project: str | int | None
) -> list[Prediction | list[Prediction]]:
    """Predict every served control of every task: one entry per task, in order.

    A task without text for any control gets `[]`; the reason is logged with the task's id.
    """
    version = model.version
    wanted: list[tuple[int, ChoicesControl]] = []
    texts: list[str] = []
    skipped: dict[str, list[str]] = defaultdict(list)
    for position, task in enumerate(tasks):
        for control in config.controls:
            try:
                texts.append(task_text(task.data, control))
            except NoTextError as reason:
                skipped[str(reason)].append(str(task.id))
            else:
                wanted.append((position, control))
    _log_skipped(skipped, project)

    regions: dict[int, list[Region]] = defaultdict(list)
    classifications = await model.classify(texts)
    for (position, control), classification in zip(wanted, classifications, strict=True):
        regions[position].append(_region(tasks[position], control, classification))
    return [
        Prediction(
            result=regions[position],
            score=min(region.score for region in regions[position]),
            model_version=version,
        )
        if position in regions
        else []
        for position in range(len(tasks))
    ]


def _region(task: Task, control: ChoicesControl, classification: Classification) -> Region:
    return Region(
        id=_region_id(task, control),
        from_name=control.name,
        to_name=control.to_name,
        value=ChoicesValue(choices=[control.choices[classification.label]]),
        score=classification.score,
    )


def _region_id(task: Task, control: ChoicesControl) -> str:
    """Ten hex digits: the same for the same task and control, whenever it is asked for."""
    return hashlib.blake2s(f"{task.id}:{control.name}".encode(), digest_size=5).hexdigest()


def _log_skipped(skipped: dict[str, list[str]], project: str | int | None) -> None:
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
