"""The report is one page without external resources."""

import json
import re
from pathlib import Path

import numpy as np

from model_store.learning.evaluation import Predictions, measure_corpus
from model_store.pretraining import report


def make_predictions(count: int = 400) -> Predictions:
    rng = np.random.default_rng(0)
    positive = rng.uniform(size=count)
    classes = (rng.uniform(size=count) < positive).astype(np.int64)
    return Predictions(classes, np.column_stack([1 - positive, positive]), ("Bad <1>", "Good"))


def test_metrics_plots_and_page_are_written(tmp_path: Path) -> None:
    metrics = report.write(tmp_path / "out", make_predictions(), title="T", subtitle="S")
    assert json.loads((tmp_path / "out/metrics.json").read_text()) == metrics
    assert metrics == measure_corpus(make_predictions())
    for name in ("reliability", "error_capture", "confusion", "scores"):
        assert (tmp_path / "out" / f"{name}.png").read_bytes().startswith(b"\x89PNG")


def test_the_page_loads_nothing_and_escapes_its_texts(tmp_path: Path) -> None:
    report.write(tmp_path, make_predictions(), title="<b>T</b>", subtitle="S & S")
    page = (tmp_path / "report.html").read_text()
    sources = re.findall(r'(?:src|href)="(.{20})', page)
    assert len(sources) == 4
    assert all(source.startswith("data:image/png") for source in sources)
    assert "<b>" not in page
    assert "Bad &lt;1&gt;" in page
