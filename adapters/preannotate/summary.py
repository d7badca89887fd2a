"""What a run did, for people and for programs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from adapters.preannotate.files import File
from adapters.preannotate.truth import Comparison


def write_summary(content: Mapping[str, Any], path: Path) -> None:
    """What a run did, as JSON; `placing.prepare` sees before the run that it can be written."""
    path.write_bytes(orjson.dumps(content, option=orjson.OPT_INDENT_2) + b"\n")


@dataclass(frozen=True)
class Summary:
    """What a run did; counts are those of all its parts, before and after an interruption."""

    model_version: str
    engine: str
    files: int
    rows: int
    tasks: int
    rejected: int
    reasons: Mapping[str, int]
    """Rejected rows by reason."""
    outputs: Sequence[File]
    rejects: File | None
    """Where the rejected rows are listed, if there are any."""
    seconds: float
    """Of this run alone, as the next two."""
    rows_per_second: float
    resumed_after_rows: int
    truth: Comparison | None

    def to_json(self) -> dict[str, Any]:
        """What `--summary` writes."""
        return {
            **vars(self),
            "reasons": dict(self.reasons),
            "outputs": [str(file) for file in self.outputs],
            "rejects": str(self.rejects) if self.rejects else None,
            "truth": self.truth.to_json() if self.truth else None,
        }

    def __str__(self) -> str:
        first, *more = self.outputs
        where = f"{first} and {len(more)} more parts" if more else str(first)
        rate = f"{self.seconds:.1f} s, {self.rows_per_second:,.0f} rows/s"
        lines = [
            f"{self.tasks:,} tasks with predictions of {self.model_version} in {where} ({rate})."
        ]
        if self.rejected:
            lines.append(f"{self.rejected:,} rows rejected, listed in {self.rejects}:")
            ordered = sorted(self.reasons.items(), key=lambda item: -item[1])
            lines += [f"  {count:,}: {reason}" for reason, count in ordered]
        if self.truth:
            lines.append(str(self.truth))
        return "\n".join(lines)
