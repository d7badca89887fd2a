"""The annotated texts of one control, and what a training says about each annotation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from model_store.budget.consensus import Votes
from model_store.learning.candidate import Answers
from model_store.learning.duplicates import near_duplicates
from model_store.learning.split import counted, folds, missing
from model_store.model.classification import Kind


@dataclass(frozen=True)
class TrainingSet:
    """The annotated texts of one control; the three lists have equal lengths."""

    control: str
    labels: tuple[str, ...]
    tasks: Sequence[int]
    texts: Sequence[str]
    answers: Answers
    """The labels of each text; none for a text of which its annotators say different things, until
    the training decides."""
    kind: Kind = "single"
    votes: Sequence[Votes] = ()
    """What each annotator said of each text that has several; empty if no text has."""
    before: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    """The labels that corrected tasks had before."""

    def __getitem__(self, rows: NDArray[np.bool_]) -> "TrainingSet":
        """Return some of the texts."""
        kept = np.flatnonzero(rows).tolist()
        return replace(
            self,
            tasks=[self.tasks[row] for row in kept],
            texts=[self.texts[row] for row in kept],
            answers=[self.answers[row] for row in kept],
            votes=[self.votes[row] for row in kept] if self.votes else (),
        )

    @property
    def undecided(self) -> NDArray[np.bool_]:
        """(texts,): whether the annotators of a text leave it without an answer."""
        return np.array([self.kind != "multiple" and not each for each in self.answers], dtype=bool)

    @property
    def disagreed(self) -> NDArray[np.bool_]:
        """(texts,): whether annotators of a text disagree."""
        return np.array([len(set(each.values())) > 1 for each in self.votes], dtype=bool)

    @property
    def lacking(self) -> str | None:
        """A sentence that says how many annotations are missing, or None."""
        texts = len(self.answers) - int(self.undecided.sum())
        return missing(counted(self.answers), self.labels, self.kind, texts)

    def folds(self, project: str) -> NDArray[np.int64]:
        """Return (texts,) folds; texts that are nearly the same are in one."""
        return folds(project, self.tasks, near_duplicates(self.texts).tolist())


@dataclass(frozen=True)
class Judgement:
    """What a head that has not learned from a task says about its annotation."""

    task: int
    given: tuple[str, ...]
    """The labels that the training learned."""
    predicted: tuple[str, ...]
    score: float
    """How certain the prediction is, in 0..1."""
    quality: float
    """How likely the annotation is right, in 0..1."""
    is_suspect: bool = False
    is_disputed: bool = False
    """Whether annotators disagree, and neither their number nor the model decides."""
