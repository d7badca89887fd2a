"""A fake model for the tests of this folder."""

from collections.abc import Sequence

import pytest

from adapters.label_studio import labeling_config
from adapters.label_studio.controls import Control
from model_store.model.classification import Classification

LABELS = ("Negative", "Positive")
CONFIG = """<View><Text name="text" value="$review"/><Choices name="sentiment" toName="text">
<Choice value="Positive"/><Choice value="Negative"/></Choices></View>"""


class FakeModel:
    """Predicts Positive for texts with the word good; the score grows with the length."""

    version = "fake:1"

    def classify(self, subjects: Sequence[tuple[Control, str]]) -> list[Classification]:
        return [self._classify(text) for _, text in subjects]

    def _classify(self, text: str) -> Classification:
        label = LABELS["good" in text]
        score = 1 - 1 / (2 + len(text))
        other = LABELS["good" not in text]
        return Classification(label, score, {label: score, other: 1 - score})


@pytest.fixture
def model() -> FakeModel:
    return FakeModel()


@pytest.fixture
def controls() -> tuple[Control, ...]:
    return labeling_config.parse(CONFIG, labeling_config.Labels(LABELS)).controls
