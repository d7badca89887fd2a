"""Measure how often new annotations agree with the deployed versions.

Looks only at created annotations. The versions may have been trained on an earlier state of
annotations that were changed.
"""

import asyncio
import logging
from collections import Counter
from itertools import islice
from typing import NamedTuple

from adapters.label_studio.controls import Control
from adapters.label_studio.events import Annotation, Changes
from adapters.label_studio.predictions import Runner
from adapters.label_studio.served_config import ServedConfig, ServedControl, read_config
from adapters.label_studio.task_text import subjects
from adapters.observability.metrics import Metrics
from adapters.server.offloading import offload
from model_store.errors import ModelStoreError
from model_store.model.classifier import Query
from model_store.serving.registry import Registry

logger = logging.getLogger(__name__)

_MAX_TEXTS = 100
_MAX_AT_ONCE = 8
_SECONDS = 5.0


class Agreement:
    """Compares new annotations with predictions, after the response to their event.

    It takes a sample: at most a hundred texts of an event, and no event while eight others are
    being compared.
    """

    def __init__(self, registry: Registry, runner: Runner, metrics: Metrics) -> None:
        self._registry = registry
        self._runner = runner
        self._metrics = metrics
        self._running = 0

    async def compare(self, changes: Changes) -> None:
        """Count in the metrics how often each deployed version agrees with new annotations."""
        if not changes.annotations or self._running >= _MAX_AT_ONCE:
            return
        self._running += 1
        try:
            self._metrics.compared(await self._outcomes(changes))
        except ModelStoreError as error:
            logger.warning("Project %s: annotations not compared: %s", changes.project, error)
        finally:
            self._running -= 1

    async def _outcomes(self, changes: Changes) -> Counter[tuple[str, bool]]:
        deployment = self._registry.deployment(changes.project)
        served = await read_config(changes.label_config, deployment)
        comparisons = await offload(_comparisons, changes, served, inline=not served.is_html)
        answers = await self._runner.classify(
            [Query(item.text, item.served.classifiers) for item in comparisons],
            deadline=asyncio.get_running_loop().time() + _SECONDS,
        )
        outcomes: Counter[tuple[str, bool]] = Counter()
        # At the deadline there are fewer answers than texts.
        for item, of_text in zip(comparisons, answers, strict=False):
            for predictor, answer in zip(item.served.predictors, of_text, strict=True):
                agrees = set(predictor.control.taken(answer)) == set(item.answers)
                outcomes[predictor.version, agrees] += 1
        return outcomes


class _Comparison(NamedTuple):
    """A text, and what an annotator answered for a control."""

    served: ServedControl
    text: str
    answers: tuple[str, ...]


def _comparisons(changes: Changes, served: ServedConfig) -> list[_Comparison]:
    data = {task.id: task.data for task in changes.tasks}
    answered = (
        annotation
        for annotation in changes.annotations
        if any(_answer(annotation, control) is not None for control in served.controls)
    )
    sample = list(islice(answered, _MAX_TEXTS))
    found, _ = subjects((data.get(item.task) for item in sample), served.controls)
    comparisons = [
        _Comparison(served.by_control[item.control.name], item.text, answers)
        for item in found
        if (answers := _answer(sample[item.position], item.control)) is not None
    ]
    return comparisons[:_MAX_TEXTS]


def _answer(annotation: Annotation, control: Control) -> tuple[str, ...] | None:
    """Return the answer for a control; None if the task was skipped, or has none."""
    return None if annotation.cancelled else control.given(annotation.answers)
