"""The figures of the benchmark that have lower limits in `thresholds.toml`."""

from loadtests.bench import in_process
from loadtests.bench.comparison import LARGE, LOADS
from loadtests.bench.report import summary
from loadtests.bench.report.results import Results
from loadtests.bench.servers import PRODUCTS
from loadtests.figures import ScenarioFigures

OURS = "ours"


def headline(results: Results) -> ScenarioFigures:
    """Return the in-process speed, and the ratios of requests/s to the other servers."""
    ways = summary.of_process(results.in_process)
    eager, compiled = ways[in_process.EAGER_SINGLE], ways[in_process.COMPILED]
    ours = [summary.of_load(results.comparison, OURS, load) for load in LOADS]
    figures = {
        "compiled_to_eager": compiled.reviews_per_second / eager.reviews_per_second,
        "share_of_limit": summary.share_of_limit(results.in_process, results.bytes_per_second),
        "idle_seconds": summary.of_server(results.comparison, OURS).idle_ms / 1000,
        "failures": sum(load.failures for load in ours),
    }
    for load, reported in zip(LOADS, ours, strict=True):
        for other in (product.name for product in PRODUCTS if product.name != OURS):
            if load.tasks != LARGE:  # judged by its time on an idle server instead
                ratio = summary.ratios(reported, summary.of_load(results.comparison, other, load))
                figures[f"tasks_{load.tasks}_to_{other}"] = ratio["requests_per_second"]
    return ScenarioFigures("bench", [], figures)
