"""Compare figures with the limits in `thresholds.toml`."""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import inf
from pathlib import Path

from loadtests.figures import RouteFigures, ScenarioFigures

THRESHOLDS = Path(__file__).with_name("thresholds.toml")
_REQUIRED_OF_A_ROUTE = ("p50", "p95", "p99")


@dataclass(frozen=True)
class Limits:
    """The limits of one scenario."""

    at_most: Mapping[str, float] = field(default_factory=dict)
    at_least: Mapping[str, float] = field(default_factory=dict)
    milliseconds: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """For each route, the upper limits of p50, p95, p99 and max."""

    def describe(self, figure: str) -> str:
        """Return the limit of a figure in words."""
        if figure in self.at_most:
            return f"at most {self.at_most[figure]:g}"
        return f"at least {self.at_least[figure]:g}" if figure in self.at_least else "none"


@dataclass(frozen=True)
class Miss:
    """A missed threshold: its scenario, its route or figure, and the reason."""

    scenario: str
    subject: str
    reason: str

    def __str__(self) -> str:
        return f"{self.scenario}, {self.subject}: {self.reason}"


def read_limits(path: Path = THRESHOLDS) -> dict[str, Limits]:
    """Return the limits of each scenario."""
    tables = tomllib.loads(path.read_text(encoding="utf-8"))
    return {scenario: Limits(**table) for scenario, table in tables.items()}


def judge(measured: ScenarioFigures, limits: Limits) -> list[Miss]:
    """Return all misses; a figure without a limit, or a limit without a figure, is also a miss."""
    return [
        Miss(measured.scenario, subject, reason)
        for subject, reason in (
            *_judge_figures(measured.figures, limits),
            *_judge_routes(measured.routes, limits),
        )
    ]


def _judge_figures(figures: Mapping[str, float], limits: Limits) -> Iterator[tuple[str, str]]:
    for name in sorted({*figures, *limits.at_most, *limits.at_least}):
        if name not in figures:
            yield name, "not measured"
        elif name not in limits.at_most and name not in limits.at_least:
            yield name, "no threshold"
        elif not (
            limits.at_least.get(name, -inf) <= figures[name] <= limits.at_most.get(name, inf)
        ):
            yield name, f"{figures[name]:.4g}, {limits.describe(name)}"


def _judge_routes(routes: list[RouteFigures], limits: Limits) -> Iterator[tuple[str, str]]:
    for name in sorted(limits.milliseconds.keys() - {route.route for route in routes}):
        yield name, "not measured"
    for route in routes:
        most = limits.milliseconds.get(route.route, {})
        if not route.requests:
            yield route.route, "no requests"
        if lacking := [figure for figure in _REQUIRED_OF_A_ROUTE if figure not in most]:
            yield route.route, f"no threshold for {', '.join(lacking)}"
        for figure, limit in most.items():
            if not (value := getattr(route, figure)) <= limit:
                yield route.route, f"{figure} {value:.0f} ms, at most {limit:g} ms"
