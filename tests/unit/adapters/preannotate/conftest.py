"""A fake model and a fake engine for the tests of this folder."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import ClassVar

import pytest

from adapters.label_studio import labeling_config
from adapters.label_studio.controls import Control
from adapters.label_studio.labeling_config import Labels
from adapters.preannotate.errors import EngineError
from adapters.preannotate.model import LoadedModel, ModelReference
from adapters.preannotate.outputs import Output
from adapters.preannotate.readers import sources
from adapters.preannotate.readers.reading import Inputs
from adapters.preannotate.results import Annotator, EncodedChunk
from adapters.preannotate.run import run
from adapters.preannotate.storage import File
from adapters.preannotate.summary import Summary
from model_store.model.classification import Classification
from model_store.readers.reading import Reading

LABELS = ("Negative", "Positive")
CONFIG = """<View><Text name="text" value="$review"/><Choices name="sentiment" toName="text">
<Choice value="Positive"/><Choice value="Negative"/></Choices></View>"""


class FakeModel:
    """Predicts Positive for texts with the word good; the score grows with the length."""

    version = "fake:1"

    def classify(
        self, subjects: Sequence[tuple[Control, str]], *, with_evidence: bool
    ) -> list[Classification]:
        assert not with_evidence
        return [self._classify(text) for _, text in subjects]

    def _classify(self, text: str) -> Classification:
        label = LABELS["good" in text]
        score = 1 - 1 / (2 + len(text))
        other = LABELS["good" not in text]
        return Classification(label, score, {label: score, other: 1 - score})


class FakeReference(ModelReference):
    """A model that is not loaded from disk."""

    def load(self, compiled: Path | None) -> LoadedModel:  # noqa: ARG002
        return FakeModel()  # type: ignore[return-value]


REFERENCE = FakeReference(Path(), FakeModel.version, Labels(LABELS))


@dataclass(frozen=True)
class FakeEngine:
    """Annotates in this process, and fails after a number of chunks."""

    chunks: int | None = None
    name: ClassVar = "local"

    def annotate(
        self,
        inputs: Inputs,
        annotator: Annotator,
        *,
        done: int,
        scratch: Path,  # noqa: ARG002
    ) -> Iterator[EncodedChunk]:
        loaded = annotator.load(None)
        for number, chunk in enumerate(islice(inputs.chunks(), done, None)):
            if number == self.chunks:
                raise EngineError("The engine failed.")
            yield loaded(chunk)
        if self.chunks is not None:
            raise EngineError("The engine failed.")


def run_files(
    *inputs: str | Path,
    out: Path,
    to: str | None = None,
    part_size: int | None = None,
    rejects: Path | None = None,
    summary: Path | None = None,
    resume: bool = False,
    fails_after: int | None = None,
) -> Summary:
    """Run the steps of the verb for files with a fake model."""
    named = [str(path) if path else None for path in (rejects, summary)]
    output = Output.at(str(out), to, part_size, *named)
    passed_over: dict[File, str] = {}
    found = sources.find(list(map(str, inputs)), None, output.written(), passed_over)
    sources.check_apart(found, output.replaced())
    annotator = Annotator.of(REFERENCE, CONFIG, None)
    counts = sources.count_by_reason(passed_over)
    rows = Inputs(found, Reading("utf-8", annotator.columns), counts)
    output.prepare()
    return run(rows, annotator, FakeEngine(fails_after), output, resume=resume, quiet=True)


@pytest.fixture
def model() -> FakeModel:
    return FakeModel()


@pytest.fixture
def controls() -> tuple[Control, ...]:
    return labeling_config.parse(CONFIG, labeling_config.Labels(LABELS)).controls
