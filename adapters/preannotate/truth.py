"""Predictions beside a labelled column: how many agree, and which are taken for which."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from adapters.preannotate.results import UNKNOWN, Confusion


@dataclass(frozen=True)
class Comparison:
    """What came of `--truth`."""

    column: str
    labels: Sequence[str]
    confusion: Confusion

    @property
    def compared(self) -> int:
        """Rows whose column names one of the labels."""
        return sum(count for (true, _), count in self.confusion.items() if true != UNKNOWN)

    @property
    def others(self) -> int:
        """Rows whose column holds something else."""
        return self.confusion.total() - self.compared

    @property
    def accuracy(self) -> float | None:
        """The share of the compared rows that agree; None if there are none."""
        right = sum(self.confusion[label, label] for label in self.labels)
        return right / self.compared if self.compared else None

    def to_json(self) -> dict[str, Any]:
        """For the summary; `confusion` holds a list for each true label, by predicted label."""
        return {
            "column": self.column,
            "compared": self.compared,
            "other_values": self.others,
            "accuracy": self.accuracy,
            "labels": list(self.labels),
            "confusion": [
                [self.confusion[true, label] for label in self.labels] for true in self.labels
            ],
        }

    def __str__(self) -> str:
        if self.accuracy is None:
            lines = [f'No row has one of {", ".join(self.labels)} in "{self.column}".']
        else:
            head = f'Accuracy {self.accuracy:.2%} on {self.compared:,} labels in "{self.column}"'
            lines = [f"{head}; rows: true, columns: predicted.", *self._table()]
        if self.others:
            lines.append(f'{self.others:,} rows have something else in "{self.column}".')
        return "\n".join(lines)

    def _table(self) -> list[str]:
        rows = [["", *self.labels]]
        for true in self.labels:
            counts = [f"{self.confusion[true, label]:,}" for label in self.labels]
            rows.append([true, *counts])
        width = max(len(cell) for row in rows for cell in row)
        return ["  ".join(cell.rjust(width) for cell in row) for row in rows]
