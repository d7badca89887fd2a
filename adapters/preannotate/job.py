"""What every engine hands to its workers, and what they do with a chunk."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from adapters.label_studio.controls import Control
from adapters.preannotate.model import LoadedModel, ModelReference
from adapters.preannotate.records import Chunk
from adapters.preannotate.results import Result, result_of


@dataclass(frozen=True)
class Job:
    """All that a worker needs to know of a run."""

    model: ModelReference
    controls: Sequence[Control]
    truth: str | None
    """The column that predictions are compared with."""

    def load(self, compiled: Path | None) -> "LoadedJob":
        """The job with its model: see `ModelReference.load`."""
        return LoadedJob(self, self.model.load(compiled))


@dataclass(frozen=True)
class LoadedJob:
    """A job that can be done."""

    job: Job
    model: LoadedModel

    def __call__(self, chunk: Chunk) -> Result:
        """The result of one chunk."""
        return result_of(chunk, self.job.controls, self.model, self.job.truth)
