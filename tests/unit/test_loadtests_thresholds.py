"""Figures are compared with their thresholds."""

from dataclasses import replace
from pathlib import Path

from loadtests.figures import RouteFigures, ScenarioFigures
from loadtests.thresholds import Limits, judge, read_limits

ROUTE = RouteFigures(
    route="/health",
    requests=10,
    failures=0,
    p50=10,
    p95=20,
    p99=30,
    max=90,
    requests_per_second=5,
    tasks_per_second=0,
)
MEASURED = ScenarioFigures("mixed", [ROUTE], {"failures": 0, "served_to_peak": 0.95})
LIMITS = Limits(
    at_most={"failures": 0},
    at_least={"served_to_peak": 0.9},
    milliseconds={"/health": {"p50": 10, "p95": 20, "p99": 30, "max": 90}},
)


def misses(measured: ScenarioFigures = MEASURED, limits: Limits = LIMITS) -> list[str]:
    return [str(miss) for miss in judge(measured, limits)]


def test_a_figure_equal_to_its_threshold_is_no_miss() -> None:
    assert misses() == []


def test_a_figure_above_its_threshold_is_a_miss_that_says_both() -> None:
    limits = replace(LIMITS, milliseconds={"/health": {"p50": 9, "p95": 20, "p99": 30}})
    assert misses(limits=limits) == ["mixed, /health: p50 10 ms, at most 9 ms"]


def test_a_ratio_below_its_threshold_is_a_miss() -> None:
    limits = replace(LIMITS, at_least={"served_to_peak": 0.96})
    assert misses(limits=limits) == ["mixed, served_to_peak: 0.95, at least 0.96"]


def test_a_figure_without_a_threshold_is_a_miss() -> None:
    limits = replace(LIMITS, at_least={})
    assert misses(limits=limits) == ["mixed, served_to_peak: no threshold"]


def test_a_percentile_without_a_threshold_is_a_miss() -> None:
    limits = replace(LIMITS, milliseconds={"/health": {"p50": 10}})
    assert misses(limits=limits) == ["mixed, /health: no threshold for p95, p99"]


def test_a_threshold_without_a_figure_is_a_miss() -> None:
    measured = replace(MEASURED, routes=[], figures={"failures": 0})
    assert misses(measured) == [
        "mixed, served_to_peak: not measured",
        "mixed, /health: not measured",
    ]


def test_a_route_without_requests_is_a_miss() -> None:
    measured = replace(MEASURED, routes=[replace(ROUTE, requests=0)])
    assert misses(measured) == ["mixed, /health: no requests"]


def test_a_figure_that_is_not_a_number_is_a_miss() -> None:
    measured = replace(MEASURED, figures={"failures": 0, "served_to_peak": float("nan")})
    assert misses(measured) == ["mixed, served_to_peak: nan, at least 0.9"]


def test_limits_are_read_by_scenario(tmp_path: Path) -> None:
    path = tmp_path / "thresholds.toml"
    path.write_text(
        "[soak]\nat_most = {memory_growth = 0.05}\n[soak.milliseconds]\n'/setup' = {p50 = 40}\n"
    )
    assert read_limits(path) == {
        "soak": Limits(at_most={"memory_growth": 0.05}, milliseconds={"/setup": {"p50": 40}})
    }
