"""Draw the plot of the benchmark: a bar chart for each figure and load, on a log scale."""

from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from loadtests.bench.comparison import LOADS
from loadtests.bench.report import summary
from loadtests.bench.report.page import describe, number
from loadtests.bench.report.results import Results
from loadtests.bench.servers import PRODUCTS

_FIGURES = {
    "tasks/s\n(more is better)": "tasks_per_second",
    "p99, ms\n(less is better)": "p99_ms",
    "CPU seconds per\n1,000 tasks (less is better)": "cpu_per_1000_tasks",
}
_COLORS = ("#9a9a9a", "#5b8db8", "#d1662b")


def draw(results: Results, path: Path) -> None:
    """Write the plot as SVG."""
    figure = Figure(figsize=(10, 6), layout="constrained")
    grid = figure.subplots(len(_FIGURES), len(LOADS), sharex="row", squeeze=False)
    for axes, load in zip(grid[0], LOADS, strict=True):
        axes.set_title(f"requests of {describe(load)}", fontsize=10)
    for row, (title, field) in zip(grid, _FIGURES.items(), strict=True):
        for axes, load in zip(row, LOADS, strict=True):
            values = [
                getattr(summary.of_load(results.comparison, product.name, load), field)
                for product in PRODUCTS
            ]
            _draw_bars(axes, values)
        row[0].set_ylabel(title, fontsize=9)
        for axes in row[1:]:
            axes.set_yticklabels([])
    # Without salt and date, equal figures would give different files.
    with mpl.rc_context({"svg.hashsalt": "bench", "svg.fonttype": "none"}):
        figure.savefig(path, metadata={"Date": None})


def _draw_bars(axes: Axes, values: list[float]) -> None:
    bars = axes.barh([product.name for product in PRODUCTS], values, color=_COLORS, height=0.7)
    axes.bar_label(bars, [number(value) for value in values], padding=3, fontsize=9)
    axes.set_xscale("log")
    axes.invert_yaxis()
    axes.margins(x=0.3)
    axes.tick_params(axis="y", length=0)
    axes.tick_params(axis="x", labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)
