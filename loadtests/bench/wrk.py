"""Run the load generator wrk: each connection sends its next request after a response."""

import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

_SCRIPT = Path(__file__).with_name("load.lua")
_PATIENCE_SECONDS = 60
"""Maximum time that wrk waits for responses after the last request."""


@dataclass(frozen=True)
class Figures:
    """The figures of one run; latencies are in milliseconds."""

    requests: int
    """Number of answered requests."""
    failures: int
    """Number of requests without a response, or with a status other than 200."""
    seconds: float
    """Time from the first request to the last response."""
    p50_ms: float
    p99_ms: float


class MissingError(Exception):
    """wrk is not installed."""

    def __init__(self) -> None:
        super().__init__(
            "The benchmark needs the load generator wrk: install it, "
            "on Debian and Ubuntu with `apt-get install wrk`."
        )


def find() -> str:
    """Return the path of wrk. Raises MissingError."""
    path = shutil.which("wrk")
    if path is None:
        raise MissingError
    return path


def run(url: str, bodies: Path, *, connections: int, seconds: float) -> Figures:
    """Post the lines of a file in turn for `seconds`, then wait for all responses."""
    limit = round(seconds + _PATIENCE_SECONDS)
    command = [
        *(find(), "--threads", "1", "--connections", str(connections)),
        *("--duration", f"{limit}s", "--timeout", f"{limit}s", "--script", str(_SCRIPT)),
        *(url, "--", str(bodies), str(seconds)),
    ]
    return parse(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def parse(output: str) -> Figures:
    """Return the figures from the last line of wrk's output, which the script prints."""
    return Figures(**json.loads(output.splitlines()[-1]))
