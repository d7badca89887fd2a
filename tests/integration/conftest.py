"""What the integration tests share."""

import pytest

from model_store import artifact
from model_store.store import import_artifact
from tests.conftest import ClassifierFactory


@pytest.fixture
def tag(tmp_path_factory: pytest.TempPathFactory, make_classifier: ClassifierFactory) -> str:
    """A small model in the model store."""
    directory = tmp_path_factory.mktemp("model") / "artifact"
    artifact.save(directory, make_classifier(), training={}, metrics={})
    return import_artifact(directory)
