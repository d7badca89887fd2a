"""Run load tests and compare them with `thresholds.toml`; reports go to `build/load/`."""

import argparse
import json
import os
import signal
import sys
from dataclasses import asdict
from pathlib import Path

import gevent
from locust.util.timespan import parse_timespan

from loadtests import bodies
from loadtests.figures import ScenarioFigures
from loadtests.reviews import corpus_folder, has_reviews
from loadtests.scenarios import SCENARIOS, select
from loadtests.stage import Stage
from loadtests.table import format_figures, format_routes
from loadtests.thresholds import Limits, judge, read_limits

_REPORTS = Path(__file__).parents[1] / "build/load"


def main() -> int:
    """Run the scenarios of the command line; return 1 if a threshold is missed, else 0."""
    parser = argparse.ArgumentParser("python -m loadtests", description=__doc__)
    parser.add_argument(
        "scenario", nargs="*", help=f"one of {', '.join(SCENARIOS)} (default: all but soak)"
    )
    parser.add_argument(
        "--duration", type=parse_timespan, help="how long each load runs, such as 90s"
    )
    parser.add_argument("--url", help="test this running server; some scenarios need their own")
    arguments = parser.parse_args()
    try:
        names = select(arguments.scenario, own_server=not arguments.url)
    except ValueError as error:
        parser.error(str(error))

    gevent.signal_handler(signal.SIGTERM, sys.exit, "terminated")  # also stops the server
    _REPORTS.mkdir(parents=True, exist_ok=True)
    bodies.prepare()
    measured: dict[str, ScenarioFigures] = {}
    for name in names:
        print(f"{name} ...", file=sys.stderr)
        scenario = SCENARIOS[name]
        seconds = arguments.duration or scenario.seconds
        figures = scenario.run(Stage(name, seconds, _REPORTS, arguments.url))
        reference = scenario.compared_to
        measured[name] = figures.compared_to(measured[reference]) if reference else figures
    return _report(list(measured.values()))


def _report(measured: list[ScenarioFigures]) -> int:
    limits = read_limits()
    misses = [
        miss
        for scenario in measured
        for miss in judge(scenario, limits.get(scenario.scenario, Limits()))
    ]
    missed = [str(miss) for miss in misses]
    results = {
        "cpus": os.cpu_count(),
        "reviews": "corpus" if has_reviews(corpus_folder()) else "generated",
        "scenarios": [asdict(scenario) for scenario in measured],
        "misses": missed,
    }
    (_REPORTS / "results.json").write_text(json.dumps(results, indent=1), encoding="utf-8")
    print(format_routes(measured, misses), format_figures(measured, limits, misses), sep="\n\n")
    problems = [
        f"{scenario.scenario}, {problem} ({count} times)"
        for scenario in measured
        for problem, count in scenario.problems.items()
    ]
    print("\nFailed requests:", *problems or ["none"], sep="\n  ")
    print("\nMissed thresholds:", *missed or ["none"], sep="\n  ")
    return 1 if misses else 0


if __name__ == "__main__":
    sys.exit(main())
