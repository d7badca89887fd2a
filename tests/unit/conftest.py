"""A model store of its own for each test."""

from pathlib import Path

import pytest


@pytest.fixture
def home_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty model store in a BentoML home of its own."""
    path = tmp_path / "bentoml" / "models"
    path.mkdir(parents=True)
    monkeypatch.setenv("BENTOML_HOME", str(path.parent))
    return path
