"""What is measured for Prometheus beyond what BentoML measures. Bounded, and never a text.

A server has one `Metrics`; everything that has something to tell is given it. BentoML sums up what
the workers have told, whichever of them is asked for `/metrics`.
"""

import asyncio
import os
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

import psutil
from prometheus_client import CollectorRegistry
from prometheus_client.multiprocess import mark_process_dead

from adapters.observability.instruments import (
    OTHER,
    Bounded,
    Count,
    Distribution,
    Instrument,
    Level,
)
from model_store.model.stages import ENCODE, MODEL, QUEUE, TOKENIZE, Batch

NO_PROJECT = "none"
ABSTENTIONS: Final = ("missing", "empty", "no text", "no control", "deadline")
"""Why a task gets no prediction: its data has no such key, nothing or no text there; the labeling
config has no control that is served; the deadline came first."""
ACTIONS: Final = (
    "ANNOTATION_CREATED",
    "ANNOTATIONS_CREATED",
    "ANNOTATION_UPDATED",
    "ANNOTATIONS_DELETED",
    "TASKS_CREATED",
    "TASKS_DELETED",
    "PROJECT_UPDATED",
    "START_TRAINING",
)
CHANGES: Final = ("annotated", "skipped", "deleted")
STATES: Final = (*("running", "promoted", "refused", "too few annotations", "failed", "killed"),)
PARTIAL_ROUTES: Final = ("/predict", "/classify")

_MAX_PROJECTS = 100
_MAX_LABELS = 100
_MAX_VERSIONS = 200
_FLUSH_SECONDS = 1.0

_SCORES = (*(tenth / 10 for tenth in range(1, 10)), 0.95, 0.99, 1.0)
_TEXTS = tuple(2**n for n in range(9))
_TOKENS = tuple(2**n for n in range(4, 16))
_SHORT = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5, 10, 60)
_LONG = (0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 100)
_JOBS = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 900, 1800, 3600)
_ALARMING = {
    "/": (503,),
    "/health": (503,),
    "/setup": (500,),
    "/predict": (500, 503, 504),
    "/classify": (500, 503, 504),
    "/webhook": (400, 401, 413, 422, 500, 503),
}
_REQUEST = ("endpoint", "service_name", "service_version", "runner_name")


class Metrics:
    """The metrics of one worker; without a registry they are off, and cost nothing."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self._service = ("", "", "")
        self._projects = Bounded(_MAX_PROJECTS)
        self._labels = Bounded(_MAX_LABELS)
        self._versions = Bounded(_MAX_VERSIONS)
        self.is_on = registry is not None
        self._task: asyncio.Task[None] | None = None
        self.predictions = Count(
            registry,
            "sentiment_predictions_total",
            "Predictions, by control, text and version; of /classify as project none.",
            ("project", "label", "version"),
        )
        self.scores = Distribution(
            registry,
            "sentiment_prediction_score",
            "Scores of these predictions, of a task or text each, as SENTIMENT_SCORE means them.",
            _SCORES,
        )
        self.abstentions = Count(
            registry,
            "sentiment_abstentions_total",
            "Controls of tasks without a prediction, by reason; tasks, where no control is served.",
            ("reason",),
            [(reason,) for reason in ABSTENTIONS],
        )
        self.batch_texts = Distribution(
            registry,
            "sentiment_batch_texts",
            "Texts that went through the network at once.",
            _TEXTS,
        )
        self.batch_tokens = Distribution(
            registry, "sentiment_batch_tokens", "Tokens that they had.", _TOKENS
        )
        self.stages = Distribution(
            registry,
            "sentiment_stage_seconds",
            "Time in the queue (of a piece of a request), for tokenizing and in the model "
            "(of a batch), and for writing the answer (of a request).",
            _SHORT,
            ("stage",),
        )
        self.queue_tokens = Level(
            registry, "sentiment_queue_tokens", "Tokens of the requests in work, as reckoned."
        )
        self.queue_requests = Level(
            registry, "sentiment_queue_requests", "Requests in work that need the network."
        )
        self.queue_limit = Level(
            registry,
            "sentiment_queue_limit_tokens",
            "Tokens in work from which on requests are refused, of all workers together.",
        )
        self.shed = Count(
            registry,
            "sentiment_requests_shed_total",
            "Requests refused with 503 because there was too much work.",
            start=[()],
        )
        self.partial = Count(
            registry,
            "sentiment_requests_partial_total",
            "Requests answered in part, because the deadline came.",
            ("endpoint",),
            [(route,) for route in PARTIAL_ROUTES],
        )
        self.events = Count(
            registry,
            "sentiment_webhook_events_total",
            "Events of Label Studio, by action.",
            ("action",),
            [(action,) for action in (*ACTIONS, OTHER)],
        )
        self.annotations = Count(
            registry,
            "sentiment_annotations_total",
            "Changes of annotations that were kept.",
            ("change",),
            [(change,) for change in CHANGES],
        )
        self.agreement = Count(
            registry,
            "sentiment_annotations_compared_total",
            "New annotations by whether the version in force says the same of their text.",
            ("version", "agrees"),
        )
        self.jobs = Count(
            registry,
            "sentiment_jobs_total",
            "Trainings by the states that they came to.",
            ("state",),
            [(state,) for state in STATES],
        )
        self.job_seconds = Distribution(
            registry,
            "sentiment_job_seconds",
            "Time from the beginning of a training to its end.",
            _JOBS,
            ("state",),
        )
        self.requests = Count(
            registry,
            "bentoml_service_request_total",
            "Requests, by route; as BentoML counts them, but for routes instead of paths.",
            (*_REQUEST, "http_response_code"),
        )
        self.request_seconds = Distribution(
            registry,
            "bentoml_service_request_duration_seconds",
            "Time from a request's head to the end of its answer.",
            _LONG,
            (*_REQUEST, "http_response_code"),
        )
        self.in_progress = Level(
            registry,
            "bentoml_service_request_in_progress",
            "Requests that are not answered yet.",
            _REQUEST,
        )
        self.instruments: tuple[Instrument, ...] = tuple(
            item for item in vars(self).values() if isinstance(item, (Count, Distribution, Level))
        )

    def predicted(
        self, project: str | None, found: Mapping[tuple[str, str], int], scores: Iterable[float]
    ) -> None:
        """Predictions of one request, by label and version, and the scores of its tasks."""
        name = self._projects(project or NO_PROJECT)
        for (label, version), number in found.items():
            self.predictions.add(name, self._labels(label), self._versions(version), amount=number)
        self.scores.add_all(scores)

    def abstained(self, reason: str, number: int = 1) -> None:
        """Tasks without a prediction, for one of ABSTENTIONS."""
        self.abstentions.add(reason, amount=number)

    def batch(self, batch: Batch) -> None:
        """A batch that went through the network."""
        self.batch_texts.add(batch.texts)
        self.batch_tokens.add(batch.tokens)
        self.stages.add_all(batch.waits, QUEUE)
        self.stages.add(batch.tokenizing, TOKENIZE)
        self.stages.add(batch.model, MODEL)

    def encoded(self, seconds: float) -> None:
        """The answer of a request was written."""
        self.stages.add(seconds, ENCODE)

    def event(self, action: str) -> None:
        """An event of Label Studio."""
        self.events.add(action if action in ACTIONS else OTHER)

    def kept(self, **changes: int) -> None:
        """Annotations that were kept, by CHANGES."""
        for change, number in changes.items():
            self.annotations.add(change, amount=number)

    def compared(self, outcomes: Mapping[tuple[str, bool], int]) -> None:
        """Annotations by version, and whether that said the same."""
        for (version, agrees), number in outcomes.items():
            self.agreement.add(self._versions(version), str(agrees).lower(), amount=number)

    def job(self, state: str, seconds: float | None = None) -> None:
        """A training came to a state; `seconds` after its beginning, if that ended it."""
        self.jobs.add(state)
        if seconds is not None:
            self.job_seconds.add(seconds, state)

    def name_service(self, *names: str) -> None:
        """Say how BentoML names the service: its Bento, that one's version, the service itself.

        What is alarming is counted from 0 on: the rate of a series that begins with 1 is 0.
        """
        bento, version, service = names
        self._service = (bento, version, service)
        for endpoint, statuses in _ALARMING.items():
            for status in statuses:
                self.requests.add(endpoint, *self._service, str(status), amount=0)

    def began(self, endpoint: str) -> None:
        """A request has come."""
        self.in_progress.add(1, endpoint, *self._service)

    def ended(self, endpoint: str, status: int, seconds: float) -> None:
        """A request has been answered."""
        names = (endpoint, *self._service)
        self.in_progress.add(-1, *names)
        self.requests.add(*names, str(status))
        self.request_seconds.add(seconds, *names, str(status))

    def flush(self) -> None:
        """Let Prometheus see all that was told."""
        for instrument in self.instruments:
            instrument.flush()

    def start(self) -> None:
        """Flush once a second from now on."""
        if self.is_on:
            _bury_dead_workers()
            self._task = asyncio.create_task(self._flush_for_ever())

    async def stop(self) -> None:
        """Flush for the last time."""
        if self._task:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
            self.flush()

    async def _flush_for_ever(self) -> None:
        while True:
            self.flush()
            await asyncio.sleep(_FLUSH_SECONDS)


def _bury_dead_workers() -> None:
    """Let the gauges of workers that were killed count no more."""
    folder = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    if folder:
        pids = Counter(path.stem.rpartition("_")[2] for path in Path(folder).glob("gauge_live*.db"))
        for pid in pids:
            if pid.isdigit() and not psutil.pid_exists(int(pid)):
                mark_process_dead(int(pid))  # type: ignore[no-untyped-call]
