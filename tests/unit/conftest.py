"""A model store of one's own, for the tests of single modules."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from bentoml._internal.configuration.containers import BentoMLContainer
from bentoml._internal.models import ModelStore


@pytest.fixture
def home_store(tmp_path: Path) -> Iterator[Path]:
    """An empty model store in BentoML's home."""
    path = tmp_path / "bentoml" / "models"
    path.mkdir(parents=True)
    BentoMLContainer.model_store_dir.set(str(path))
    BentoMLContainer.model_store.set(ModelStore(path))
    yield path
    BentoMLContainer.model_store.reset()
    BentoMLContainer.model_store_dir.reset()
