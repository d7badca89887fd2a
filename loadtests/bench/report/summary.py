"""Summarize the raw figures of all rounds: medians, rates and ratios."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from statistics import median

from loadtests.bench import bandwidth, in_process
from loadtests.bench.comparison import Comparison, Load, Measurement, Visit
from loadtests.bench.in_process import InProcess


@dataclass(frozen=True)
class LoadSummary:
    """One load on one server: medians over the rounds, and the total of failures."""

    requests_per_second: float
    tasks_per_second: float
    p50_ms: float
    p99_ms: float
    cpu_per_1000_tasks: float
    """Seconds."""
    failures: int


@dataclass(frozen=True)
class ServerSummary:
    """The figures of a server that do not depend on a load: medians over the rounds."""

    ready_seconds: float
    idle_ms: float
    peak_mib: float
    same_labels: float


@dataclass(frozen=True)
class Rate:
    """One way of classifying in process, with its fastest batch size."""

    batch_size: int | None
    reviews_per_second: float


def of_load(comparison: Comparison, server: str, load: Load) -> LoadSummary:
    """Return the figures of one load on one server."""
    runs = [run for run in comparison.measurements if run.server == server and run.load == load]
    rate = _median(runs, lambda run: run.figures.requests / run.figures.seconds)
    return LoadSummary(
        requests_per_second=rate,
        tasks_per_second=rate * load.tasks,
        p50_ms=_median(runs, lambda run: run.figures.p50_ms),
        p99_ms=_median(runs, lambda run: run.figures.p99_ms),
        cpu_per_1000_tasks=_median(runs, _cpu_per_1000_tasks),
        failures=sum(run.figures.failures for run in runs),
    )


def of_server(comparison: Comparison, server: str) -> ServerSummary:
    """Return the figures of a server that do not depend on a load."""
    visits = [visit for visit in comparison.visits if visit.server == server]

    def middle(value: Callable[[Visit], float]) -> float:
        return median(map(value, visits))

    return ServerSummary(
        ready_seconds=middle(lambda visit: visit.ready_seconds),
        idle_ms=middle(lambda visit: visit.idle_ms),
        peak_mib=middle(lambda visit: visit.peak_bytes / 2**20),
        same_labels=middle(lambda visit: visit.same_labels),
    )


def of_process(measured: InProcess) -> dict[str, Rate]:
    """Return the reviews per second of each way of classifying, in the order of the timings."""
    rates: dict[str, Rate] = {}
    for timing in measured.timings:
        rate = Rate(timing.batch_size, measured.texts / median(timing.seconds))
        known = rates.get(timing.way, rate)
        rates[timing.way] = max(known, rate, key=lambda item: item.reviews_per_second)
    return rates


def table_limit(measured: InProcess, bytes_per_second: float) -> float:
    """Return the reviews per second that memory allows if no row of the table is in a cache."""
    tokens = bandwidth.limit(
        bytes_per_second,
        offsets=measured.offsets,
        filters=measured.filters,
        itemsize=measured.itemsize,
    )
    return tokens / measured.mean_tokens


def share_of_limit(measured: InProcess, bytes_per_second: float) -> float:
    """Return the share of `table_limit` that the compiled network reaches."""
    reached = of_process(measured)[in_process.COMPILED].reviews_per_second
    return reached / table_limit(measured, bytes_per_second)


def ratios(ours: LoadSummary, other: LoadSummary) -> dict[str, float]:
    """Return our figures divided by another server's, by name; without failures, often 0."""
    return {
        field.name: getattr(ours, field.name) / getattr(other, field.name)
        for field in fields(LoadSummary)
        if field.name != "failures"
    }


def _median(runs: Iterable[Measurement], value: Callable[[Measurement], float]) -> float:
    return median(map(value, runs))


def _cpu_per_1000_tasks(run: Measurement) -> float:
    return run.cpu_seconds / (run.figures.requests * run.load.tasks) * 1000
