"""What docs/operating.md says of metrics and alerts is so."""

import re
from pathlib import Path

from prometheus_client import CollectorRegistry

from adapters.observability.metrics import ABSTENTIONS, Metrics

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs/operating.md").read_text(encoding="utf-8")


def test_the_table_holds_each_metric_with_its_type_labels_and_meaning() -> None:
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


def test_each_alert_is_listed_with_what_to_do() -> None:
    alerts = re.findall(r"- alert: (\w+)", (ROOT / "deploy/prometheus/alerts.yml").read_text())
    assert re.findall(r"^\| `(Sentiment\w+)` \| .+ \|$", TEXT, re.MULTILINE) == alerts


def test_the_reasons_of_abstentions_are_named() -> None:
    (sentence,) = re.findall(r"The reasons of abstentions are (.*?)\. The", TEXT, re.DOTALL)
    assert re.findall(r"`([^`]+)`", sentence) == list(ABSTENTIONS)


def test_each_panel_that_is_named_is_on_the_dashboard() -> None:
    dashboard = (ROOT / "deploy/grafana/dashboards/sentiment.json").read_text()
    for panel in ("Answers by status", "Time by stage"):
        assert f"*{panel}*" in TEXT
        assert f'"title": "{panel}' in dashboard
