"""The dashboard and the alerts query existing metrics."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from adapters.observability.metrics import Metrics

DEPLOY = Path(__file__).parents[2] / "deploy"
DASHBOARD = json.loads((DEPLOY / "grafana/dashboards/sentiment.json").read_text())
ALERTS = (DEPLOY / "prometheus/alerts.yml").read_text()
SUFFIXES = {"histogram": ("_bucket", "_sum", "_count"), "counter": ("",), "gauge": ("",)}
LABELS_OF_PROMETHEUS = {"instance", "job", "le"}


def panels() -> Iterator[Any]:
    return (panel for panel in DASHBOARD["panels"] if panel["type"] != "row")


def series() -> dict[str, set[str]]:
    """Return the labels of each series of the server or of Prometheus itself."""
    found = {"up": LABELS_OF_PROMETHEUS}
    for metric in Metrics(CollectorRegistry()).instruments:
        for suffix in SUFFIXES[metric.kind]:
            found[metric.name + suffix] = {*metric.labels, *LABELS_OF_PROMETHEUS}
    return found


def named(expression: str) -> list[tuple[str, set[str]]]:
    """Return the series that an expression queries, and the labels that it filters by."""
    return [
        (name, set(re.findall(r'(\w+)(?:=|!=|=~|!~)"', chosen or "")))
        for name, chosen in re.findall(r"\b(up|(?:sentiment|bentoml)_\w+)(\{[^}]*\})?", expression)
    ]


@pytest.mark.parametrize(
    "expression",
    [target["expr"] for panel in panels() for target in panel["targets"]]
    + re.findall(r"expr: (?:\|\n)?(.*?)(?=\n        (?:for|labels):)", ALERTS, re.DOTALL),
)
def test_an_expression_queries_existing_series_and_labels(expression: str) -> None:
    there = series()
    asked = named(expression)
    assert asked
    for name, labels in asked:
        assert labels <= there[name], name
    grouped = re.findall(r"by \(([^)]*)\)", expression)
    known = set().union(*(there[name] for name, _ in asked))
    assert {label for group in grouped for label in re.split(r",\s*", group)} <= known


def test_a_panel_shows_each_of_our_metrics() -> None:
    shown = {
        name
        for panel in panels()
        for target in panel["targets"]
        for name, _ in named(target["expr"])
    }
    for metric in Metrics(CollectorRegistry()).instruments:
        if metric.name != "bentoml_service_request_in_progress":
            assert shown & {metric.name + suffix for suffix in SUFFIXES[metric.kind]}, metric.name


def test_panels_do_not_overlap_and_have_different_titles() -> None:
    cells = [
        (x, y)
        for panel in DASHBOARD["panels"]
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24
    titles = [panel["title"] for panel in DASHBOARD["panels"]]
    assert len(titles) == len(set(titles))
