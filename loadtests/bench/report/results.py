"""The raw figures of one run of the benchmark."""

import json
from dataclasses import asdict, dataclass

from loadtests.bench.comparison import Comparison, Plan
from loadtests.bench.in_process import InProcess
from loadtests.bench.machine import Machine


@dataclass(frozen=True)
class Results:
    """The figures, and the texts and the machine that they were measured with."""

    date: str
    texts: str
    """The origin of the reviews."""
    machine: Machine
    plan: Plan
    bytes_per_second: float
    """Rate at which one thread reads main memory."""
    in_process: InProcess
    comparison: Comparison

    def to_json(self) -> str:
        """Return the figures as indented JSON."""
        return json.dumps(asdict(self), indent=1) + "\n"
