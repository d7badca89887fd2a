"""Measure a worker's processor time per request, and compare it with other checkouts.

A bare ASGI app is measured, too: it shows the cost of the network and the HTTP server. The servers
take turns, one runs at a time, and the medians of the rounds are printed.
"""

import argparse
import json
import tempfile
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from loadtests.bench import usage, wrk
from loadtests.bench.report.page import table
from loadtests.bodies import predict_bodies
from loadtests.server import data_below, run_server, serve_command

ROOT = Path(__file__).parents[2]

_WARM_UP_SECONDS = 1.0
_SHORT_REVIEW = "A good film, all in all."


@dataclass(frozen=True)
class Load:
    """Connections that each send their next request after a response."""

    tasks: int
    """Number of tasks in a request."""
    connections: int
    is_short: bool = False
    """Whether the reviews have only a few words, so that the network costs almost nothing."""

    @property
    def name(self) -> str:
        """Return the number of tasks, and whether the reviews are short."""
        return f"{self.tasks} short" if self.is_short else str(self.tasks)

    def bodies(self) -> list[bytes]:
        """Return the bodies of requests."""
        return [self._shortened(body) for body in predict_bodies(self.tasks)]

    def _shortened(self, body: bytes) -> bytes:
        if not self.is_short:
            return body
        request = json.loads(body)
        for task in request["tasks"]:
            task["data"]["review"] = _SHORT_REVIEW
        return json.dumps(request).encode()


LOADS = (Load(1, 16, is_short=True), Load(1, 1), Load(1, 16), Load(1, 64), Load(50, 16))


@dataclass(frozen=True)
class Candidate:
    """A server to measure."""

    name: str
    command: Callable[[int], list[str]]
    """Returns the arguments of Python for a port."""
    folder: Path = ROOT
    """The checkout that it runs from."""


def bare_command(port: int) -> list[str]:
    """Return the arguments of Python for the bare app, on the event loop that BentoML uses."""
    return [
        *("-m", "uvicorn", "loadtests.bench.apps.bare:app", "--port", str(port)),
        *("--loop", "uvloop", "--http", "httptools", "--no-access-log"),
    ]


@dataclass(frozen=True)
class Cost:
    """One load on one server in one round."""

    requests_per_second: float
    p99_ms: float
    cpu_microseconds: float
    """Processor time per request, of all processes of the server."""


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(prog="python -m loadtests.bench.cpu", description=__doc__)
    parser.add_argument(
        "--beside", type=Path, action="append", default=[], help="another checkout to measure"
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5.0, help="of each load")
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="a setting of the servers"
    )
    options = parser.parse_args()
    settings = dict(item.split("=", 1) for item in options.set)
    candidates = [
        *(Candidate(folder.name, serve_command, folder.absolute()) for folder in options.beside),
        Candidate("ours", serve_command),
        Candidate("bare", bare_command),
    ]
    with tempfile.TemporaryDirectory(prefix="bench-cpu-") as scratch:
        print(render(measure(candidates, options.rounds, options.seconds, settings, Path(scratch))))  # noqa: T201


def measure(
    candidates: list[Candidate],
    rounds: int,
    seconds: float,
    settings: Mapping[str, str],
    scratch: Path,
) -> dict[tuple[Load, str], list[Cost]]:
    """Return the costs of each round by load and server; files go to `scratch`."""
    costs: dict[tuple[Load, str], list[Cost]] = defaultdict(list)
    for load in LOADS:
        _bodies(scratch, load).write_bytes(b"\n".join(load.bodies()) + b"\n")
    for number in range(rounds):
        for candidate in candidates:
            for load, cost in _visit(candidate, number, seconds, settings, scratch).items():
                costs[load, candidate.name].append(cost)
    return costs


def _visit(
    candidate: Candidate, number: int, seconds: float, settings: Mapping[str, str], scratch: Path
) -> dict[Load, Cost]:
    data = scratch / f"{candidate.name}-{number}"
    data.mkdir()
    one_worker = {**data_below(data), "SENTIMENT_WORKERS": "1", **settings}
    log = scratch / f"{candidate.name}.log"
    costs = {}
    with run_server(candidate.command, log, one_worker, folder=candidate.folder) as server:
        server.wait_until_answered("/predict", predict_bodies(1)[0])
        target = f"{server.url}/predict"
        for load in LOADS:
            bodies = _bodies(scratch, load)
            wrk.run(target, bodies, connections=load.connections, seconds=_WARM_UP_SECONDS)
            before = usage.cpu_seconds(server)
            figures = wrk.run(target, bodies, connections=load.connections, seconds=seconds)
            spent = usage.cpu_seconds(server) - before
            if figures.failures or not figures.requests:
                raise RuntimeError(f"{candidate.name} failed requests: see {log}.")
            costs[load] = Cost(
                figures.requests / figures.seconds,
                figures.p99_ms,
                spent / figures.requests * 1e6,
            )
    return costs


def render(costs: Mapping[tuple[Load, str], list[Cost]]) -> str:
    """Return the medians as a table, one row for each load and server."""
    rows = [
        [
            load.name,
            f"{load.connections}",
            name,
            f"{median(cost.requests_per_second for cost in of_rounds):,.0f}",
            f"{median(cost.p99_ms for cost in of_rounds):.1f}",
            f"{median(cost.cpu_microseconds for cost in of_rounds):.0f}",
        ]
        for (load, name), of_rounds in sorted(
            costs.items(), key=lambda item: (LOADS.index(item[0][0]), item[0][1])
        )
    ]
    head = ["tasks", "connections", "server", "requests/s", "p99, ms", "CPU, µs/request"]
    return table(head, rows, texts=3)


def _bodies(scratch: Path, load: Load) -> Path:
    return scratch / f"bodies-{load.name}.jsonl"


if __name__ == "__main__":
    main()
