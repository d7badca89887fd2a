"""Settings come from the environment, and say which variable is wrong."""

import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from adapters.settings import Settings


def test_defaults_need_no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"SENTIMENT_{name.upper()}", raising=False)
    settings = Settings()
    assert settings.workers >= 1
    assert settings.torch_threads == 1
    assert settings.basic_auth_user is None


def test_a_variable_sets_its_field(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SENTIMENT_WORKERS", "3")
    assert Settings().workers == 3


def test_a_wrong_value_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SENTIMENT_WORKERS", "none")
    with pytest.raises(ValidationError, match="workers"):
        Settings()


@pytest.mark.parametrize("name", ["USER", "PASSWORD"])
def test_user_and_password_go_together(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(f"SENTIMENT_BASIC_AUTH_{name}", "secret")
    with pytest.raises(ValidationError, match="go together") as caught:
        Settings()
    assert "secret" not in str(caught.value)


def test_every_setting_has_a_docstring_and_is_in_the_readme() -> None:
    readme = (Path(__file__).parents[3] / "README.md").read_text()
    listed = set(re.findall(r"^\| `(SENTIMENT_\w+)` \|", readme, re.MULTILINE))
    assert listed == {f"SENTIMENT_{name.upper()}" for name in Settings.model_fields}
    assert all(field.description for field in Settings.model_fields.values())
