"""Everything that one run of the benchmark has measured, raw."""

import json
from dataclasses import asdict, dataclass

from loadtests.bench.comparison import Comparison, Plan
from loadtests.bench.in_process import InProcess
from loadtests.bench.machine import Machine


@dataclass(frozen=True)
class Results:
    """The figures, and what they are measured on."""

    date: str
    texts: str
    """Where the reviews are from."""
    machine: Machine
    plan: Plan
    bytes_per_second: float
    """That one thread reads of main memory."""
    in_process: InProcess
    comparison: Comparison

    def to_json(self) -> str:
        """All of it, as a document that a person can read."""
        return json.dumps(asdict(self), indent=1) + "\n"
