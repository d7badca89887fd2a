"""All metrics of a server, for Prometheus. Bounded, and never with the text of a task.

A worker has one `Metrics`, which is handed to all parts that report something. `/metrics` sums the
metrics of all workers, whichever of them answers.
"""

import asyncio
import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

import psutil
from prometheus_client import CollectorRegistry
from prometheus_client.multiprocess import mark_process_dead

from adapters.observability.instruments import (
    OTHER,
    Bounded,
    Counter,
    Gauge,
    Histogram,
    Instrument,
)
from adapters.observability.metrics_folder import VARIABLE
from model_store.model.stages import ENCODE, MODEL, QUEUE, TOKENIZE, Batch

NO_PROJECT = "none"
ABSTENTIONS: Final = ("missing", "empty", "no text", "no control", "deadline")
"""Reasons for a task without prediction: its data lacks the key, or holds nothing or no text there;
the labeling config has no supported control; the deadline came first."""
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

_TENTHS = tuple(tenth / 10 for tenth in range(1, 11))
_SCORES = (*_TENTHS[:-1], 0.95, 0.99, 1.0)
_TEXTS = tuple(2**n for n in range(9))
_TOKENS = tuple(2**n for n in range(4, 16))
_SHORT = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5, 10, 60)
_LONG = (0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 100)
_JOBS = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 900, 1800, 3600)
_ALERTED = {
    "/": (503,),
    "/health": (503,),
    "/setup": (500,),
    "/predict": (500, 503, 504),
    "/classify": (500, 503, 504),
    "/webhook": (400, 401, 413, 422, 500, 503),
}
_REQUEST = ("endpoint", "service_name", "service_version", "runner_name")


class Metrics:
    """The metrics of one worker. Without a registry they are off, and cost nothing."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self._service = ("", "", "")
        self._projects = Bounded(_MAX_PROJECTS)
        self._labels = Bounded(_MAX_LABELS)
        self._versions = Bounded(_MAX_VERSIONS)
        self.is_on = registry is not None
        self._task: asyncio.Task[None] | None = None
        self.predictions = Counter(
            registry,
            "sentiment_predictions_total",
            "Predictions: one for each control, text and version; project is none for /classify.",
            ("project", "label", "version"),
        )
        self.scores = Histogram(
            registry,
            "sentiment_prediction_score",
            "Scores of the predictions of a task or text, as SENTIMENT_SCORE defines them.",
            _SCORES,
        )
        self.distances = Histogram(
            registry,
            "sentiment_text_distance",
            "How far texts are from those that the model learned from: 0.5 is usual for these, 1 "
            "the farthest. Only of predictions by a model that was not trained for the project.",
            _TENTHS,
            ("project",),
        )
        self.abstentions = Counter(
            registry,
            "sentiment_abstentions_total",
            "Controls without a prediction, by reason; tasks, if no control is supported.",
            ("reason",),
            [(reason,) for reason in ABSTENTIONS],
        )
        self.batch_texts = Histogram(
            registry,
            "sentiment_batch_texts",
            "Texts in a batch.",
            _TEXTS,
        )
        self.batch_tokens = Histogram(
            registry, "sentiment_batch_tokens", "Tokens in a batch.", _TOKENS
        )
        self.stages = Histogram(
            registry,
            "sentiment_stage_seconds",
            "Time by stage: queue (part of a request), tokenize and model (batch), "
            "encode the response (request).",
            _SHORT,
            ("stage",),
        )
        self.queue_tokens = Gauge(
            registry, "sentiment_queue_tokens", "Estimated tokens of queued and running requests."
        )
        self.queue_requests = Gauge(
            registry, "sentiment_queue_requests", "Queued and running requests that need the model."
        )
        self.queue_limit = Gauge(
            registry,
            "sentiment_queue_limit_tokens",
            "Tokens at which further requests are rejected, over all workers.",
        )
        self.shed = Counter(
            registry,
            "sentiment_requests_shed_total",
            "Requests rejected with 503 because the queue was full.",
            start=[()],
        )
        self.partial = Counter(
            registry,
            "sentiment_requests_partial_total",
            "Requests answered partially at the deadline.",
            ("endpoint",),
            [(route,) for route in PARTIAL_ROUTES],
        )
        self.events = Counter(
            registry,
            "sentiment_webhook_events_total",
            "Webhook events from Label Studio, by action.",
            ("action",),
            [(action,) for action in (*ACTIONS, OTHER)],
        )
        self.annotations = Counter(
            registry,
            "sentiment_annotations_total",
            "Changes of annotations that were stored.",
            ("change",),
            [(change,) for change in CHANGES],
        )
        self.agreement = Counter(
            registry,
            "sentiment_annotations_compared_total",
            "New annotations, by whether the active version predicts the same.",
            ("version", "agrees"),
        )
        self.jobs = Counter(
            registry,
            "sentiment_jobs_total",
            "Training jobs, by the states that they reached.",
            ("state",),
            [(state,) for state in STATES],
        )
        self.job_seconds = Histogram(
            registry,
            "sentiment_job_seconds",
            "Duration of a training job.",
            _JOBS,
            ("state",),
        )
        self.requests = Counter(
            registry,
            "bentoml_service_request_total",
            "Requests, by route and status; BentoML's metric, by route instead of path.",
            (*_REQUEST, "http_response_code"),
        )
        self.request_seconds = Histogram(
            registry,
            "bentoml_service_request_duration_seconds",
            "Time from the head of a request to the end of its response.",
            _LONG,
            (*_REQUEST, "http_response_code"),
        )
        self.in_progress = Gauge(
            registry,
            "bentoml_service_request_in_progress",
            "Requests that are running.",
            _REQUEST,
        )
        self.instruments: tuple[Instrument, ...] = tuple(
            item for item in vars(self).values() if isinstance(item, (Counter, Histogram, Gauge))
        )

    def predicted(
        self,
        project: str | None,
        found: Mapping[tuple[str, str], int],
        scores: Iterable[float],
        distances: Sequence[float] = (),
    ) -> None:
        """Count the predictions of a request by label and version; observe the other numbers."""
        name = self._projects(project or NO_PROJECT)
        for (label, version), number in found.items():
            self.predictions.add(name, self._labels(label), self._versions(version), amount=number)
        self.scores.observe_all(scores)
        if distances:
            self.distances.observe_all(distances, name)

    def abstained(self, reason: str, number: int = 1) -> None:
        """Count tasks without a prediction; `reason` is one of ABSTENTIONS."""
        self.abstentions.add(reason, amount=number)

    def batch(self, batch: Batch) -> None:
        """Observe a batch."""
        self.batch_texts.observe(batch.texts)
        self.batch_tokens.observe(batch.tokens)
        self.stages.observe_all(batch.waits, QUEUE)
        self.stages.observe(batch.tokenizing, TOKENIZE)
        self.stages.observe(batch.model, MODEL)

    def encoded(self, seconds: float) -> None:
        """Observe the time that it took to encode a response."""
        self.stages.observe(seconds, ENCODE)

    def event(self, action: str) -> None:
        """Count an event of Label Studio."""
        self.events.add(action if action in ACTIONS else OTHER)

    def kept(self, **changes: int) -> None:
        """Count stored changes of annotations, by CHANGES."""
        for change, number in changes.items():
            self.annotations.add(change, amount=number)

    def compared(self, outcomes: Mapping[tuple[str, bool], int]) -> None:
        """Count new annotations by version, and whether it predicted the same."""
        for (version, agrees), number in outcomes.items():
            self.agreement.add(self._versions(version), str(agrees).lower(), amount=number)

    def job(self, state: str, seconds: float | None = None) -> None:
        """Count a state that a training job reached; observe its duration if the state is final."""
        self.jobs.add(state)
        if seconds is not None:
            self.job_seconds.observe(seconds, state)

    def name_service(self, *names: str) -> None:
        """Set the labels that BentoML gives to a service: Bento, version and service name.

        Series that alerts watch start with 0: the rate of a series that starts with 1 is 0.
        """
        bento, version, service = names
        self._service = (bento, version, service)
        for endpoint, statuses in _ALERTED.items():
            for status in statuses:
                self.requests.add(endpoint, *self._service, str(status), amount=0)

    def began(self, endpoint: str) -> None:
        """Count a request that begins."""
        self.in_progress.add(1, endpoint, *self._service)

    def ended(self, endpoint: str, status: int, seconds: float) -> None:
        """Count a request that has ended, and observe its duration."""
        names = (endpoint, *self._service)
        self.in_progress.add(-1, *names)
        self.requests.add(*names, str(status))
        self.request_seconds.observe(seconds, *names, str(status))

    def flush(self) -> None:
        """Write everything buffered to Prometheus' client."""
        for instrument in self.instruments:
            instrument.flush()

    def start(self) -> None:
        """Start to flush once a second."""
        if self.is_on:
            _drop_gauges_of_dead_workers()
            self._task = asyncio.create_task(self._flush_forever())

    async def stop(self) -> None:
        """Flush for the last time, and stop."""
        if self._task:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
            self.flush()

    async def _flush_forever(self) -> None:
        while True:
            self.flush()
            await asyncio.sleep(_FLUSH_SECONDS)


def _drop_gauges_of_dead_workers() -> None:
    """Remove the gauges of killed workers, which Prometheus' client would still add up."""
    folder = os.environ.get(VARIABLE)
    if folder:
        pids = {path.stem.rpartition("_")[2] for path in Path(folder).glob("gauge_live*.db")}
        for pid in pids:
            if pid.isdigit() and not psutil.pid_exists(int(pid)):
                mark_process_dead(int(pid))  # type: ignore[no-untyped-call]
