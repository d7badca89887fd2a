"""A separate model store for unit tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def home_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty model store in BentoML's home."""
    # Only here: it takes long to import.
    from bentoml._internal.configuration.containers import BentoMLContainer  # noqa: PLC0415
    from bentoml._internal.models import ModelStore  # noqa: PLC0415

    path = tmp_path / "bentoml" / "models"
    path.mkdir(parents=True)
    monkeypatch.setenv("BENTOML_HOME", str(path.parent))
    BentoMLContainer.model_store.set(ModelStore(path))
    yield path
    BentoMLContainer.model_store.reset()
