"""docs/operating.md describes the metrics and alerts as they are."""

import re
from pathlib import Path

from prometheus_client import CollectorRegistry

from adapters.observability.metrics import ABSTENTIONS, Metrics

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs/operating.md").read_text(encoding="utf-8")


def test_the_table_lists_each_metric_with_type_labels_and_meaning() -> None:
    row = r"^\| `(\w+)` \| (counter|gauge|histogram) \| (.*) \| (.*) \|$"
    rows = re.findall(row, TEXT, re.MULTILINE)
    listed = {
        (name, kind, tuple(re.findall(r"`(\w+)`", labels)), meaning)
        for name, kind, labels, meaning in rows
    }
    assert listed == {
        (metric.name, metric.kind, metric.labels, metric.meaning)
        for metric in Metrics(CollectorRegistry()).instruments
    }


def test_the_table_lists_each_alert() -> None:
    alerts = re.findall(r"- alert: (\w+)", (ROOT / "deploy/prometheus/alerts.yml").read_text())
    assert re.findall(r"^\| `(Sentiment\w+)` \| .+ \|$", TEXT, re.MULTILINE) == alerts


def test_the_page_names_the_reasons_of_abstentions() -> None:
    (sentence,) = re.findall(r"The reasons of abstentions are (.*?)\. The", TEXT, re.DOTALL)
    assert re.findall(r"`([^`]+)`", sentence) == list(ABSTENTIONS)


def test_the_dashboard_has_the_panels_that_the_page_names() -> None:
    dashboard = (ROOT / "deploy/grafana/dashboards/sentiment.json").read_text()
    for panel in ("Answers by status", "Time by stage"):
        assert f"*{panel}*" in TEXT
        assert f'"title": "{panel}' in dashboard
