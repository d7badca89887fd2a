"""Settings come from the environment, and errors name the variable."""

import re
from pathlib import Path

import pytest

from adapters.settings import Settings, described, read_settings, unknown_variables


def test_defaults_need_no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"SENTIMENT_{name.upper()}", raising=False)
    settings = Settings()
    assert settings.training_threads == 1
    assert settings.basic_auth_user is None


def test_a_variable_sets_its_field(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SENTIMENT_WORKERS", "3")
    assert Settings().workers == 3


def test_workers_default_to_the_cores_that_the_process_may_use(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("SENTIMENT_WORKERS", raising=False)
    # What joblib takes the least of: this, the cores, affinity and the limit of a container.
    monkeypatch.setenv("LOKY_MAX_CPU_COUNT", "1")
    assert Settings().workers == 1


def test_each_invalid_value_ends_the_process_with_a_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SENTIMENT_WORKERS", "none")
    monkeypatch.setenv("SENTIMENT_MAX_BODY_BYTES", "-1")
    with pytest.raises(SystemExit) as ended:
        read_settings()
    lines = str(ended.value.code).splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("SENTIMENT_WORKERS: Input should be a valid integer")
    assert lines[1].startswith("SENTIMENT_MAX_BODY_BYTES: Input should be greater than 0")


@pytest.mark.parametrize("name", ["USER", "PASSWORD"])
def test_user_and_password_go_together(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(f"SENTIMENT_BASIC_AUTH_{name}", "secret")
    with pytest.raises(SystemExit, match="go together") as ended:
        read_settings()
    assert "secret" not in str(ended.value.code)


@pytest.mark.parametrize(
    "secret", ["short", "a secret\nin two lines", " padded secret ", "geheimnüs"]
)
def test_a_secret_that_no_header_can_carry_is_refused_and_not_shown(
    monkeypatch: pytest.MonkeyPatch, secret: str
) -> None:
    monkeypatch.setenv("SENTIMENT_WEBHOOK_SECRET", secret)
    with pytest.raises(SystemExit, match="SENTIMENT_WEBHOOK_SECRET: ") as ended:
        read_settings()
    assert secret not in str(ended.value.code)


def test_the_deadline_must_be_below_the_time_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SENTIMENT_DEADLINE", "30")
    monkeypatch.setenv("SENTIMENT_REQUEST_TIMEOUT", "30")
    with pytest.raises(SystemExit, match="SENTIMENT_DEADLINE must be below"):
        read_settings()


def test_an_unknown_variable_is_named() -> None:
    names = ["SENTIMENT_WORKERS", "SENTIMENT_WORKER", "SENTIMENT_TORCH_THREADS", "PATH"]
    assert unknown_variables(names) == ["SENTIMENT_TORCH_THREADS", "SENTIMENT_WORKER"]


def test_an_unknown_variable_is_described_with_the_nearest_setting() -> None:
    assert described("SENTIMENT_WORKER") == (
        "SENTIMENT_WORKER is no setting (did you mean SENTIMENT_WORKERS?)"
    )
    assert described("sentiment_Deadlin").endswith("(did you mean SENTIMENT_DEADLINE?)")
    assert described("SENTIMENT_SOMETHING_ELSE") == "SENTIMENT_SOMETHING_ELSE is no setting"
    assert unknown_variables(["sentiment_workers", "sentiment_worker"]) == ["sentiment_worker"]


@pytest.mark.parametrize(
    "names",
    [
        ("SENTIMENT_BASIC_AUTH_PASWORD", "SENTIMENT_BASIC_AUTH_USR"),
        ("SENTIMENT_PASSWORD", "SENTIMENT_USER"),
        ("sentiment_basic_user", "sentiment_basic_pwd"),
        ("SENTIMENT_BASICAUTH_USER", "SENTIMENT_BASICAUTH_PASSWORD"),
    ],
)
def test_mistyped_credentials_never_start_an_open_server(
    monkeypatch: pytest.MonkeyPatch, names: tuple[str, str]
) -> None:
    for name in names:
        monkeypatch.setenv(name, "hidden")
    with pytest.raises(SystemExit) as ended:
        read_settings()
    assert set(names) == {line.split()[0] for line in str(ended.value.code).splitlines()}
    assert "hidden" not in str(ended.value.code)


@pytest.mark.parametrize(("user", "password"), [(None, ""), ("", ""), ("anna", "")])
def test_empty_credentials_never_start_an_open_server(
    monkeypatch: pytest.MonkeyPatch, user: str | None, password: str
) -> None:
    if user is not None:
        monkeypatch.setenv("SENTIMENT_BASIC_AUTH_USER", user)
    monkeypatch.setenv("SENTIMENT_BASIC_AUTH_PASSWORD", password)
    with pytest.raises(SystemExit, match="SENTIMENT_BASIC_AUTH_USER"):
        read_settings()


def test_every_setting_has_a_docstring_and_is_in_the_readme() -> None:
    readme = (Path(__file__).parents[3] / "README.md").read_text()
    listed = set(re.findall(r"^\| `(SENTIMENT_\w+)` \|", readme, re.MULTILINE))
    assert listed == {f"SENTIMENT_{name.upper()}" for name in Settings.model_fields}
    assert all(field.description for field in Settings.model_fields.values())


@pytest.mark.parametrize("path", ["sentiment", "/", "/a/", "/a//b", "/a?b", "http://a"])
def test_a_root_path_that_no_request_could_have_is_refused(
    monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setenv("SENTIMENT_ROOT_PATH", path)
    with pytest.raises(SystemExit, match="SENTIMENT_ROOT_PATH: "):
        read_settings()
