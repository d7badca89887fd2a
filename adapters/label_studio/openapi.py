"""The OpenAPI document of the whole server, at `/docs.json`: these routes and BentoML's own."""

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import orjson
from pydantic import TypeAdapter
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from adapters.label_studio import schemas

DOCUMENT_PATH = "/docs.json"
_REFERENCE = "#/components/schemas/{model}"
_JSON = "application/json"
_TAG = "Label Studio"
_TITLE = "Sentiment backend for Label Studio"
_ABOUT = """The routes that Label Studio calls of an ML backend, and `/classify` for other clients.
If the server uses basic authentication, only the health probes answer without credentials."""

_PROJECT = "1.1795547700"
_VERSION = "sentiment-cnn:b99666f290d4dc80"
_CONFIG = (
    '<View><Text name="text" value="$review"/><Choices name="sentiment" toName="text">'
    '<Choice value="Positive"/><Choice value="Negative"/></Choices></View>'
)
_REGION = {
    "from_name": "sentiment",
    "to_name": "text",
    "type": "choices",
    "value": {"choices": ["Positive"]},
}
_TASK = {"id": 7, "data": {"review": "A wonderful film."}}
_JOB = {
    "id": "5f2b8a50c7e14b55a2f0c1b7d2f3c6a1",
    "project": _PROJECT,
    "state": "promoted",
    "stage": "done",
    "progress": 1.0,
    "created_at": "2026-11-26T09:00:00Z",
    "started_at": "2026-11-26T09:00:01Z",
    "ended_at": "2026-11-26T09:00:09Z",
    "version": _VERSION,
    "reasons": [],
    "metrics": {},
}

_REQUESTS: Mapping[str, Any] = {
    "/classify": {"texts": ["A wonderful film.", "What a bore."], "evidence": False},
    "/setup": {"project": _PROJECT, "schema": _CONFIG},
    "/predict": {"tasks": [_TASK], "project": _PROJECT, "label_config": _CONFIG},
    "/webhook": {
        "action": "ANNOTATION_CREATED",
        "project": {"id": 1, "created_at": "2026-11-25T19:15:00Z", "label_config": _CONFIG},
        "task": _TASK,
        "annotation": {
            "id": 12,
            "task": 7,
            "result": [{"id": "a1", **_REGION}],
            "updated_at": "2026-11-26T09:00:00Z",
        },
    },
}
"""An example of the body of a request, by path."""

_ANSWERS: Mapping[str, Any] = {
    "/": {"status": "UP", "model_class": "SentimentCNN"},
    "/health": {"status": "UP", "model_class": "SentimentCNN"},
    "/setup": {"model_version": _VERSION, "controls": ["sentiment"], "problems": []},
    "/predict": {
        "results": [
            {
                "result": [{"id": "0a1b2c3d4e", **_REGION, "score": 0.97}],
                "score": 0.97,
                "model_version": _VERSION,
            }
        ]
    },
    "/versions": {"versions": [_VERSION]},
    "/webhook": {
        "status": "received",
        "action": "ANNOTATION_CREATED",
        "detail": "Stored: 1 changes of annotations.",
    },
    "/jobs": {"jobs": [_JOB]},
    "/jobs/{job_id}": _JOB,
    "/projects/{key}/suspects": {
        "suspects": [
            {
                "task": 7,
                "control": "sentiment",
                "given": ["Positive"],
                "predicted": ["Negative"],
                "quality": 0.04,
                "is_disputed": False,
            }
        ]
    },
    "/projects/{key}/budget": {
        "summary": "98 % on all 1,000: label 350 more (55 min), accept 400, review 18 suspects, "
        "4 disputed.",
        "sentences": ['"sentiment": 84 ± 3 % now; 200 more: 87 ± 4 %.'],
        "tasks": 1000,
        "annotated": 250,
        "to_label": 350,
        "can_be_accepted": 400,
        "suspects": 18,
        "disputed": 4,
        "seconds_per_annotation": 9.4,
    },
}
"""An example of the body of a response, by path."""


@dataclass(frozen=True)
class Operation:
    """The summary, the parameters and the bodies of a route."""

    summary: str
    request: Any = None
    answers: Mapping[int, Any] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    """The meaning of each query parameter, by name; all are optional."""
    tag: str = _TAG


_HEALTH = Operation(
    "UP, or DOWN with 503 when the model cannot answer.",
    answers={200: schemas.HealthResponse, 503: schemas.HealthResponse},
)
OPERATIONS: Mapping[tuple[str, str], Operation] = {
    ("/", "GET"): _HEALTH,
    ("/health", "GET"): _HEALTH,
    ("/setup", "POST"): Operation(
        "The active version, and the supported controls of the labeling config.",
        schemas.SetupRequest,
        {200: schemas.SetupResponse},
    ),
    ("/predict", "POST"): Operation(
        "One result for each task, in order.",
        schemas.PredictRequest,
        {200: schemas.PredictResponse},
    ),
    ("/versions", "GET"): Operation(
        "The versions that predictions can carry.", answers={200: schemas.VersionsResponse}
    ),
    ("/webhook", "POST"): Operation(
        "Store the annotations of an event; with START_TRAINING, queue a training job.",
        schemas.WebhookRequest,
        {200: schemas.TrainingResponse | schemas.WebhookResponse},
    ),
    ("/jobs", "GET"): Operation(
        "The last training jobs, the newest first.",
        answers={200: schemas.JobsResponse},
        query={"project": "Only those of this project, such as 3.1795453317."},
    ),
    ("/jobs/{job_id}", "GET"): Operation(
        "The progress of a training job, or its result.",
        answers={200: schemas.JobResponse, 404: schemas.ErrorResponse},
    ),
    ("/projects/{key}/suspects", "GET"): Operation(
        "The annotations that are likely wrong, and the disputed tasks, the least likely first.",
        answers={200: schemas.SuspectsResponse, 404: schemas.ErrorResponse},
    ),
    ("/projects/{key}/budget", "GET"): Operation(
        "What a project still needs: annotations, reviews, and what can be accepted unseen.",
        answers={200: schemas.BudgetResponse, 404: schemas.ErrorResponse},
    ),
    (DOCUMENT_PATH, "GET"): Operation("This document.", answers={200: dict[str, Any]}, tag="About"),
    ("/schema.json", "GET"): Operation(
        "`/classify`, described for BentoML's clients.", answers={200: dict[str, Any]}, tag="About"
    ),
}


def document_route(others: Callable[[], dict[str, Any]]) -> Route:
    """Return `GET /docs.json`, which includes the routes of another OpenAPI document."""

    @cache
    def content() -> bytes:
        # BentoML's statuses are numbers.
        return orjson.dumps(describe(others()), option=orjson.OPT_NON_STR_KEYS)

    async def document(_: Request) -> Response:
        return Response(content(), media_type="application/json")

    return Route(DOCUMENT_PATH, document, methods=["GET"])


def describe(others: Mapping[str, Any]) -> dict[str, Any]:
    """Return the OpenAPI document of these routes and of those of another document."""
    refers, definitions = _schemas()
    paths: dict[str, dict[str, Any]] = {
        path: _with_example(path, item) for path, item in others["paths"].items()
    }
    for (path, method), operation in OPERATIONS.items():
        described = _operation(path, operation, refers)
        paths.setdefault(path, {})[method.lower()] = described
    components = others.get("components", {})
    return {
        # OpenAPI 3.1 accepts pydantic's schemas, which are JSON Schema.
        "openapi": "3.1.0",
        "info": {"title": _TITLE, "description": _ABOUT, "version": "1"},
        "servers": [{"url": "."}],
        "security": [{}, {"basic": []}],
        "paths": paths,
        "components": {
            **components,
            "schemas": {**components.get("schemas", {}), **definitions},
            "securitySchemes": {"basic": {"type": "http", "scheme": "basic"}},
        },
    }


def _with_example(path: str, item: Mapping[str, Any]) -> dict[str, Any]:
    """Return the description of a path in another document with an example of its request."""
    described = deepcopy(dict(item))
    for operation in described.values():
        content = operation.get("requestBody", {}).get("content", {})
        if _JSON in content and path in _REQUESTS:
            content[_JSON]["example"] = _REQUESTS[path]
    return described


def _operation(
    path: str, operation: Operation, refers: Callable[[Any, str], dict[str, Any]]
) -> dict[str, Any]:
    described: dict[str, Any] = {
        "summary": operation.summary,
        "tags": [operation.tag],
        "parameters": _parameters(path, operation),
        "responses": {
            str(status): _body("Answer" if status < 400 else "Error", refers(model, "out"))  # noqa: PLR2004
            for status, model in operation.answers.items()
        },
    }
    error = _body("Error", refers(schemas.ErrorResponse, "out"))
    described["responses"]["default"] = error
    if path in _ANSWERS:
        described["responses"]["200"]["content"][_JSON]["example"] = _ANSWERS[path]
    if operation.request is not None:
        content = _body("", refers(operation.request, "in"))["content"]
        content[_JSON]["example"] = _REQUESTS[path]
        described["requestBody"] = {"required": True, "content": content}
    return described


def _parameters(path: str, operation: Operation) -> list[dict[str, Any]]:
    in_path = [
        {"name": part[1:-1], "in": "path", "required": True, "schema": {"type": "string"}}
        for part in path.split("/")
        if part.startswith("{")
    ]
    in_query = [
        {"name": name, "in": "query", "description": meaning, "schema": {"type": "string"}}
        for name, meaning in operation.query.items()
    ]
    return in_path + in_query


def _body(description: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": {_JSON: {"schema": schema}}}


def _schemas() -> tuple[Callable[[Any, str], dict[str, Any]], dict[str, Any]]:
    """Return a function that maps a model and a direction to a schema, and all definitions."""
    taken: Sequence[Any] = [op.request for op in OPERATIONS.values() if op.request is not None]
    given = [model for op in OPERATIONS.values() for model in op.answers.values()]
    inputs = [(str(model), "validation", TypeAdapter(model)) for model in taken]
    outputs = [
        (str(model), "serialization", TypeAdapter(model))
        for model in (*given, schemas.ErrorResponse)
    ]
    extra: Any = ("ExtraParams", "validation", TypeAdapter(schemas.ExtraParams))
    found, definitions = TypeAdapter.json_schemas(
        [*inputs, *outputs, extra],  # type: ignore[list-item]
        ref_template=_REFERENCE,
    )
    modes = {"in": "validation", "out": "serialization"}

    def refer(model: Any, direction: str) -> dict[str, Any]:
        return found[str(model), modes[direction]]  # type: ignore[index]

    return refer, definitions["$defs"]
