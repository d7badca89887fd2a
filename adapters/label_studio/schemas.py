"""The requests of Label Studio and the responses to them, with the fields that are used."""

import json
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import PydanticCustomError

# Pydantic describes it in /docs.json; `typing.TypedDict` only from Python 3.12 on.
from typing_extensions import TypedDict


class _Request(BaseModel):
    """Fields that are not declared here are ignored: Label Studio adds some with every release.

    Some of them are tokens and passwords; unread, they stay out of every log.
    """

    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True, frozen=True)


class _Response(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())


PROJECT_PATTERN = r"^\d{1,19}(\.\d{1,19})?$"
ProjectKey = Annotated[
    str,
    BeforeValidator(lambda project: str(project) if type(project) is int else project),
    StringConstraints(pattern=PROJECT_PATTERN),
    WithJsonSchema({"type": ["string", "integer"], "pattern": PROJECT_PATTERN}),
]
"""`<id>.<unix time of creation>`, Label Studio's name of a project. The time distinguishes projects
of several Label Studios."""


class SetupRequest(_Request):
    """`POST /setup`."""

    project: ProjectKey | None = None
    label_config: str | None = Field(default=None, alias="schema")
    extra_params: Any = None
    """The extra parameters of the backend's form in Label Studio; see `ExtraParams`."""


_NOT_JSON = 'the text is not JSON: write {"models": ["active"]}, for example'


class ExtraParams(BaseModel):
    """The supported extra parameters."""

    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True, frozen=True)

    models: list[Annotated[str, StringConstraints(max_length=200)]] = Field(
        default=[], max_length=10
    )
    """The versions that predict; Label Studio is told the first one. `active` is the active version
    of the project."""
    ensemble: bool = False
    """Whether to predict their average, too."""

    @model_validator(mode="before")
    @classmethod
    def _parse_text(cls, value: Any) -> Any:
        """Parse the text that Label Studio's form sends; blank text and null set nothing."""
        if isinstance(value, str):
            try:
                value = json.loads(value) if value.strip() else None
            except (ValueError, RecursionError):
                raise PydanticCustomError("json", _NOT_JSON) from None
        return {} if value is None else value


class SetupResponse(_Response):
    """The active version, and the controls of the labeling config that it supports."""

    model_version: str
    controls: list[str]
    """Names of the controls that get predictions."""
    problems: list[str]
    """The reason for each control without predictions, in a sentence."""


Task = dict[str, Any]
"""A task as Label Studio sends it, with `id` and `data`; the labeling config says where in `data`
its text is. It is not validated: a malformed task loses its own prediction only."""


class PredictRequest(_Request):
    """`POST /predict`."""

    tasks: list[Task]
    project: ProjectKey | None = None
    label_config: str | None = None


class Region(TypedDict):
    """The prediction for one control."""

    id: str
    from_name: str
    to_name: str
    type: str
    """The tag of the control in lower case, such as `choices`."""
    value: dict[str, Any]
    """The answer, such as `{"choices": ["Positive"]}`; its shape depends on the type."""
    score: float
    """The probability of the choice, in 0..1."""


class Prediction(TypedDict):
    """The prediction for one task."""

    result: list[Region]
    score: float
    """The score of the least certain region; Label Studio sorts tasks by it."""
    model_version: str


class PredictResponse(TypedDict):
    """One entry for each task, in order; `[]` leaves a task without prediction."""

    results: list[Prediction | list[Prediction]]


class HealthResponse(_Response):
    """`GET /health`."""

    status: Literal["UP", "DOWN"]
    model_class: str


class VersionsResponse(_Response):
    """`GET /versions`."""

    versions: list[str]


class WebhookRequest(_Request):
    """`POST /webhook`: an event of a project, or *Start Training*."""

    model_config = ConfigDict(extra="allow")

    action: Annotated[str, StringConstraints(pattern=r"^[A-Z_]{1,64}$")]
    project: dict[str, Any] = {}


class WebhookResponse(_Response):
    """The acknowledgement of an event."""

    status: Literal["received"] = "received"
    action: str
    detail: str


class TrainingResponse(WebhookResponse):
    """The acknowledgement of *Start Training*."""

    job: str
    """The id of the training job: see `GET /jobs/{id}`."""


class JobResponse(_Response):
    """`GET /jobs/{id}`: the progress of a training job, or its result."""

    id: str
    project: str
    state: str
    stage: str
    progress: float
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    version: str | None
    reasons: list[str]
    metrics: dict[str, Any]


class JobsResponse(_Response):
    """`GET /jobs`: the last training jobs, the newest first."""

    jobs: list[JobResponse]


class SuspectResponse(_Response):
    """An annotation that is likely wrong, or a task that annotators dispute."""

    task: int
    control: str
    given: list[str]
    """The options of the annotation; none if annotators left it undecided."""
    predicted: list[str]
    """The options that a model predicts which has not learned from the task."""
    quality: float
    """How likely the annotation is right, in 0..1."""
    is_disputed: bool
    """Whether annotators disagree, and neither their number nor the model decides."""


class SuspectsResponse(_Response):
    """`GET /projects/{key}/suspects`: what people should look at, the least likely first."""

    suspects: list[SuspectResponse]


class BudgetResponse(_Response):
    """`GET /projects/{key}/budget`: what a project still needs."""

    summary: str
    """All of it in one sentence."""
    sentences: list[str]
    """What further annotations are worth, for each control."""
    tasks: int
    """All tasks that are known of."""
    annotated: int
    to_label: int
    can_be_accepted: int
    suspects: int
    disputed: int
    seconds_per_annotation: float | None


class ErrorDetail(_Response):
    """The error in one field."""

    loc: list[str | int]
    msg: str


class ErrorResponse(_Response):
    """The body of an error response of these routes."""

    error: str
    detail: list[ErrorDetail] = []
