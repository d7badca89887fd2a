"""Tasks in, predictions in Label Studio's shape out. Knows no HTTP."""

import hashlib
import logging
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any, NamedTuple, Protocol

from adapters.label_studio.labeling_config import ChoicesControl
from adapters.label_studio.questions import Question, Questions, average
from adapters.label_studio.schemas import Prediction, Region, Task
from adapters.label_studio.task_text import NoTextError, task_text
from adapters.observability.metrics import Metrics
from adapters.server.offloading import offload
from model_store.model.classification import Classification
from model_store.model.classifier import Query
from model_store.model.uncertainty import ScoreKind, score_of

logger = logging.getLogger(__name__)

_INLINE_TASKS = 1000
_INLINE_HTML_BYTES = 100_000
_LOGGED_TASKS = 10


class Runner(Protocol):
    """What the adapter needs of the batcher: `model_store.serving.batching.BatchRunner` has it."""

    async def classify(
        self, queries: Sequence[Query], *, deadline: float | None = None
    ) -> list[list[Classification]]:
        """One result for each query, in order; at the deadline, those that are done."""

    async def is_healthy(self) -> bool:
        """Whether it can answer."""


async def predict(
    tasks: Sequence[Task],
    questions: Questions,
    runner: Runner,
    *,
    project: str | None,
    size: int,
    metrics: Metrics,
    score: ScoreKind = "confidence",
    deadline: float | None = None,
) -> list[Prediction | list[Prediction]]:
    """Predict every served control of every task: one entry per task, in order.

    A task without text for any control gets `[]`; the reason is logged with the task's id. So do
    tasks that were not reached by `deadline`, on the clock of the event loop. `size` is that of the
    tasks in bytes: what would take long on the event loop is done in a thread. `metrics` is told
    what came of it.
    """
    small = len(tasks) <= _INLINE_TASKS and (size <= _INLINE_HTML_BYTES or not questions.is_html)
    subjects, skipped = await offload(_subjects, tasks, questions, inline=small)
    _note_skipped(skipped, project, metrics)
    queries = [Query(subject.text, subject.question.classifiers) for subject in subjects]
    answers = await runner.classify(queries, deadline=deadline)
    reached = _whole_tasks(subjects, len(answers))
    if reached < len(subjects):
        _note_unreached(subjects[reached:], len(tasks), project, metrics)
    answered = list(zip(subjects[:reached], answers[:reached], strict=True))
    results = await offload(_compose, tasks, answered, questions, score, inline=small)
    if metrics.is_on:
        metrics.predicted(project, *await offload(_tally, results, inline=small))
    return results


class _Subject(NamedTuple):
    """What is to be predicted: one control of one task."""

    position: int
    """Of the task, among those of the request."""
    question: Question
    text: str


_Skipped = dict[tuple[str, str], list[str]]
"""By kind and reason, the names of tasks that have no text for a control."""

_Answered = tuple[_Subject, Sequence[Classification]]


def _subjects(tasks: Sequence[Task], questions: Questions) -> tuple[list[_Subject], _Skipped]:
    subjects = []
    skipped: _Skipped = defaultdict(list)
    for position, task in enumerate(tasks):
        for question in questions.questions:
            try:
                text = task_text(task.get("data"), question.control)
            except NoTextError as error:
                skipped[error.kind, str(error)].append(_name(task, position))
            else:
                subjects.append(_Subject(position, question, text))
    return subjects, skipped


def _whole_tasks(subjects: Sequence[_Subject], done: int) -> int:
    """How many of the first `done` subjects are of tasks of which no other is left."""
    while 0 < done < len(subjects) and subjects[done - 1].position == subjects[done].position:
        done -= 1
    return done


def _compose(
    tasks: Sequence[Task], answered: Sequence[_Answered], questions: Questions, score: ScoreKind
) -> list[Prediction | list[Prediction]]:
    results: list[Prediction | list[Prediction]] = [[] for _ in tasks]
    for position, group in groupby(answered, key=lambda pair: pair[0].position):
        task_id = tasks[position].get("id")
        predictions = [
            prediction_of(task_id, classified, version, score=score)
            for version, classified in _by_version(list(group), questions)
        ]
        results[position] = predictions[0] if len(predictions) == 1 else predictions
    return results


def _by_version(
    answered: Sequence[_Answered], questions: Questions
) -> Iterator[tuple[str, list[tuple[ChoicesControl, Classification]]]]:
    """For each version, and their ensemble, what is said of the controls that it serves."""
    for index, version in enumerate(questions.versions):
        classified = [
            (asked.control, answer)
            for subject, answers in answered
            for asked, answer in zip(subject.question.asked, answers, strict=True)
            if asked.version == index
        ]
        if classified:
            yield version, classified
    if questions.ensemble:
        yield (
            questions.ensemble,
            [average(subject.question, answers) for subject, answers in answered],
        )


def _tally(
    results: Sequence[Prediction | list[Prediction]],
) -> tuple[Counter[tuple[str, str]], list[float]]:
    """What was predicted how often, by choice and version, and the scores."""
    found: Counter[tuple[str, str]] = Counter()
    scores = []
    for result in results:
        for prediction in result if isinstance(result, list) else [result]:
            scores.append(prediction["score"])
            for region in prediction["result"]:
                found[region["value"]["choices"][0], prediction["model_version"]] += 1
    return found, scores


def prediction_of(
    task_id: Any,
    classified: Sequence[tuple[ChoicesControl, Classification]],
    version: str,
    *,
    score: ScoreKind = "confidence",
) -> Prediction:
    """The prediction for one task of the controls that were classified, at least one."""
    return {
        "result": [_region(task_id, control, item) for control, item in classified],
        "score": min(score_of(item, score) for _, item in classified),
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


def _note_skipped(skipped: _Skipped, project: str | None, metrics: Metrics) -> None:
    for (kind, reason), ids in skipped.items():
        metrics.abstained(kind, len(ids))
        more = ", ..." if len(ids) > _LOGGED_TASKS else ""
        logger.warning(
            "Project %s, tasks without prediction: %d, %s (tasks %s%s)",
            project,
            len(ids),
            reason,
            ", ".join(ids[:_LOGGED_TASKS]),
            more,
        )


def _note_unreached(
    subjects: Sequence[_Subject], tasks: int, project: str | None, metrics: Metrics
) -> None:
    metrics.partial.add("/predict")
    metrics.abstained("deadline", len(subjects))
    logger.warning(
        "Project %s: the deadline came before %d of %d tasks were predicted: "
        "retrieve predictions again for the rest",
        project,
        len({subject.position for subject in subjects}),
        tasks,
    )
