"""Compare the three servers under the same loads: in each round, start, measure and stop each.

One server runs at a time, and the servers take turns, so that a noisy minute hits all of them.
"""

import json
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from loadtests.answers import problem_of_predictions
from loadtests.bench import servers, usage, wrk
from loadtests.bodies import predict_bodies
from loadtests.connection import call
from loadtests.server import Server

logger = logging.getLogger(__name__)

LARGE = 1000
"""Number of tasks in the request that is checked, and timed on an idle server."""

_IDLE_SECONDS = 1.0
_PAUSE_SECONDS = 0.1
_PATIENCE_SECONDS = 120.0


@dataclass(frozen=True)
class Load:
    """Connections that each send requests with this many tasks, one after the other."""

    tasks: int
    connections: int


LOADS = (Load(1, 16), Load(50, 16), Load(LARGE, 1))


@dataclass(frozen=True)
class Plan:
    """How long to measure."""

    rounds: int
    seconds: float
    """How long each load sends requests."""
    warm_up_seconds: float


@dataclass(frozen=True)
class Measurement:
    """One load on one server in one round."""

    server: str
    round: int
    load: Load
    figures: wrk.Figures
    cpu_seconds: float
    """Processor time of all processes of the server."""


@dataclass(frozen=True)
class Visit:
    """One start of one server, and its figures that do not depend on a load."""

    server: str
    round: int
    ready_seconds: float
    idle_ms: float
    """Time of a single request of 1,000 tasks on the idle server."""
    same_labels: float
    """Share of 1,000 texts that get the same label as from the eager network in float32."""
    peak_bytes: int
    """Peak memory as PSS, from the first response to the end of the last load."""


@dataclass(frozen=True)
class Comparison:
    """All measurements of the three servers."""

    visits: list[Visit]
    measurements: list[Measurement]


def compare(plan: Plan, labels: Sequence[str], folder: Path) -> Comparison:
    """Measure all servers by a plan; `labels` are the labels of `large_texts`.

    Writes the servers' logs into `folder`. Raises RuntimeError if a server does not start, or does
    not predict a task.
    """
    for load in LOADS:
        _bodies_file(folder, load).write_bytes(b"\n".join(predict_bodies(load.tasks)) + b"\n")
    result = Comparison([], [])
    for number in range(1, plan.rounds + 1):
        for product in servers.PRODUCTS:
            logger.info("Round %d of %d: %s ...", number, plan.rounds, product.name)
            log = folder / f"{product.name}.log"
            with (
                servers.run(product, predict_bodies(1)[0], log) as running,
                usage.watched_memory(running.server) as peak,
            ):
                same_labels = _check(running.server, labels)
                idle_ms = _time_idle(running.server)
                result.measurements.extend(
                    Measurement(
                        product.name, number, load, *_measure(running.server, load, plan, folder)
                    )
                    for load in LOADS
                )
            result.visits.append(
                Visit(product.name, number, running.ready_seconds, idle_ms, same_labels, peak.bytes)
            )
    return result


def large_texts() -> list[str]:
    """Return the texts of the request that is checked and timed, in order."""
    tasks = json.loads(predict_bodies(LARGE)[0])["tasks"]
    return [task["data"]["review"] for task in tasks]


def _measure(server: Server, load: Load, plan: Plan, folder: Path) -> tuple[wrk.Figures, float]:
    target, bodies = f"{server.url}/predict", _bodies_file(folder, load)
    wrk.run(target, bodies, connections=load.connections, seconds=plan.warm_up_seconds)
    before = usage.cpu_seconds(server)
    figures = wrk.run(target, bodies, connections=load.connections, seconds=plan.seconds)
    if not figures.requests:
        raise RuntimeError(f"The server answered no request under load: see {server.log}.")
    return figures, usage.cpu_seconds(server) - before


def _check(server: Server, labels: Sequence[str]) -> float:
    """Return the share of `labels` that a server predicts; RuntimeError if one is missing."""
    body = _ask_large(server)
    if problem := problem_of_predictions(body, LARGE):
        raise RuntimeError(f"The server's response is wrong: {problem}. See {server.log}.")
    results = json.loads(body)["results"]
    given: list[list[str]] = [result["result"][0]["value"]["choices"] for result in results]
    return sum([label] == choices for label, choices in zip(labels, given, strict=True)) / LARGE


def _time_idle(server: Server) -> float:
    """Return the median in milliseconds of single large requests, with a pause before each."""
    times: list[float] = []
    while sum(times) < _IDLE_SECONDS:
        time.sleep(_PAUSE_SECONDS)
        start = time.perf_counter()
        _ask_large(server)
        times.append(time.perf_counter() - start)
    return median(times) * 1000


def _ask_large(server: Server) -> bytes:
    body = predict_bodies(LARGE)[0]
    answer = call(server.url, "POST", "/predict", body, patience=_PATIENCE_SECONDS)
    if not answer.is_ok:
        raise RuntimeError(f"The server answered with status {answer.status}: see {server.log}.")
    return answer.body


def _bodies_file(folder: Path, load: Load) -> Path:
    return folder / f"bodies-{load.tasks}.jsonl"
