"""What a deployment can set, by environment variables."""

import sys
from pathlib import Path
from typing import Annotated, Literal, Self

from joblib import cpu_count
from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from model_store.model.uncertainty import ScoreKind
from model_store.serving.database import sqlite_url


class Settings(BaseSettings):
    """All settings of the server, with the prefix `SENTIMENT_`.

    Read once, when it starts: see `read_settings`.
    """

    model_config = SettingsConfigDict(
        env_prefix="SENTIMENT_", use_attribute_docstrings=True, hide_input_in_errors=True
    )

    data_dir: Path = Path(".data")
    """The directory under which the server writes: BentoML's stores are its `bentoml`."""

    model: str | None = None
    """Tag of the BentoML model to serve, such as `sentiment-cnn:0123456789abcdef`; by default the
    model that ships with the project. `sentiment-cnn` is what was imported last."""

    classifier: str | None = None
    """A model of your own to serve in place of the one that ships, as `package.module:callable`."""

    models: Annotated[list[str], NoDecode] = []
    """Versions that predict for every project that does not name others, by their full tags,
    separated by commas; `active` is the project's own, and the default."""

    ensemble: bool = False
    """Whether the average of several versions is a prediction of its own."""

    score: ScoreKind = "confidence"
    """The score of a prediction, lowest where the model is least certain: `confidence`, `margin`
    or `entropy`."""

    database_url: SecretStr | None = None
    """SQLAlchemy's URL of the database for annotations, jobs and active versions; by default SQLite
    in the data directory. PostgreSQL: `postgresql+psycopg://user:password@host/name`."""

    train_every: int = Field(default=0, ge=0)
    """New annotations of a project after which it is trained by itself; 0 for never."""

    training_threads: int = Field(default=1, gt=0)
    """Threads that a training computes with; it has the lowest priority."""

    training_timeout: float = Field(default=900.0, gt=0)
    """Seconds after which a training is given up."""

    keep_versions: int = Field(default=10, gt=0)
    """Versions of a project that are kept, the newest ones; those in use always are."""

    workers: int = Field(default_factory=cpu_count, gt=0)
    """Worker processes; by default one for each core that the server may use, by its affinity or
    by a container's limit."""

    torch_threads: int = Field(default=1, gt=0)
    """Threads of one worker's network; with a worker for each core, one is best."""

    max_batch_size: int = Field(default=256, gt=0)
    """Texts that go through the network at once, at most."""

    max_batch_tokens: int = Field(default=16_384, gt=0)
    """Tokens that go through the network at once, at most, unless a single text has more."""

    max_queue_tokens: int = Field(default=2_097_152, gt=0)
    """Tokens of the requests that a worker has in work, from which on more are refused with 503."""

    deadline: float = Field(default=80.0, gt=0)
    """Seconds after which a request is answered with what is done; below `request_timeout`."""

    max_body_bytes: int = Field(default=256 * 1024 * 1024, gt=0)
    """Size of a request body from which on it is refused with 413."""

    request_timeout: float = Field(default=100.0, gt=0)
    """Seconds after which a request is answered with 504; Label Studio waits 100."""

    basic_auth_user: str | None = Field(default=None, min_length=1)
    """User name that every route but the health probes asks for; unset, none does."""

    basic_auth_password: SecretStr | None = None
    """The password that goes with the user name."""

    log_format: Literal["text", "json"] = "text"
    """How lines of the log look: `text`, or `json`, an object each."""

    access_log: bool | None = None
    """Whether each request is logged: its path, status, sizes and duration; by default if
    `log_format` is `json`."""

    metrics: bool = True
    """Whether requests are counted and timed for `/metrics`."""

    tracing: bool = False
    """Whether BentoML traces requests, as its own settings say."""

    @property
    def database(self) -> str:
        """The URL of the database."""
        if self.database_url:
            return self.database_url.get_secret_value()
        return sqlite_url(self.data_dir)

    @property
    def logs_requests(self) -> bool:
        """Whether each request is logged."""
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
        if (self.basic_auth_user is None) != (not self.basic_auth_password):
            raise ValueError(
                "SENTIMENT_BASIC_AUTH_USER and SENTIMENT_BASIC_AUTH_PASSWORD go together: "
                "set both or neither"
            )
        return self


class LabelStudioSettings(BaseSettings):
    """How to reach Label Studio's API; without it, learning is from its events alone."""

    model_config = SettingsConfigDict(
        env_prefix="LABEL_STUDIO_",
        env_ignore_empty=True,  # So does compose hand on what is not set.
        use_attribute_docstrings=True,
        hide_input_in_errors=True,
    )

    url: str | None = None
    """Label Studio's address, such as `http://labels.example.org:8080`."""

    api_key: SecretStr | None = None
    """A personal access token, or a legacy token, of somebody who may see the projects."""


def read_settings() -> Settings:
    """The settings of this process; ends it with a sentence for each that is wrong."""
    try:
        return Settings()
    except ValidationError as error:
        sys.exit(
            "\n".join(
                ": ".join((*(f"SENTIMENT_{name}".upper() for name in item["loc"]), item["msg"]))
                for item in error.errors(include_url=False, include_input=False)
            )
        )
