"""Turn tasks into predictions in Label Studio's format. Knows no HTTP."""

import logging
from collections import Counter, defaultdict
from collections.abc import Sequence
from itertools import groupby
from typing import Any, Protocol

from adapters.label_studio.controls import Control, answers_in
from adapters.label_studio.evidence import evidence_regions, region_id
from adapters.label_studio.schemas import Prediction, Region, Task
from adapters.label_studio.served_config import ServedConfig
from adapters.label_studio.task_text import Skipped, Subject, subjects
from adapters.label_studio.withholding import is_withheld, withheld
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
    """Classifies texts; `model_store.serving.batching.BatchRunner` implements it."""

    async def classify(
        self, queries: Sequence[Query], *, deadline: float | None = None
    ) -> list[list[Classification]]:
        """Return one result for each query, in order; at the deadline, only the finished ones."""

    async def is_healthy(self) -> bool:
        """Return whether the model can answer."""


async def predict(
    tasks: Sequence[Task],
    served: ServedConfig,
    runner: Runner,
    *,
    project: str | None,
    size: int,
    metrics: Metrics,
    score: ScoreKind = "confidence",
    deadline: float | None = None,
    withhold: float = 0.0,
) -> list[Prediction | list[Prediction]]:
    """Predict every served control of every task: one entry per task, in order.

    A task without text for any control gets `[]`, and the log names the reason and the task's id.
    So does a task that is not reached by `deadline`, a time on the clock of the event loop. `size`
    is the size of the tasks in bytes: large requests are processed in a thread. `withhold` is the
    share of the project's tasks whose predictions have a score and no answer. Records the outcome
    in `metrics`.
    """
    small = len(tasks) <= _INLINE_TASKS and (size <= _INLINE_HTML_BYTES or not served.is_html)
    found, skipped = await offload(_subjects, tasks, served, inline=small)
    if skipped:
        _note_skipped(tasks, skipped, project, metrics)
    queries = [
        Query(
            item.text,
            served.by_control[item.control.name].classifiers,
            with_evidence=item.control.evidence is not None,
        )
        for item in found
    ]
    answers = await runner.classify(queries, deadline=deadline)
    reached = _whole_tasks(found, len(answers))
    if reached < len(found):
        _note_unreached(found[reached:], len(tasks), project, metrics)
    answered = list(zip(found[:reached], answers[:reached], strict=True))
    results = await offload(_compose, tasks, answered, served, score, inline=small)
    if metrics.is_on:
        counted, scores = await offload(_tally, results, inline=small)
        metrics.predicted(project, counted, scores, _distances(answers))
    if withhold and project:
        return [
            _withheld(each) if is_withheld(project, task.get("id"), withhold) else each
            for task, each in zip(tasks, results, strict=True)
        ]
    return results


def _withheld(result: Prediction | list[Prediction]) -> Prediction | list[Prediction]:
    return [withheld(each) for each in result] if isinstance(result, list) else withheld(result)


_Answered = tuple[Subject, Sequence[Classification]]
"""A subject and the answers of the versions that serve its control."""

_Classified = tuple[Control, Classification]


def _subjects(tasks: Sequence[Task], served: ServedConfig) -> tuple[list[Subject], list[Skipped]]:
    return subjects([task.get("data") for task in tasks], served.controls)


def _whole_tasks(found: Sequence[Subject], done: int) -> int:
    """Return the number of leading subjects, at most `done`, whose tasks are complete."""
    while 0 < done < len(found) and found[done - 1].position == found[done].position:
        done -= 1
    return done


def _compose(
    tasks: Sequence[Task], answered: Sequence[_Answered], served: ServedConfig, score: ScoreKind
) -> list[Prediction | list[Prediction]]:
    results: list[Prediction | list[Prediction]] = [[] for _ in tasks]
    for position, of_task in groupby(answered, key=lambda pair: pair[0].position):
        task = tasks[position]
        predictions = [
            prediction_of(task.get("id"), task.get("data"), classified, version, score=score)
            for version, classified in _by_version(list(of_task), served).items()
        ]
        results[position] = predictions[0] if len(predictions) == 1 else predictions
    return results


def _by_version(of_task: Sequence[_Answered], served: ServedConfig) -> dict[str, list[_Classified]]:
    """Return the predictions of each version, and of the ensemble, for the controls of one task."""
    found: dict[str, list[tuple[Control, Classification]]] = {
        version: [] for version in served.versions
    }
    for subject, answers in of_task:
        predictors = served.by_control[subject.control.name].predictors
        for predictor, answer in zip(predictors, answers, strict=True):
            found[predictor.version].append((predictor.control, answer))
    if served.ensemble:
        found[served.ensemble] = [
            served.by_control[subject.control.name].average(answers) for subject, answers in of_task
        ]
    return {version: classified for version, classified in found.items() if classified}


def _distances(answers: Sequence[Sequence[Classification]]) -> list[float]:
    """Return the distances of all texts that have one."""
    found = ([item.distance for item in each if item.distance is not None] for each in answers)
    return [distances[0] for distances in found if distances]


def _tally(
    results: Sequence[Prediction | list[Prediction]],
) -> tuple[Counter[tuple[str, str]], list[float]]:
    """Count predictions by option and version, and collect the scores of all predictions."""
    found: Counter[tuple[str, str]] = Counter()
    scores = []
    for result in results:
        for prediction in result if isinstance(result, list) else [result]:
            scores.append(prediction["score"])
            version = prediction["model_version"]
            for region in prediction["result"]:
                for option in answers_in(region) or ():
                    found[option, version] += 1
    return found, scores


def prediction_of(
    task_id: Any,
    data: Any,
    classified: Sequence[_Classified],
    version: str,
    *,
    score: ScoreKind = "confidence",
) -> Prediction:
    """Return the prediction of a version for one task, with a region for each control.

    data: of the task. classified: at least one control with its classification. A control of which
    no option is taken has no region. Regions for evidence come after the answers.
    """
    return {
        "result": [
            *(
                _region(task_id, control, taken, item.score)
                for control, item in classified
                if (taken := control.taken(item))
            ),
            *(
                region
                for control, item in classified
                for region in evidence_regions(task_id, data, control, item)
            ),
        ],
        "score": min(score_of(item, score) for _, item in classified),
        "model_version": version,
    }


def _region(task_id: Any, control: Control, answers: Sequence[str], score: float) -> Region:
    return {
        "id": region_id(task_id, control.name),
        "from_name": control.name,
        "to_name": control.to_name,
        "type": control.region_type,
        "value": control.value_of(answers),
        "score": score,
    }


def _name(task: Task, position: int) -> str:
    """Return the name of a task for the log: an id that is not a number could be private text."""
    task_id = task.get("id")
    return str(task_id) if type(task_id) is int else f"number {position + 1}"


def _note_skipped(
    tasks: Sequence[Task], skipped: Sequence[Skipped], project: str | None, metrics: Metrics
) -> None:
    by_reason: dict[tuple[str, str], list[int]] = defaultdict(list)
    for position, kind, reason in skipped:
        by_reason[kind, reason].append(position)
    for (kind, reason), positions in by_reason.items():
        metrics.abstained(kind, len(positions))
        names = [_name(tasks[position], position) for position in positions[:_LOGGED_TASKS]]
        logger.warning(
            "Project %s, tasks without prediction: %d, %s (tasks %s%s)",
            project,
            len(positions),
            reason,
            ", ".join(names),
            ", ..." if len(positions) > _LOGGED_TASKS else "",
        )


def _note_unreached(
    unreached: Sequence[Subject], tasks: int, project: str | None, metrics: Metrics
) -> None:
    metrics.partial.add("/predict")
    metrics.abstained("deadline", len(unreached))
    logger.warning(
        "Project %s: the deadline came before %d of %d tasks were predicted: "
        "retrieve predictions again for the rest",
        project,
        len({subject.position for subject in unreached}),
        tasks,
    )
