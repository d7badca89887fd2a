"""The load generator, wrk: connections that each send the next request upon an answer."""

import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

_SCRIPT = Path(__file__).with_name("load.lua")
_PATIENCE_SECONDS = 60
"""How long wrk goes on at most after the last request was sent."""


@dataclass(frozen=True)
class Figures:
    """What wrk counted in one run; times in milliseconds but for `seconds`."""

    requests: int
    """Those that were answered."""
    failures: int
    """Requests without an answer, or with a status other than 200."""
    seconds: float
    """From the first request to the last answer."""
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
    """The path of wrk; raises MissingError."""
    path = shutil.which("wrk")
    if path is None:
        raise MissingError
    return path


def run(url: str, bodies: Path, *, connections: int, seconds: float) -> Figures:
    """Post the lines of a file in turn, for so long, and wait for the answers to all of them."""
    limit = round(seconds + _PATIENCE_SECONDS)
    command = [
        *(find(), "--threads", "1", "--connections", str(connections)),
        *("--duration", f"{limit}s", "--timeout", f"{limit}s", "--script", str(_SCRIPT)),
        *(url, "--", str(bodies), str(seconds)),
    ]
    return parse(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def parse(output: str) -> Figures:
    """The figures in wrk's output, of which the script writes the last line."""
    return Figures(**json.loads(output.splitlines()[-1]))
