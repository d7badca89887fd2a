"""Report a run: its progress bar, its summary, and the comparison with a truth column."""

import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from tqdm import tqdm

from adapters.preannotate.duplicates import Duplicates
from adapters.preannotate.errors import naming
from adapters.preannotate.readers.sources import passed_over_text
from adapters.preannotate.results import UNKNOWN, Confusion
from adapters.preannotate.storage import File, printable, put
from adapters.preannotate.work_folder import Checkpoint

_BAR = "{desc} {percentage:3.0f}% |{bar}| {elapsed} gone, {remaining} left{postfix}"
_BAR_WITHOUT_TOTAL = "{desc} {elapsed} gone{postfix}"


@dataclass(frozen=True)
class Comparison:
    """Predictions compared with a labelled column: accuracy and confusion matrix."""

    column: str
    labels: Sequence[str]
    confusion: Confusion

    @property
    def compared(self) -> int:
        """Number of rows whose column names one of the labels."""
        return sum(count for (true, _), count in self.confusion.items() if true != UNKNOWN)

    @property
    def others(self) -> int:
        """Number of rows whose column holds another value."""
        return self.confusion.total() - self.compared

    @property
    def accuracy(self) -> float | None:
        """Share of the compared rows with a correct prediction; None without compared rows."""
        right = sum(self.confusion[label, label] for label in self.labels)
        return right / self.compared if self.compared else None

    def to_json(self) -> dict[str, Any]:
        """Return JSON values; `confusion` has a row per true label, a column per prediction."""
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
            lines.append(f'{self.others:,} rows have another value in "{self.column}".')
        return "\n".join(lines)

    def _table(self) -> list[str]:
        rows = [["", *self.labels]]
        for true in self.labels:
            counts = [f"{self.confusion[true, label]:,}" for label in self.labels]
            rows.append([true, *counts])
        width = max(len(cell) for row in rows for cell in row)
        return ["  ".join(cell.rjust(width) for cell in row) for row in rows]


@dataclass(frozen=True)
class Summary:
    """The counts of a run, including the work before an interruption."""

    model_version: str
    engine: str
    files: int
    passed_over: Mapping[str, int]
    """Files that folders and patterns pass over, by reason: see `sources.find`."""
    rows: int
    tasks: int
    rejected: int
    reasons: Mapping[str, int]
    """Rejected rows by reason."""
    unread_rests: int
    """Files whose rest cannot be read: its number of rows is not known."""
    outputs: Sequence[File]
    rejects: File | None
    """The list of rejected rows, if there are any."""
    seconds: float
    """Duration of this run, without the time before an interruption."""
    rows_per_second: float
    """Rate of this run."""
    resumed_after_rows: int
    """Rows done before this run."""
    truth: Comparison | None
    duplicates: Duplicates | None = None
    """Tasks with nearly the same text, if they were looked for."""

    def to_json(self) -> dict[str, Any]:
        """Return the content of the file that `--summary` names."""
        return {
            **vars(self),
            "passed_over": dict(self.passed_over),
            "reasons": dict(self.reasons),
            "outputs": [printable(file) for file in self.outputs],
            "rejects": printable(self.rejects) if self.rejects else None,
            "truth": self.truth.to_json() if self.truth else None,
            "duplicates": vars(self.duplicates) if self.duplicates else None,
        }

    def __str__(self) -> str:
        first, *more = self.outputs
        name = printable(first)
        where = f"{name} and {len(more)} more parts" if more else name
        rate = f"{self.seconds:.1f} s, {self.rows_per_second:,.0f} rows/s"
        lines = [
            f"{self.tasks:,} tasks with predictions of {self.model_version} in {where} ({rate})."
        ]
        if self.rejected:
            place = "--rejects FILE lists them"
            if self.rejects:
                place = f"listed in {printable(self.rejects)}"
            lines.append(f"{self.rejected:,} rows rejected, {place}:")
            ordered = sorted(self.reasons.items(), key=lambda item: -item[1])
            lines += [f"  {count:,}: {reason}" for reason, count in ordered]
        if self.unread_rests:
            lines.append(
                f"The rest of {self.unread_rests:,} files was not read: unknown number of rows."
            )
        if self.passed_over:
            lines.append(f"{passed_over_text(self.passed_over)}.")
        if self.duplicates:
            lines.append(str(self.duplicates))
        if self.truth:
            lines.append(str(self.truth))
        return "\n".join(lines)


def write_summary(content: Mapping[str, Any], file: File, scratch: Path) -> None:
    """Write a summary as JSON, by way of a draft in the folder `scratch`; raises OSError.

    Check with `storage.prepare` before the run that this will work.
    """
    draft = scratch / "summary"
    with naming(draft):
        draft.write_bytes(orjson.dumps(content, option=orjson.OPT_INDENT_2) + b"\n")
    put(draft, file)


class ProgressBar:
    """A bar that advances by bytes of the inputs, because the number of rows is not known."""

    def __init__(self, bar: "tqdm[None]", start: Checkpoint) -> None:
        self._bar = bar
        self._start_rows = start.rows
        self._start = time.monotonic()

    def show(self, checkpoint: Checkpoint) -> None:
        """Update the bar."""
        elapsed = max(time.monotonic() - self._start, 1e-9)
        rate = (checkpoint.rows - self._start_rows) / elapsed
        self._bar.set_postfix_str(
            f"{checkpoint.rows:,} rows, {rate:,.0f} rows/s, {checkpoint.rejected:,} rejected",
            refresh=False,
        )
        self._bar.update(checkpoint.consumed - self._bar.n)


@contextmanager
def progress_bar(start: Checkpoint, total: int, *, quiet: bool) -> Iterator[ProgressBar]:
    """Show a bar on standard error until the end of the block, if that is a terminal.

    `total` is the size of the inputs in bytes; 0 if it is not known.
    """
    with tqdm(
        total=total or None,
        initial=start.consumed,
        desc="preannotate",
        bar_format=_BAR if total else _BAR_WITHOUT_TOTAL,
        disable=True if quiet else None,
        file=sys.stderr,
        leave=False,
    ) as bar:
        yield ProgressBar(bar, start)
