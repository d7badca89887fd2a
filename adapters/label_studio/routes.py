"""The HTTP routes that Label Studio calls. Each validates, delegates and answers."""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import orjson
from pydantic import BaseModel, ValidationError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from adapters.label_studio import labeling_config, schemas
from adapters.label_studio.labeling_config import LabelingConfig
from adapters.label_studio.predictions import Model, predict
from adapters.middleware import RETRY_AFTER_SECONDS
from adapters.offloading import offload
from model_store.errors import ModelStoreError

logger = logging.getLogger(__name__)

MODEL_CLASS = "SentimentCNN"
_INLINE_BYTES = 1024 * 1024

R = TypeVar("R", bound=BaseModel)
Endpoint = Callable[[Request, Model], Awaitable[Response]]


class _BadRequestError(Exception):
    """A body that cannot be taken, with the answer it gets."""

    def __init__(self, status: int, body: schemas.ErrorResponse) -> None:
        super().__init__(body.error)
        self.status = status
        self.body = body


def create_app(model: Model, *, deadline: float) -> Starlette:
    """The ASGI app of the protocol, around a model that may still be starting.

    `deadline`: seconds after which `/predict` answers with what is done.
    """

    def route(path: str, endpoint: Endpoint, method: str) -> Route:
        async def handle(request: Request) -> Response:
            return await endpoint(request, model)

        return Route(path, handle, methods=[method], name=endpoint.__name__)

    app = Starlette(
        routes=[
            route("/", health, "GET"),
            route("/health", health, "GET"),
            route("/setup", setup, "POST"),
            route("/predict", predict_tasks, "POST"),
            route("/versions", versions, "GET"),
            route("/webhook", webhook, "POST"),
        ],
        exception_handlers={
            _BadRequestError: _on_bad_request,
            ModelStoreError: _on_model_error,
            HTTPException: _on_http_error,
            ClientDisconnect: _on_disconnect,
        },
    )
    app.state.deadline = deadline
    return app


async def health(_: Request, model: Model) -> Response:
    """`GET /health` and `GET /`: UP, or DOWN with 503 when the model cannot answer."""
    if await model.is_healthy():
        return _json(schemas.HealthResponse(status="UP", model_class=MODEL_CLASS))
    return _json(schemas.HealthResponse(status="DOWN", model_class=MODEL_CLASS), 503)


async def setup(request: Request, model: Model) -> Response:
    """`POST /setup`: the version in force, and what is served of the labeling config."""
    body = await _read(request, schemas.SetupRequest)
    config = _parse_config(body.label_config, model)
    _log_problems(config, body.project)
    return _json(
        schemas.SetupResponse(
            model_version=model.version,
            controls=[control.name for control in config.controls],
            problems=list(config.problems),
        )
    )


async def predict_tasks(request: Request, model: Model) -> Response:
    """`POST /predict`: one result for each task, in order."""
    deadline = asyncio.get_running_loop().time() + request.app.state.deadline
    body = await _read(request, schemas.PredictRequest)
    config = _parse_config(body.label_config, model)
    if not config.controls:
        _log_problems(config, body.project)
    size = len(await request.body())
    results = await predict(
        body.tasks, config, model, project=body.project, size=size, deadline=deadline
    )
    answer: schemas.PredictResponse = {"results": results}
    return Response(orjson.dumps(answer), media_type="application/json")


async def versions(_: Request, model: Model) -> Response:
    """`GET /versions`: the versions that predictions can carry."""
    return _json(schemas.VersionsResponse(versions=[model.version]))


async def webhook(request: Request, _: Model) -> Response:
    """`POST /webhook`: acknowledge an event."""
    body = await _read(request, schemas.WebhookRequest)
    return _json(
        schemas.WebhookResponse(
            action=body.action,
            detail="Received, but not used: this release does not learn from annotations yet.",
        )
    )


def _parse_config(label_config: str | None, model: Model) -> LabelingConfig:
    return labeling_config.parse(label_config or "<View/>", model.labels)


def _log_problems(config: LabelingConfig, project: int | None) -> None:
    for problem in config.problems:
        logger.warning("Project %s: %s", project, problem)


async def _read(request: Request, model: type[R]) -> R:
    """The body as `model`; 400 if it is not JSON, 422 if it is another JSON than expected."""
    content = await request.body()
    return await offload(_validate, content, model, inline=len(content) <= _INLINE_BYTES)


def _validate(content: bytes, model: type[R]) -> R:
    try:
        return model.model_validate(_parse_json(content))
    except ValidationError as error:
        raise _BadRequestError(
            422,
            schemas.ErrorResponse(
                error=f"The request is no {model.__name__}: see detail for the fields.",
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
        # Python's own reader takes half a surrogate pair, which Label Studio sends as it got it.
        return json.loads(content)


def _json(body: BaseModel, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(body.model_dump_json(), status, headers, media_type="application/json")


async def _on_bad_request(_: Request, error: Exception) -> Response:
    assert isinstance(error, _BadRequestError)
    return _json(error.body, error.status)


async def _on_model_error(_: Request, error: Exception) -> Response:
    return _json(
        schemas.ErrorResponse(error=str(error)), 503, {"Retry-After": str(RETRY_AFTER_SECONDS)}
    )


async def _on_http_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    body = schemas.ErrorResponse(error=f"{error.detail}.")
    return _json(body, error.status_code, dict(error.headers or {}))


async def _on_disconnect(_: Request, __: Exception) -> Response:
    return Response(status_code=499)  # Nobody reads it: the caller hung up while sending.
