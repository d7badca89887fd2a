"""Run clients against a server with locust as a library, and return the figures."""

from collections.abc import Mapping
from math import inf
from pathlib import Path

import gevent
from locust import User
from locust.env import Environment
from locust.html import get_html_report
from locust.stats import StatsEntry, stats_history

from loadtests.bodies import TASK_COUNTS
from loadtests.clients import PREDICT_PATIENCE, predict_route
from loadtests.figures import RouteFigures

_STOP_SECONDS = 2 * PREDICT_PATIENCE
"""Longer than any call of a client, so that each request is answered or has failed."""

_TASKS = {predict_route(count): count for count in TASK_COUNTS}

Crowd = Mapping[type[User], int]
"""The number of clients of each class."""


class Load:
    """Clients that all start at once; their calls are counted by route.

    The label distinguishes the loads of one scenario.
    """

    def __init__(self, url: str, crowd: Crowd, *, label: str = "") -> None:
        for kind, count in crowd.items():
            kind.fixed_count = count
        self.label = label
        self._clients = sum(crowd.values())
        self._environment = Environment(
            user_classes=list(crowd), host=url, stop_timeout=_STOP_SECONDS
        )
        self._stats = self._environment.stats
        self._runner = self._environment.create_local_runner()

    def run(self, seconds: float, *, warm_up: float = 0) -> None:
        """Run the clients for `seconds` or until all have left; do not count the warm-up."""
        self._runner.start(self._clients, spawn_rate=self._clients)
        self._runner.greenlet.spawn(stats_history, self._runner)
        if warm_up:
            gevent.sleep(warm_up)
            self._stats.reset_all()
        else:
            assert self._runner.spawning_greenlet
            self._runner.spawning_greenlet.join()
        self._runner.user_greenlets.join(timeout=seconds)

    def stop(self) -> None:
        """Stop sending requests, and wait for the outstanding responses."""
        self._runner.quit()
        if self._runner.exceptions:
            raise RuntimeError(f"A client failed: {self._runner.exceptions}")

    def write_report(self, path: Path) -> None:
        """Write locust's report, in HTML."""
        path.write_text(get_html_report(self._environment), encoding="utf-8")

    def routes(self) -> list[RouteFigures]:
        """Return the figures from the end of the warm-up to the last response."""
        seconds = (self._stats.last_request_timestamp or inf) - self._stats.start_time
        return [self._figures(entry, seconds) for entry in self._stats.entries.values()]

    def tasks_per_second(self) -> float:
        """Return the predicted tasks per second, on all routes."""
        return sum(route.tasks_per_second for route in self.routes())

    def problems(self) -> dict[str, int]:
        """Return the failures, and how often each happened."""
        return {
            f"{self._name(error.name)}: {error.error}": error.occurrences
            for error in self._stats.errors.values()
        }

    def _name(self, route: str) -> str:
        return f"{self.label}: {route}" if self.label else route

    def _figures(self, entry: StatsEntry, seconds: float) -> RouteFigures:
        served = entry.num_requests - entry.num_failures
        return RouteFigures(
            route=self._name(entry.name),
            requests=entry.num_requests,
            failures=entry.num_failures,
            p50=entry.get_response_time_percentile(0.5),
            p95=entry.get_response_time_percentile(0.95),
            p99=entry.get_response_time_percentile(0.99),
            max=entry.max_response_time,
            requests_per_second=entry.num_requests / seconds,
            tasks_per_second=served * _TASKS.get(entry.name, 0) / seconds,
        )
