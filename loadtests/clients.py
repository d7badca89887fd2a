"""The simulated clients: each repeats one action of a user of Label Studio."""

import random
import time
from dataclasses import dataclass
from http import HTTPStatus

from gevent.pool import Group
from locust import User, between, constant, constant_pacing, task
from locust.env import Environment
from locust.exception import StopUser

from loadtests.answers import problem_of_predictions
from loadtests.bodies import (
    annotation_created_bodies,
    predict_bodies,
    setup_body,
    start_training_body,
)
from loadtests.connection import Answer, CallError, call

# Label Studio's time-outs in seconds.
_HEALTH_PATIENCE = 1.0
_SETUP_PATIENCE = 3.0
_WEBHOOK_PATIENCE = 1.0
PREDICT_PATIENCE = 100.0

BATCH = 1000
"""Tasks of a request that overloads a server. With smaller requests, the machine spends more time
on connections and less on predictions."""


def predict_route(task_count: int) -> str:
    """Return the name of a `/predict` request with `task_count` tasks in the statistics."""
    return "/predict (1 task)" if task_count == 1 else f"/predict ({task_count:,} tasks)"


def shed_route(task_count: int) -> str:
    """Return the name of a `/predict` request that an overloaded server rejected with 503."""
    return f"{predict_route(task_count)}, shed"


@dataclass
class _Outcome:
    """The outcome of a call: a response, a problem, or a response with a problem."""

    answer: Answer | None
    milliseconds: float
    problem: str | None

    @property
    def is_shed(self) -> bool:
        """Return whether the server rejected the call with 503 and `Retry-After`."""
        answer = self.answer
        return bool(
            answer and answer.status == HTTPStatus.SERVICE_UNAVAILABLE and answer.retry_after
        )


class _Client(User):
    """Make calls and record them in locust's statistics."""

    abstract = True
    wait_time = constant(0)

    def get_health(self) -> None:
        self._record("/health", self._call("GET", "/health", b"", _HEALTH_PATIENCE))

    def post_setup(self) -> None:
        self._record("/setup", self._call("POST", "/setup", setup_body(), _SETUP_PATIENCE))

    def post_webhook(self) -> None:
        body = random.choice(annotation_created_bodies())
        self._record("/webhook", self._call("POST", "/webhook", body, _WEBHOOK_PATIENCE))

    def post_predict(self, task_count: int, *, may_shed: bool = False) -> None:
        body = random.choice(predict_bodies(task_count))
        outcome = self._call("POST", "/predict", body, PREDICT_PATIENCE)
        if may_shed and outcome.is_shed:
            outcome.problem = None
            self._record(shed_route(task_count), outcome)
        else:
            if outcome.answer and not outcome.problem:
                outcome.problem = problem_of_predictions(outcome.answer.body, task_count)
            self._record(predict_route(task_count), outcome)

    def retrieve(self, task_count: int) -> None:
        """Send the calls of Label Studio's Retrieve Predictions: health, setup, predict."""
        self.get_health()
        self.post_setup()
        self.post_predict(task_count)

    def _call(self, method: str, path: str, body: bytes, patience: float) -> _Outcome:
        started = time.perf_counter()
        try:
            answer = call(str(self.host), method, path, body, patience=patience)
        except CallError as error:
            return _Outcome(None, _milliseconds_since(started), type(error).__name__)
        problem = None if answer.is_ok else f"status {answer.status}"
        return _Outcome(answer, _milliseconds_since(started), problem)

    def _record(self, route: str, outcome: _Outcome) -> None:
        self.environment.events.request.fire(
            request_type="HTTP",
            name=route,
            response_time=outcome.milliseconds,
            response_length=len(outcome.answer.body) if outcome.answer else 0,
            exception=outcome.problem,
            context={},
        )


def _milliseconds_since(started: float) -> float:
    return (time.perf_counter() - started) * 1000


class Annotator(_Client):
    """Open one task after the other, without a pause."""

    @task
    def open_task(self) -> None:
        self.retrieve(1)


class OneTimeAnnotator(_Client):
    """Open one task and leave."""

    @task
    def open_task(self) -> None:
        self.retrieve(1)
        raise StopUser


class LabelStream(_Client):
    """Work through a label stream: read a task for some seconds, then open the next one."""

    wait_time = between(1, 3)

    @task
    def open_next(self) -> None:
        self.retrieve(1)


class Retriever100(_Client):
    """Retrieve the predictions of 100 selected tasks, repeatedly."""

    @task
    def retrieve_selected(self) -> None:
        self.retrieve(100)


class Retriever1000(_Client):
    """Retrieve the predictions of 1,000 selected tasks, repeatedly."""

    @task
    def retrieve_selected(self) -> None:
        self.retrieve(1000)


class Submitter(_Client):
    """Submit an annotation about each second; Label Studio sends an event for it."""

    wait_time = between(0.5, 1.5)

    @task
    def submit(self) -> None:
        self.post_webhook()


class Impatient(_Client):
    """Press Start Training twice a second, so that a training job always runs."""

    wait_time = constant_pacing(0.5)

    @task
    def press(self) -> None:
        outcome = self._call("POST", "/webhook", start_training_body(), PREDICT_PATIENCE)
        self._record("/webhook (START_TRAINING)", outcome)


class Onlooker(_Client):
    """Request `/health` each second."""

    wait_time = constant_pacing(1)

    @task
    def look(self) -> None:
        self.get_health()


class BatchCaller(_Client):
    """Request predictions of `BATCH` tasks, one request after the other."""

    @task
    def predict(self) -> None:
        self.post_predict(BATCH)


class Flood(_Client):
    """Request predictions of `BATCH` tasks `rate` times a second, without waiting for responses."""

    abstract = True
    rate: float

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        self._outstanding = Group()
        self._due = time.monotonic()

    def wait_time(self) -> float:
        self._due += 1 / self.rate
        return max(0, self._due - time.monotonic())

    @task
    def send(self) -> None:
        self._outstanding.spawn(self.post_predict, BATCH, may_shed=True)

    def on_stop(self) -> None:
        self._outstanding.join()
