"""Figures as tables for the terminal."""

from loadtests.figures import RouteFigures, ScenarioFigures
from loadtests.table import format_figures, format_routes
from loadtests.thresholds import Limits, Miss

ROUTES = [
    RouteFigures("/health", 12345, 0, 1, 2, 3, 4.4, 50.04, 0),
    RouteFigures("/predict (1 task)", 7, 1, 10, 20, 30, 1234.5, 0.25, 0.2),
]
MEASURED = [ScenarioFigures("mixed", ROUTES, {"failures": 1, "memory_growth": 0.0123})]


def test_each_route_has_a_line_with_its_verdict() -> None:
    lines = format_routes(MEASURED, [Miss("mixed", "/health", "too slow")]).splitlines()
    assert [" ".join(line.split()) for line in lines[1:]] == [
        "mixed /health 12345 0 1 2 3 4 50.0 0 MISSED",
        "mixed /predict (1 task) 7 1 10 20 30 1234 0.2 0 ok",
    ]


def test_all_lines_are_equally_long() -> None:
    assert len({len(line) for line in format_routes(MEASURED, []).splitlines()}) == 1


def test_each_figure_has_a_line_with_its_threshold() -> None:
    limits = {"mixed": Limits(at_most={"failures": 0}, at_least={"memory_growth": 0.01})}
    lines = format_figures(MEASURED, limits, [Miss("mixed", "failures", "one")]).splitlines()
    assert [" ".join(line.split()) for line in lines[1:]] == [
        "mixed failures 1 at most 0 MISSED",
        "mixed memory_growth 0.0123 at least 0.01 ok",
    ]


def test_the_throughput_of_one_scenario_is_compared_to_another_ones() -> None:
    other = ScenarioFigures("annotators", [RouteFigures("/", 1, 0, 1, 1, 1, 1, 1, 0.1)], {})
    compared = MEASURED[0].compared_to(other)
    assert compared.figures["throughput_to_annotators"] == 2
