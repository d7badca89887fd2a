"""The summary, page and plot of the benchmark's raw figures."""

import json
from pathlib import Path

import pytest

from loadtests.bench import bandwidth, in_process, wrk
from loadtests.bench.comparison import LOADS, Comparison, Measurement, Plan, Visit
from loadtests.bench.in_process import InProcess, Timing
from loadtests.bench.machine import Machine
from loadtests.bench.report import page, plot, summary
from loadtests.bench.report.headline import headline
from loadtests.bench.report.results import Results
from loadtests.thresholds import judge, read_limits

SINGLE, FIFTY, LARGE = LOADS
SPEEDS = {"tutorial": 10, "litserve": 100, "ours": 1000}


def make_results() -> Results:
    """Three rounds, in which each server answers 1, 2 and 9 times its speed in requests."""
    rounds = (1, 2, 9)
    measurements = [
        Measurement(
            server=server,
            round=number,
            load=load,
            figures=wrk.Figures(
                requests=speed * factor,
                failures=number - 1,
                seconds=2.0,
                p50_ms=1000 / speed * factor,
                p99_ms=2000 / speed * factor,
            ),
            cpu_seconds=4.0,
        )
        for number, factor in enumerate(rounds, start=1)
        for server, speed in SPEEDS.items()
        for load in LOADS
    ]
    visits = [
        Visit(
            server,
            number,
            ready_seconds=factor,
            idle_ms=50.0,
            same_labels=0.99,
            peak_bytes=factor * 2**30,
        )
        for number, factor in enumerate(rounds, start=1)
        for server in SPEEDS
    ]
    timings = [
        Timing(in_process.EAGER_SINGLE, 1, [2.0, 1.0, 4.0]),
        Timing(in_process.EAGER, 8, [1.0, 1.0, 1.0]),
        Timing(in_process.EAGER, 16, [0.5, 0.5, 3.0]),
        Timing(in_process.COMPILED, None, [0.1, 0.1, 0.1]),
    ]
    return Results(
        date="2026-01-02",
        texts="made up",
        machine=Machine("A processor", 2, 8 * 2**30, "32768K", "A system", {"torch": "2.13.0"}),
        plan=Plan(rounds=3, seconds=6, warm_up_seconds=1),
        bytes_per_second=12e9,
        in_process=InProcess(100, 200.0, 15, 100, 4, timings),
        comparison=Comparison(visits, measurements),
    )


def test_a_load_is_reported_with_medians_and_total_failures() -> None:
    told = summary.of_load(make_results().comparison, "litserve", FIFTY)
    assert told == summary.LoadSummary(
        requests_per_second=100,
        tasks_per_second=5000,
        p50_ms=20,
        p99_ms=40,
        cpu_per_1000_tasks=0.4,
        failures=3,
    )


def test_a_server_is_reported_with_medians() -> None:
    told = summary.of_server(make_results().comparison, "ours")
    assert (told.ready_seconds, told.idle_ms, told.peak_mib) == (2, 50, 2048)


def test_ratios_are_our_figures_divided_by_the_others() -> None:
    comparison = make_results().comparison
    ratios = summary.ratios(
        summary.of_load(comparison, "ours", SINGLE), summary.of_load(comparison, "tutorial", SINGLE)
    )
    assert ratios["requests_per_second"] == 100
    assert ratios["p99_ms"] == pytest.approx(0.01)
    assert "failures" not in ratios


def test_the_fastest_batch_size_is_reported() -> None:
    rates = summary.of_process(make_results().in_process)
    assert rates[in_process.EAGER] == summary.Rate(16, 200)
    assert rates[in_process.EAGER_SINGLE] == summary.Rate(1, 50)


def test_the_limit_is_the_bandwidth_divided_by_the_bytes_of_a_token() -> None:
    assert bandwidth.limit(12e9, offsets=15, filters=100, itemsize=2) == 4e6
    measured = make_results().in_process
    assert summary.table_limit(measured, 12e9) == 10_000
    assert summary.share_of_limit(measured, 12e9) == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("value", "text"),
    [(12345.6, "12,346"), (100, "100"), (54.32, "54.3"), (5.432, "5.43"), (0.05432, "0.054")],
)
def test_a_number_has_about_three_digits(value: float, text: str) -> None:
    assert page.number(value) == text


def test_the_page_has_every_load_on_every_server() -> None:
    text = page.render(make_results())
    for load in LOADS:
        for server in SPEEDS:
            assert f"| {page.describe(load)} | {server} |" in text
    assert "| 50 tasks, 16 connections | ours | 1,000 | 50,000 | 2.00 | 4.00 | 0.040 | 3 |" in text
    assert "| 1 task, 16 connections | ours / tutorial | 100 | 0.010 | 0.010 | 0.010 |" in text


def test_the_page_has_the_limit_and_the_machine() -> None:
    text = page.render(make_results())
    assert "15 rows of 100 elements of 4 bytes, 6,000 bytes" in text
    assert "10,000 reviews/s" in text
    assert "reaches 10% of that" in text
    assert "A processor, 2 cores" in text
    assert "torch 2.13.0" in text


def test_the_tables_of_the_page_have_as_many_cells_in_each_row() -> None:
    for block in page.render(make_results()).split("\n\n"):
        if block.startswith("|"):
            assert len({line.count("|") for line in block.splitlines()}) == 1


def test_the_raw_figures_hold_every_round() -> None:
    raw = json.loads(make_results().to_json())
    assert len(raw["comparison"]["measurements"]) == 27
    assert raw["comparison"]["measurements"][0]["load"] == {"tasks": 1, "connections": 16}


def test_the_same_figures_give_the_same_plot(tmp_path: Path) -> None:
    plot.draw(make_results(), tmp_path / "first.svg")
    plot.draw(make_results(), tmp_path / "second.svg")
    assert (tmp_path / "first.svg").read_bytes() == (tmp_path / "second.svg").read_bytes()


def test_the_plot_names_every_load_and_every_server(tmp_path: Path) -> None:
    plot.draw(make_results(), tmp_path / "plot.svg")
    text = (tmp_path / "plot.svg").read_text(encoding="utf-8")
    for word in (*SPEEDS, *(page.describe(load) for load in LOADS)):
        assert word in text


def test_a_figure_below_its_floor_is_missed() -> None:
    told = headline(make_results())
    assert told.figures["compiled_to_eager"] == pytest.approx(20)
    assert told.figures["tasks_50_to_litserve"] == pytest.approx(10)
    missed = {miss.subject for miss in judge(told, read_limits()["bench"])}
    assert missed == {"failures", "share_of_limit"}
