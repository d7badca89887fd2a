"""Format figures and verdicts as tables for the terminal."""

from collections.abc import Collection, Mapping, Sequence

from loadtests.figures import ScenarioFigures
from loadtests.thresholds import Limits, Miss

_ROUTES_HEADER = (
    *("scenario", "route", "requests", "failures"),
    *("p50 ms", "p95 ms", "p99 ms", "max ms", "req/s", "tasks/s", "verdict"),
)
_FIGURES_HEADER = ("scenario", "figure", "value", "threshold", "verdict")
_TEXT_COLUMNS = (0, 1)


def format_routes(measured: Sequence[ScenarioFigures], misses: Collection[Miss]) -> str:
    """Return a table with a line for each route of each scenario."""
    rows = [
        (
            scenario.scenario,
            route.route,
            *(str(count) for count in (route.requests, route.failures)),
            *(f"{time:.0f}" for time in (route.p50, route.p95, route.p99, route.max)),
            f"{route.requests_per_second:.1f}",
            f"{route.tasks_per_second:.0f}",
            _verdict(scenario.scenario, route.route, misses),
        )
        for scenario in measured
        for route in scenario.routes
    ]
    return _align([_ROUTES_HEADER, *rows])


def format_figures(
    measured: Sequence[ScenarioFigures], limits: Mapping[str, Limits], misses: Collection[Miss]
) -> str:
    """Return a table with a line for each figure of a scenario as a whole."""
    rows = [
        (
            scenario.scenario,
            figure,
            f"{value:.4g}",
            limits.get(scenario.scenario, Limits()).describe(figure),
            _verdict(scenario.scenario, figure, misses),
        )
        for scenario in measured
        for figure, value in scenario.figures.items()
    ]
    return _align([_FIGURES_HEADER, *rows])


def _verdict(scenario: str, subject: str, misses: Collection[Miss]) -> str:
    missed = any((miss.scenario, miss.subject) == (scenario, subject) for miss in misses)
    return "MISSED" if missed else "ok"


def _align(rows: Sequence[Sequence[str]]) -> str:
    """Return the rows as lines, with columns as wide as their widest cell."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column in _TEXT_COLUMNS else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    )
