"""The HTTP routes that Label Studio calls. Each validates, delegates and responds."""

import asyncio
import json
import logging
import re
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

import orjson
from pydantic import BaseModel, ValidationError
from starlette.applications import Starlette
from starlette.background import BackgroundTasks
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from adapters.label_studio import schemas
from adapters.label_studio.controls import Control
from adapters.label_studio.events import Changes, EventError, is_storable, project_key
from adapters.label_studio.marks import MarkRemover
from adapters.label_studio.predictions import Runner, predict
from adapters.label_studio.served_config import read_config
from adapters.label_studio.shown_version import ShownVersions
from adapters.label_studio.webhook_secret import REFUSAL, WebhookSecret
from adapters.observability.metrics import Metrics
from adapters.observability.problem_log import ProblemLog
from adapters.server.limits import RETRY_AFTER_SECONDS
from adapters.server.offloading import offload
from model_store.errors import DatabaseError, ModelStoreError
from model_store.model.stages import ENCODE, record
from model_store.model.uncertainty import ScoreKind
from model_store.serving.registry import Registry
from model_store.wording import shown

logger = logging.getLogger(__name__)

MODEL_CLASS = "SentimentCNN"
_INLINE_BYTES = 1024 * 1024
_NOTHING = "Nothing to store."
_NO_PROJECT = (
    "No project has such a key: it is the number, a point, and a Unix time; see GET /jobs."
)
_NO_DATABASE = (
    "The database cannot be used right now, so nothing was stored or read; predictions go on. "
    "See the server log for the reason."
)

R = TypeVar("R", bound=BaseModel)


class Job(Protocol):
    """A training job, with the attributes of `schemas.JobResponse`."""

    @property
    def id(self) -> str:
        """Its id."""

    @property
    def state(self) -> str:
        """Its state: queued, running, or how it ended."""

    @property
    def reasons(self) -> Sequence[str]:
        """The reasons for its end, in sentences."""


class Suspect(Protocol):
    """A judgement, with the attributes of `schemas.SuspectResponse`."""

    @property
    def task(self) -> int:
        """The id of the task."""

    @property
    def control(self) -> str:
        """The name of the control."""


class Learning(Protocol):
    """The learning loop for the routes: `adapters.learning.coordinator` implements it."""

    async def record(self, event: Mapping[str, Any]) -> Changes:
        """Store the annotations of an event; raises EventError."""

    async def train(self, project: str) -> Job:
        """Queue a training job for a project; return it, or the one that is queued or running."""

    async def needed(self, project: str, controls: Sequence[Control]) -> list[str]:
        """Return for each control that cannot be trained yet how many annotations it needs."""

    async def choose(self, project: str, models: Sequence[str], *, ensemble: bool) -> None:
        """Deploy these versions for a project."""

    async def jobs(self, project: str | None) -> Sequence[Job]:
        """Return the last jobs, the newest first."""

    async def job(self, job_id: str) -> Job | None:
        """Return the job with this id, or None."""

    async def suspects(self, project: str) -> Sequence[Suspect]:
        """Return what people should look at, the least likely annotation first."""

    async def budget(self, project: str) -> Mapping[str, Any]:
        """Return what a project still needs, as `schemas.BudgetResponse`."""


@dataclass(frozen=True)
class Backend:
    """The parts that the routes call."""

    runner: Runner
    registry: Registry
    learning: Learning
    compare: Callable[[Changes], Awaitable[None]]
    """Compare new annotations with predictions, after the response."""
    deadline: float = 80.0
    """Seconds after which `/predict` answers with the predictions so far."""
    score: ScoreKind = "confidence"
    metrics: Metrics = field(default_factory=Metrics)
    secret: WebhookSecret = field(default_factory=WebhookSecret)
    """The secret that events must carry."""
    withhold: float = 0.0
    """The share of the tasks whose predictions have no answer, to measure what seeing one does."""
    shown: ShownVersions | None = None
    """Makes Label Studio show the predictions of the version that serves a project."""
    marks: MarkRemover | None = None
    """Removes the marks of tasks that were annotated."""
    problems: ProblemLog = field(default_factory=lambda: ProblemLog(logger))


Endpoint = Callable[[Request, Backend], Awaitable[Response]]
Page = Callable[[Request], Awaitable[Response]]


class _BadRequestError(Exception):
    """A request body that is malformed, with the response it gets."""

    def __init__(self, status: int, body: schemas.ErrorResponse) -> None:
        super().__init__(body.error)
        self.status = status
        self.body = body


class _Handler:
    """An endpoint as an ASGI app, which needs no router and no middleware around it.

    Expected errors become responses here: 400 or 422 for a malformed body, 503 with `Retry-After`
    while the model cannot answer.
    """

    def __init__(self, endpoint: Endpoint, backend: Backend) -> None:
        self._endpoint = endpoint
        self._backend = backend

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            response = await self._endpoint(Request(scope, receive), self._backend)
        except _BadRequestError as error:
            response = _json(error.body, error.status)
        except ModelStoreError as error:
            retry = {"Retry-After": str(RETRY_AFTER_SECONDS)}
            response = _json(schemas.ErrorResponse(error=self._told(error)), 503, retry)
        except ClientDisconnect:
            response = Response(status_code=499)  # not read by anybody
        await response(scope, receive, send)

    def _told(self, error: ModelStoreError) -> str:
        """Return what a caller may know of an error: not where the database is."""
        if isinstance(error, DatabaseError):
            logger.warning("%s was answered with 503: %s", self._endpoint.__name__, error)
            return _NO_DATABASE
        return str(error)


def create_app(backend: Backend, page: Page | None = None) -> Starlette:
    """Return the ASGI app of the protocol; the parts of `backend` may still be starting.

    page: what a browser gets at `/`.
    """

    async def home(request: Request, backend: Backend) -> Response:
        if page and "text/html" in request.headers.get("accept", ""):
            return await page(request)
        return await health(request, backend)

    def route(path: str, endpoint: Endpoint, method: str) -> Route:
        handler = _Handler(endpoint, backend)
        return Route(path, handler, methods=[method], name=endpoint.__name__)

    return Starlette(
        routes=[
            route("/", home, "GET"),
            route("/health", health, "GET"),
            route("/setup", setup, "POST"),
            route("/predict", predict_tasks, "POST"),
            route("/versions", versions, "GET"),
            route("/webhook", webhook, "POST"),
            route("/jobs", jobs, "GET"),
            route("/jobs/{job_id}", job, "GET"),
            route("/projects/{key}/suspects", suspects, "GET"),
            route("/projects/{key}/budget", budget, "GET"),
        ],
        exception_handlers={HTTPException: _on_http_error},
    )


async def health(_: Request, backend: Backend) -> Response:
    """`GET /health` and `GET /`: UP, or DOWN with 503 when the model cannot answer."""
    if await backend.runner.is_healthy():
        return _json(schemas.HealthResponse(status="UP", model_class=MODEL_CLASS))
    return _json(schemas.HealthResponse(status="DOWN", model_class=MODEL_CLASS), 503)


async def setup(request: Request, backend: Backend) -> Response:
    """`POST /setup`: the active version, and the supported controls of the labeling config."""
    body = await _read(request, schemas.SetupRequest)
    served = await read_config(body.label_config, backend.registry.deployment(body.project))
    config = served.config
    problems = list(config.problems)
    if body.project:
        if config.untrained:
            problems += await backend.learning.needed(body.project, config.untrained)
        if "extra_params" in body.model_fields_set:  # Label Studio always sends them.
            problems += await _choose(body.project, body.extra_params, backend)
        if backend.shown:
            backend.shown.notice(body.project)
            problems += backend.shown.advice(served.versions[0]) if served.controls else []
    backend.problems.report(body.project, "/setup", problems)
    return _json(
        schemas.SetupResponse(
            model_version=served.versions[0],
            controls=[control.name for control in config.controls],
            problems=problems,
        )
    )


async def _choose(project: str, extra_params: Any, backend: Backend) -> list[str]:
    """Deploy the versions that `extra_params` names; return the problems with them."""
    try:
        wanted = schemas.ExtraParams.model_validate(extra_params)
    except ValidationError as error:
        return [
            ": ".join(["extra_params", *map(str, item["loc"]), f"{item['msg']}."])
            for item in error.errors(include_url=False, include_input=False)[:3]
        ]
    unknown = [name for name in wanted.models if not backend.registry.knows(name)]
    if unknown:
        return [
            f'extra_params: version "{shown(name)}" does not exist and is left out.'
            for name in unknown
        ]
    if backend.registry.chosen(project) != (tuple(wanted.models), wanted.ensemble):
        await backend.learning.choose(project, wanted.models, ensemble=wanted.ensemble)
    return []


async def predict_tasks(request: Request, backend: Backend) -> Response:
    """`POST /predict`: one result for each task, in order."""
    deadline = asyncio.get_running_loop().time() + backend.deadline
    body = await _read(request, schemas.PredictRequest)
    served = await read_config(body.label_config, backend.registry.deployment(body.project))
    if not served.controls:
        backend.problems.report(body.project, "/predict", served.config.problems)
        backend.metrics.abstained("no control", len(body.tasks))
    results = await predict(
        body.tasks,
        served,
        backend.runner,
        project=body.project,
        size=len(await request.body()),
        metrics=backend.metrics,
        score=backend.score,
        deadline=deadline,
        withhold=backend.withhold,
    )
    if backend.shown and body.project:
        backend.shown.notice(body.project, is_predicting=True)
    answer: schemas.PredictResponse = {"results": results}
    start = time.perf_counter()
    content = orjson.dumps(answer)
    backend.metrics.encoded(record(ENCODE, start))
    return Response(content, media_type="application/json")


async def versions(_: Request, backend: Backend) -> Response:
    """`GET /versions`: the versions that predictions can carry."""
    return _json(schemas.VersionsResponse(versions=backend.registry.names()))


async def webhook(request: Request, backend: Backend) -> Response:
    """`POST /webhook`: store the annotations of an event, or queue a training job."""
    body = await _read(request, schemas.WebhookRequest)
    backend.metrics.event(body.action)
    try:
        if body.action == "START_TRAINING":
            training = await backend.learning.train(project_key(body.project))
            return _json(
                schemas.TrainingResponse(
                    action=body.action,
                    job=training.id,
                    detail=" ".join(
                        [f"State of the training job: {training.state}.", *training.reasons]
                    ),
                )
            )
        if not backend.secret.admits(request):
            return _json(schemas.ErrorResponse(error=REFUSAL), 403)
        changes = await backend.learning.record(dict(body))
    except EventError as error:
        backend.problems.report(_project_of(body), body.action, [f"Refused an event: {error}"])
        raise _BadRequestError(422, schemas.ErrorResponse(error=str(error))) from None
    detail = f"Stored: {len(changes)} changes of annotations." if changes else _NOTHING
    if changes.malformed:
        malformed = f"Malformed items that were skipped: {changes.malformed}."
        logger.warning("Project %s: %s: %s", changes.project, body.action, malformed)
        detail = f"{detail} {malformed}"
    answer = _json(schemas.WebhookResponse(action=body.action, detail=detail))
    # After the response, for which an annotator waits.
    afterwards = BackgroundTasks()
    if backend.metrics.is_on:
        skipped = sum(annotation.cancelled for annotation in changes.annotations)
        annotated, deleted = len(changes.annotations) - skipped, len(changes.deleted_annotations)
        backend.metrics.kept(annotated=annotated, skipped=skipped, deleted=deleted)
        if body.action.endswith("_CREATED"):
            afterwards.add_task(backend.compare, changes)
    if backend.marks:
        afterwards.add_task(backend.marks.remove, changes)
    answer.background = afterwards
    return answer


def _project_of(event: schemas.WebhookRequest) -> str | None:
    try:
        return project_key(event.project)
    except EventError:
        return None


async def jobs(request: Request, backend: Backend) -> Response:
    """`GET /jobs`: the last training jobs, newest first; of one project with `?project=`."""
    project = request.query_params.get("project")
    found = await backend.learning.jobs(project) if is_storable(project or "") else []
    return _json(schemas.JobsResponse(jobs=[_job(item) for item in found]))


async def job(request: Request, backend: Backend) -> Response:
    """`GET /jobs/{id}`: the progress of a training job, or its result."""
    job_id = request.path_params["job_id"]
    found = await backend.learning.job(job_id) if is_storable(job_id) else None
    if found is None:
        return _json(schemas.ErrorResponse(error="There is no such job: see GET /jobs."), 404)
    return _json(_job(found))


async def suspects(request: Request, backend: Backend) -> Response:
    """`GET /projects/{key}/suspects`: annotations that are likely wrong, and disputed tasks."""
    if (key := project_in(request)) is None:
        return _json(schemas.ErrorResponse(error=_NO_PROJECT), 404)
    found = [
        schemas.SuspectResponse.model_validate(item, from_attributes=True)
        for item in await backend.learning.suspects(key)
    ]
    return _json(schemas.SuspectsResponse(suspects=found))


async def budget(request: Request, backend: Backend) -> Response:
    """`GET /projects/{key}/budget`: what a project still needs."""
    if (key := project_in(request)) is None:
        return _json(schemas.ErrorResponse(error=_NO_PROJECT), 404)
    return _json(schemas.BudgetResponse.model_validate(await backend.learning.budget(key)))


def project_in(request: Request) -> str | None:
    """Return the project in the path, if it can be one."""
    key = str(request.path_params["key"])
    return key if re.fullmatch(schemas.PROJECT_PATTERN, key) else None


def _job(item: Job) -> schemas.JobResponse:
    return schemas.JobResponse.model_validate(item, from_attributes=True)


async def _read(request: Request, model: type[R]) -> R:
    """Parse the body as `model`; 400 if it is not JSON, 422 if it has another shape."""
    content = await request.body()
    return await offload(_validate, content, model, inline=len(content) <= _INLINE_BYTES)


def _validate(content: bytes, model: type[R]) -> R:
    try:
        return model.model_validate(_parse_json(content))
    except ValidationError as error:
        raise _BadRequestError(
            422,
            schemas.ErrorResponse(
                error=f"The request is not a valid {model.__name__}: see detail for the fields.",
                detail=[
                    schemas.ErrorDetail(loc=list(item["loc"]), msg=item["msg"])
                    for item in error.errors(include_url=False, include_input=False)[:10]
                ],
            ),
        ) from None
    except (ValueError, RecursionError) as error:
        raise _BadRequestError(
            400, schemas.ErrorResponse(error=f"The request body is not JSON: {error}.")
        ) from None


def _parse_json(content: bytes) -> Any:
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:
        # Python's own parser accepts lone surrogates, which Label Studio passes on.
        return json.loads(content)


def _json(body: BaseModel, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(body.model_dump_json(), status, headers, media_type="application/json")


async def _on_http_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    body = schemas.ErrorResponse(error=f"{error.detail}.")
    return _json(body, error.status_code, dict(error.headers or {}))
