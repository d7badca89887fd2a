"""The OpenAPI document of the whole server, at `/docs.json`: these routes and BentoML's own."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import orjson
from pydantic import TypeAdapter
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from adapters.label_studio import schemas
from adapters.label_studio.openapi_examples import ANSWERS, REQUESTS

DOCUMENT_PATH = "/docs.json"
_REFERENCE = "#/components/schemas/{model}"
_JSON = "application/json"
_TAG = "Label Studio"
_TITLE = "Sentiment backend for Label Studio"
_ABOUT = """The routes that Label Studio calls of an ML backend, and `/classify` for other clients.
If the server uses basic authentication, only the health probes answer without credentials."""


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
    paths: dict[str, dict[str, Any]] = {path: {**item} for path, item in others["paths"].items()}
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
    if path in ANSWERS:
        described["responses"]["200"]["content"][_JSON]["example"] = ANSWERS[path]
    if operation.request is not None:
        content = _body("", refers(operation.request, "in"))["content"]
        content[_JSON]["example"] = REQUESTS[path]
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
