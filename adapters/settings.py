"""The settings of a deployment, from environment variables."""

import os
import re
import sys
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Literal, Self

from joblib import cpu_count
from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from model_store.model.uncertainty import ScoreKind
from model_store.serving.database import sqlite_url

_SECRET = re.compile("AUTH|PASS|PWD|SECRET|USER")
"""The names of credentials."""


class Settings(BaseSettings):
    """All settings of the server, with the prefix `SENTIMENT_`.

    Read once, when the server starts: see `read_settings`.
    """

    model_config = SettingsConfigDict(
        env_prefix="SENTIMENT_", use_attribute_docstrings=True, hide_input_in_errors=True
    )

    data_dir: Path = Field(default=Path(".data"))
    """Directory for everything that the server writes; BentoML's stores are in `bentoml` below."""

    model: str | None = None
    """Tag of the BentoML model to serve, such as `sentiment-cnn:0123456789abcdef`; by default the
    model that ships with the project. `sentiment-cnn` is the model imported last."""

    classifier: str | None = None
    """A model of your own to serve in place of the one that ships, as `package.module:callable`."""

    models: Annotated[list[str], NoDecode] = []
    """Versions that predict for every project that does not choose its own, by full tags separated
    by commas; `active` is the project's active version, and the default."""

    ensemble: bool = False
    """Whether the average of several versions is a further prediction."""

    score: ScoreKind = "confidence"
    """Score of a prediction, lowest where the model is least certain: `confidence`, `margin` or
    `entropy`."""

    select_version: bool = True
    """Whether the server makes projects of Label Studio show the scores of the version that serves
    them; needs `LABEL_STUDIO_URL` and `LABEL_STUDIO_API_KEY`."""

    withhold: float = Field(default=0.0, ge=0, lt=1)
    """Share of the tasks, 0 to 1, whose predictions have a score and no answer: what differs from
    the others is the effect of seeing a prediction."""

    active_learning: bool = False
    """Whether a new version predicts all tasks and orders the label stream, like `preannotate
    active --do`; needs `LABEL_STUDIO_URL` and `LABEL_STUDIO_API_KEY`."""

    max_error: float = Field(default=0.02, gt=0, lt=1)
    """Share of wrong answers that the budget of a project allows for accepted predictions."""

    confidence: float = Field(default=0.95, gt=0, lt=1)
    """Confidence of that promise."""

    database_url: SecretStr | None = None
    """SQLAlchemy URL of the database for annotations, jobs and active versions; by default SQLite
    in the data directory. PostgreSQL: `postgresql+psycopg://user:password@host/name`."""

    train_every: int = Field(default=0, ge=0)
    """Number of new annotations after which a project is trained automatically; 0 for never."""

    training_threads: int = Field(default=1, gt=0)
    """Threads of a training job, which runs at the lowest priority."""

    training_timeout: float = Field(default=900.0, gt=0)
    """Seconds after which a training job is aborted."""

    keep_versions: int = Field(default=10, gt=0)
    """Number of newest versions of a project to keep; versions in use are always kept."""

    workers: int = Field(default_factory=cpu_count, gt=0)
    """Worker processes; by default one for each core that the server may use, by its affinity or
    by a container's limit."""

    max_batch_tokens: int = Field(default=16_384, gt=0)
    """Maximum tokens in a batch, unless a single text has more."""

    max_queue_tokens: int = Field(default=2_097_152, gt=0)
    """Maximum tokens queued or running per worker; further requests are rejected with 503."""

    deadline: float = Field(default=80.0, gt=0)
    """Seconds until a request is answered with the results so far; less than `request_timeout`."""

    max_body_bytes: int = Field(default=256 * 1024 * 1024, gt=0)
    """Maximum size of a request body, and of all bodies that a worker holds; larger ones are
    rejected with 413. `/setup` and `/console/try` take at most 1 MiB, `/webhook` 16 MiB."""

    request_timeout: float = Field(default=100.0, gt=0)
    """Seconds after which a request is cancelled and answered with 504; Label Studio waits 100."""

    root_path: str = Field(default="", pattern=r"^(/[^/?#\s]+)*$")
    """Path prefix that a proxy in front of the server keeps, such as `/sentiment`; requests without
    it are answered, too."""

    basic_auth_user: str | None = Field(default=None, min_length=1)
    """User name for basic authentication on every route except health probes; unset, there is
    none."""

    basic_auth_password: SecretStr | None = None
    """Password for basic authentication."""

    webhook_secret: SecretStr | None = Field(default=None, min_length=8)
    """Secret that each event must carry in the header `X-Webhook-Secret`; others are refused with
    403. Unset, whoever reaches the port can store and delete annotations."""

    log_format: Literal["text", "json"] = "text"
    """Format of log lines: `text`, or `json` for one object a line."""

    access_log: bool | None = None
    """Whether each request is logged with path, status, sizes and duration; by default only if
    `log_format` is `json`."""

    metrics: bool = True
    """Whether requests are counted and timed for `/metrics`."""

    tracing: bool = False
    """Whether BentoML traces requests, as configured in `BENTOML_CONFIG`."""

    @property
    def database(self) -> str:
        """The URL of the database."""
        if self.database_url:
            return self.database_url.get_secret_value()
        return sqlite_url(self.data_dir)

    @property
    def logs_requests(self) -> bool:
        """Whether each request is logged: `access_log`, or its default."""
        return self.log_format == "json" if self.access_log is None else self.access_log

    @property
    def compiled(self) -> Path:
        """The folder of the compiled networks."""
        return self.data_dir / "compiled"

    @field_validator("models", mode="before")
    @classmethod
    def _split(cls, models: object) -> object:
        if isinstance(models, str):
            return [name for part in models.split(",") if (name := part.strip())]
        return models

    @field_validator("webhook_secret")
    @classmethod
    def _fits_a_header(cls, secret: SecretStr | None) -> SecretStr | None:
        text = secret.get_secret_value() if secret else ""
        if not text.isascii() or not text.isprintable() or text != text.strip():
            raise ValueError("use printable ASCII characters, without blanks around them")
        return secret

    @model_validator(mode="after")
    def _deadline_comes_first(self) -> Self:
        if self.deadline >= self.request_timeout:
            raise ValueError(
                "SENTIMENT_DEADLINE must be below SENTIMENT_REQUEST_TIMEOUT: "
                "lower the one or raise the other"
            )
        return self

    @model_validator(mode="after")
    def _auth_is_complete(self) -> Self:
        given = (self.basic_auth_user, self.basic_auth_password)
        if given != (None, None) and not all(given):
            raise ValueError(
                "SENTIMENT_BASIC_AUTH_USER and SENTIMENT_BASIC_AUTH_PASSWORD go together: "
                "set both or neither"
            )
        return self


class LabelStudioSettings(BaseSettings):
    """Access to Label Studio's API. Without it, the server learns from webhook events alone."""

    model_config = SettingsConfigDict(
        env_prefix="LABEL_STUDIO_",
        env_ignore_empty=True,  # Docker Compose passes unset variables as empty ones.
        use_attribute_docstrings=True,
        hide_input_in_errors=True,
    )

    url: str | None = None
    """URL of Label Studio, such as `http://labels.example.org:8080`."""

    api_key: SecretStr | None = None
    """Personal access token, or legacy token, of a user who can see the projects."""

    @property
    def is_complete(self) -> bool:
        """Whether the API can be called."""
        return self.url is not None and self.api_key is not None


_PREFIX = Settings.model_config["env_prefix"]


def read_settings() -> Settings:
    """Return the settings of this process; exit with a line for each invalid one.

    A mistyped name of a credential is invalid, too: the server would be open.
    """
    mistyped = [name for name in unknown_variables(os.environ) if _protects(name)]
    if mistyped:
        sys.exit(
            "\n".join(f"{described(name)}: it would not protect the server" for name in mistyped)
        )
    try:
        return Settings()
    except ValidationError as error:
        sys.exit(
            "\n".join(
                ": ".join((*(f"SENTIMENT_{name}".upper() for name in item["loc"]), item["msg"]))
                for item in error.errors(include_url=False, include_input=False)
            )
        )


def unknown_variables(names: Iterable[str]) -> list[str]:
    """Return the variables that have the prefix of the settings but are not settings.

    They were removed or mistyped. `names` are the names of all environment variables; like those of
    settings, in any case.
    """
    known = _variables()
    return sorted(
        name for name in names if name.upper().startswith(_PREFIX) and name.upper() not in known
    )


def described(name: str) -> str:
    """Return a sentence about an unknown variable, with the setting that has the nearest name."""
    nearest = _nearest(name)
    return f"{name} is no setting" + (f" (did you mean {nearest}?)" if nearest else "")


def _nearest(name: str) -> str | None:
    return next(iter(get_close_matches(name.upper(), _variables(), n=1, cutoff=0.8)), None)


def _protects(name: str) -> bool:
    """Return whether an unknown variable was meant to keep callers out."""
    is_secret = _SECRET.search(name.upper().removeprefix(_PREFIX)) is not None
    return is_secret or _SECRET.search(_nearest(name) or "") is not None


def _variables() -> list[str]:
    return [f"{_PREFIX}{name}".upper() for name in Settings.model_fields]
