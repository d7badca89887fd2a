"""How often a new annotation says what the version in force says of the same text.

Annotations that are changed are not looked at: the version may have learned from what they were.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

from adapters.label_studio.events import Changes
from adapters.label_studio.predictions import Runner
from adapters.label_studio.questions import Question, Questions, ask
from adapters.label_studio.task_text import NoTextError, task_text
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
    """Compares annotations with predictions, beside the work that somebody waits for.

    Of an event at most a hundred annotations are compared, and none while the server has several
    other events to compare: it is a sample.
    """

    def __init__(self, registry: Registry, runner: Runner, metrics: Metrics) -> None:
        self._registry = registry
        self._runner = runner
        self._metrics = metrics
        self._running = 0

    async def compare(self, changes: Changes) -> None:
        """Tell the metrics how often each version in force agrees with new annotations."""
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
        questions = ask(changes.label_config or "<View/>", deployment)
        answered = await offload(_answered, changes, questions, inline=not questions.is_html)
        answers = await self._runner.classify(
            [Query(item.text, item.question.classifiers) for item in answered],
            deadline=asyncio.get_running_loop().time() + _SECONDS,
        )
        outcomes: Counter[tuple[str, bool]] = Counter()
        # There are fewer answers than questions if the deadline came.
        for item, by_version in zip(answered, answers, strict=False):
            for asked, answer in zip(item.question.asked, by_version, strict=True):
                agrees = asked.control.choices[answer.label] == item.choice
                outcomes[questions.versions[asked.version], agrees] += 1
        return outcomes


class _Answered(NamedTuple):
    """A question that an annotator has answered."""

    question: Question
    text: str
    choice: str


def _answered(changes: Changes, questions: Questions) -> list[_Answered]:
    return list(islice(_all_answered(changes, questions), _MAX_TEXTS))


def _all_answered(changes: Changes, questions: Questions) -> Iterator[_Answered]:
    data = {task.id: task.data for task in changes.tasks}
    for annotation in changes.annotations:
        for question in () if annotation.cancelled else questions.questions:
            chosen = annotation.choices.get(question.control.name, ())
            if len(chosen) == 1:
                try:
                    text = task_text(data.get(annotation.task), question.control)
                except NoTextError:
                    continue
                yield _Answered(question, text, chosen[0])
