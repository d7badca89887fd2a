"""`POST /classify`: texts in, labels and probabilities out, for clients other than Label Studio.

BentoML describes the route, and its own handler is not used: that one also reads forms, answers a
malformed one with 500, and logs a traceback for each bad request.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Protocol

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from adapters.observability.metrics import Metrics
from adapters.server.limits import RETRY_AFTER_SECONDS
from adapters.server.offloading import offload
from model_store.errors import ModelStoreError
from model_store.model.classification import Classification
from model_store.model.classifier import Query
from model_store.model.evidence import Evidence
from model_store.model.offsets import utf16_offset
from model_store.serving.registry import Registry

logger = logging.getLogger(__name__)

CLASSIFY_PATH = "/classify"
_INLINE_BYTES = 1024 * 1024
_MAX_DETAILS = 10


def _wrap(schema: dict[str, Any]) -> None:
    """Hide an array from BentoML's client, which makes a list of the characters of a string.

    The client passes on a value of another schema, so that the server refuses the string.
    """
    schema["oneOf"] = [{"type": schema.pop("type"), "items": schema.pop("items")}]


class ClassifyRequest(BaseModel):
    """The texts to classify."""

    model_config = ConfigDict(hide_input_in_errors=True)

    texts: list[str] = Field(json_schema_extra=_wrap)
    evidence: Annotated[
        bool, Field(description="Whether to say which words speak for each label.")
    ] = False


class EvidenceSpan(BaseModel):
    """A passage of a text, and what it adds to the log-odds of the label."""

    start: Annotated[int, Field(description="In characters, as Python counts them.")]
    end: int
    start_utf16: Annotated[int, Field(description="In UTF-16 units, as a browser counts.")]
    end_utf16: int
    text: str
    weight: Annotated[float, Field(description="Below 0, the passage speaks against the label.")]


class TextEvidence(BaseModel):
    """Which words speak for a label: the weights, `rest` and `bias` sum to `log_odds`."""

    label: str
    against: Annotated[
        str | None,
        Field(
            description="The label that it is compared with; null if a text has any number of them."
        ),
    ]
    spans: Annotated[list[EvidenceSpan], Field(description="The passages that weigh most.")]
    rest: Annotated[float, Field(description="What all other words add.")]
    bias: Annotated[float, Field(description="What no word adds.")]
    log_odds: Annotated[
        float,
        Field(description="The logarithm of the ratio of the probabilities of the two labels."),
    ]


class TextClassification(BaseModel):
    """The model's classification of one text."""

    label: str
    score: Annotated[float, Field(description="The probability of the label.")]
    probabilities: dict[str, float]
    distance: Annotated[
        float | None,
        Field(
            description="How far the text is from those that the model learned from: 0.5 is usual "
            "for these, 1 the farthest. Null if the model does not know, or learned from "
            "annotations."
        ),
    ] = None


class ExplainedClassification(TextClassification):
    """A classification with its evidence: null if the model cannot tell."""

    evidence: TextEvidence | None


class ClassifyResponse(BaseModel):
    """One classification for each text, in order; null for those not reached by the deadline."""

    model_config = ConfigDict(protected_namespaces=())

    model_version: str
    classifications: list[ExplainedClassification | TextClassification | None]


class Runner(Protocol):
    """Classifies texts; `model_store.serving.batching.BatchRunner` implements it."""

    async def classify(
        self, queries: Sequence[Query], *, deadline: float | None = None
    ) -> list[list[Classification]]:
        """Return one result for each query, in order; at the deadline, those that are done."""


@dataclass(frozen=True)
class TextEndpoint:
    """Classify texts with the version that serves projects without one of their own."""

    runner: Runner
    registry: Registry
    deadline: float
    """Seconds after which a request is answered with the results so far."""
    metrics: Metrics

    async def classify(self, texts: Sequence[str], *, with_evidence: bool) -> ClassifyResponse:
        """Classify texts, in order. Raises ModelStoreError if the model cannot answer."""
        deadline = asyncio.get_running_loop().time() + self.deadline
        version = self.registry.deployment(None).versions[0]
        queries = [Query(text, (version.classifier,), with_evidence) for text in texts]
        answers = await self.runner.classify(queries, deadline=deadline)
        done = [
            _described(item, text, with_evidence=with_evidence)
            for text, (item,) in zip(texts, answers, strict=False)
        ]
        unreached = len(texts) - len(done)
        self._count(version.name, done, unreached)
        return ClassifyResponse(
            model_version=version.name, classifications=[*done, *[None] * unreached]
        )

    def _count(self, version: str, done: Sequence[TextClassification], unreached: int) -> None:
        if unreached:
            total = len(done) + unreached
            self.metrics.partial.add(CLASSIFY_PATH)
            self.metrics.abstained("deadline", unreached)
            logger.warning(
                "The deadline came before %d of %d texts were classified", unreached, total
            )
        self.metrics.predicted(
            None,
            Counter((item.label, version) for item in done),
            [item.score for item in done],
            [item.distance for item in done if item.distance is not None],
        )


def _described(
    item: Classification, text: str, *, with_evidence: bool
) -> TextClassification | ExplainedClassification:
    fields: dict[str, Any] = {
        "label": item.label,
        "score": item.score,
        "probabilities": dict(item.probabilities),
        "distance": item.distance,
    }
    if not with_evidence:
        return TextClassification(**fields)
    evidence = item.evidence and _evidence(item.evidence, text)
    return ExplainedClassification(**fields, evidence=evidence)


def _evidence(found: Evidence, text: str) -> TextEvidence:
    chosen = found.spans()
    spans = [
        EvidenceSpan(
            start=span.start,
            end=span.end,
            start_utf16=utf16_offset(text, span.start),
            end_utf16=utf16_offset(text, span.end),
            text=text[span.start : span.end],
            weight=span.weight,
        )
        for span in chosen
    ]
    return TextEvidence(
        label=found.label,
        against=found.against,
        spans=spans,
        rest=found.rest(chosen),
        bias=found.bias,
        log_odds=found.log_odds,
    )


def classify_route(endpoint: TextEndpoint) -> Route:
    """Return the route: 415 for other bodies than JSON, 400 for malformed ones, 503 on failure."""

    async def classify(request: Request) -> Response:
        if not _is_json(request.headers.get("content-type", "")):
            return _error(415, "Send JSON, with the header Content-Type: application/json.")
        content = await request.body()
        try:
            asked = await offload(
                ClassifyRequest.model_validate_json, content, inline=len(content) <= _INLINE_BYTES
            )
        except ValidationError as error:
            detail = error.errors(include_url=False, include_context=False, include_input=False)
            return _error(
                400,
                'The body must be an object with a list of strings, such as {"texts": ["Good!"]}: '
                "see detail.",
                detail=detail[:_MAX_DETAILS],
            )
        try:
            answer = await endpoint.classify(asked.texts, with_evidence=asked.evidence)
        except ModelStoreError as error:
            return _error(503, str(error), {"Retry-After": str(RETRY_AFTER_SECONDS)})
        return Response(answer.model_dump_json(), media_type="application/json")

    return Route(CLASSIFY_PATH, classify, methods=["POST"])


def _is_json(content_type: str) -> bool:
    """Return whether a body is JSON by its type, or has none."""
    media_type = content_type.partition(";")[0].strip().lower()
    return media_type in ("", "application/json") or media_type.endswith("+json")


def _error(
    status: int, error: str, headers: Mapping[str, str] | None = None, **fields: Any
) -> Response:
    return JSONResponse({"error": error, **fields}, status, headers)
