"""The model that ships."""

import pytest

from model_store import artifact
from model_store.model.classifier import Classifier
from model_store.model.encoder import Encoder
from model_store.store import PRETRAINED


@pytest.fixture(scope="session")
def shipped() -> Classifier:
    return artifact.load(PRETRAINED)


@pytest.fixture(scope="session")
def encoder(shipped: Classifier) -> Encoder:
    assert isinstance(shipped.encoder, Encoder)
    return shipped.encoder
