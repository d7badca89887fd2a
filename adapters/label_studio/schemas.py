"""What Label Studio sends and what it takes as an answer. Only the fields that are used."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    WithJsonSchema,
)

# Pydantic describes it in /docs.json; `typing.TypedDict` only from Python 3.12 on.
from typing_extensions import TypedDict


class _Request(BaseModel):
    """Fields that are not declared here are ignored: Label Studio adds some with every release.

    Among them are tokens and passwords; not reading them keeps them out of every log.
    """

    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True, frozen=True)


class _Response(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())


_PROJECT = r"^\d{1,19}(\.\d{1,19})?$"
ProjectKey = Annotated[
    str,
    BeforeValidator(lambda project: str(project) if type(project) is int else project),
    StringConstraints(pattern=_PROJECT),
    WithJsonSchema({"type": ["string", "integer"], "pattern": _PROJECT}),
]
"""`<id>.<unix time created>`, as Label Studio names a project: the time tells projects of several
Label Studios apart."""


class SetupRequest(_Request):
    """`POST /setup`."""

    project: ProjectKey | None = None
    label_config: str | None = Field(default=None, alias="schema")
    extra_params: Any = None
    """What the user has typed into the backend's form in Label Studio; see `ExtraParams`."""


class ExtraParams(BaseModel):
    """Those of the extra parameters that mean something here."""

    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True, frozen=True)

    models: list[Annotated[str, StringConstraints(max_length=200)]] = Field(
        default=[], max_length=10
    )
    """The versions that predict, the first one being that which Label Studio is told of;
    `active` is the project's own."""
    ensemble: bool = False
    """Whether their average is a prediction of its own."""


class SetupResponse(_Response):
    """The version in force and what it can do for the project's labeling config."""

    model_version: str
    controls: list[str]
    """Names of the controls that get predictions."""
    problems: list[str]
    """Why other controls get none, a sentence each."""


Task = dict[str, Any]
"""A task as Label Studio sends it, with `id` and `data`; the labeling config says where in `data`
its text is. A task is not validated: what is missing in it costs its own prediction alone."""


class PredictRequest(_Request):
    """`POST /predict`."""

    tasks: list[Task]
    project: ProjectKey | None = None
    label_config: str | None = None


class Region(TypedDict):
    """What is predicted for one control."""

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
    """What is predicted for one task."""

    result: list[Region]
    score: float
    """That of the least certain region: Label Studio sorts tasks by it."""
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
    """`POST /webhook`: an event of a project, or the press on *Start Training*."""

    model_config = ConfigDict(extra="allow")

    action: Annotated[str, StringConstraints(pattern=r"^[A-Z_]{1,64}$")]
    project: dict[str, Any] = {}


class WebhookResponse(_Response):
    """The acknowledgement of an event."""

    status: Literal["received"] = "received"
    action: str
    detail: str


class TrainingResponse(WebhookResponse):
    """The acknowledgement of a press on *Start Training*."""

    job: str
    """The job that trains: see `GET /jobs/{id}`."""


class JobResponse(_Response):
    """`GET /jobs/{id}`: how far a training is, or how it has ended."""

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
    """`GET /jobs`: the last trainings, the newest first."""

    jobs: list[JobResponse]


class ErrorDetail(_Response):
    """What is wrong with one field."""

    loc: list[str | int]
    msg: str


class ErrorResponse(_Response):
    """The body of an answer of these routes that is an error."""

    error: str
    detail: list[ErrorDetail] = []
