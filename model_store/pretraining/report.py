"""Write the metrics of predictions as JSON, plots, and one self-contained HTML page."""

import base64
import json
import tempfile
from collections.abc import Callable, Mapping
from html import escape
from pathlib import Path
from string import Template
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sklearn.metrics import ConfusionMatrixDisplay

from model_store.learning import evaluation
from model_store.learning.evaluation import Predictions

mpl.use("Agg")

_PROBE_BYTES = 64 * 1024

_PAGE = Template("""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>$title</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse } td, th { padding: .2rem 1.2rem .2rem 0; text-align: left }
td + td { text-align: right; font-variant-numeric: tabular-nums }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(26rem, 1fr)); gap: 1rem }
figure { margin: 0 } img { width: 100% } figcaption { color: #555; font-size: 14px }
</style>
</head>
<body>
<h1>$title</h1>
<p>$subtitle</p>
<table>$rows</table>
<div class="plots">$plots</div>
</body>
</html>
""")


def prepare(folder: Path) -> None:
    """Create the folder of a report, and write to it to see that one can; raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=folder) as file:
        file.write(bytes(_PROBE_BYTES))


def write(folder: Path, predictions: Predictions, *, title: str, subtitle: str) -> dict[str, Any]:
    """Write metrics.json, plots as PNG, and report.html to `folder`; return the metrics."""
    folder.mkdir(parents=True, exist_ok=True)
    metrics = evaluation.measure_corpus(predictions)
    text = json.dumps(metrics, indent=2, allow_nan=False) + "\n"
    (folder / "metrics.json").write_text(text, encoding="utf-8")
    plots = ""
    for name, (draw, caption) in _PLOTS.items():
        figure = Figure(figsize=(6, 4.5), layout="constrained", dpi=120)
        draw(figure.subplots(), predictions)
        figure.savefig(folder / f"{name}.png")
        image = base64.b64encode((folder / f"{name}.png").read_bytes()).decode()
        plots += (
            f'<figure><img alt="{escape(name)}" src="data:image/png;base64,{image}">'
            f"<figcaption>{escape(caption)}</figcaption></figure>\n"
        )
    page = _PAGE.substitute(
        title=escape(title), subtitle=escape(subtitle), rows=_rows(metrics), plots=plots
    )
    (folder / "report.html").write_text(page, encoding="utf-8")
    return metrics


def _rows(metrics: Mapping[str, Any]) -> str:
    low, high = metrics["accuracy_interval"]
    figures = {
        "Texts": f"{metrics['texts']:,}",
        "Accuracy": f"{metrics['accuracy']:.2%} ({low:.2%} to {high:.2%})",
        **{
            f"{label}: precision, recall, F1": ", ".join(f"{value:.3f}" for value in row.values())
            for label, row in metrics["per_label"].items()
        },
        "Area under the ROC curve": "undefined"
        if metrics["auroc"] is None
        else f"{metrics['auroc']:.4f}",
        "Log loss": f"{metrics['log_loss']:.4f}",
        "Brier score": f"{metrics['brier']:.4f}",
        "Expected calibration error": f"{metrics['expected_calibration_error']:.4f}",
        **{
            f"Errors among the lowest-scored {share}": f"{found:.1%}"
            for share, found in metrics["errors_among_lowest"].items()
        },
    }
    return "\n".join(
        f"<tr><td>{escape(name)}</td><td>{escape(value)}</td></tr>"
        for name, value in figures.items()
    )


def _reliability(axes: Axes, predictions: Predictions) -> None:
    accuracy, confidence = evaluation.reliability(predictions)
    axes.plot([0.5, 1], [0.5, 1], color="grey", linestyle="--", label="perfectly calibrated")
    axes.plot(confidence, accuracy, marker="o", label=f"{len(accuracy)} bins of equal mass")
    axes.set(xlabel="score", ylabel="share correct", title="Reliability")
    axes.legend()


def _error_capture(axes: Axes, predictions: Predictions) -> None:
    errors = ~predictions.correct[np.argsort(predictions.scores, kind="stable")]
    share = np.arange(1, len(errors) + 1) / len(errors)
    axes.plot([0, 1], [0, 1], color="grey", linestyle="--", label="random order")
    axes.plot(share, errors.cumsum() / max(1, errors.sum()), label="lowest score first")
    axes.set(
        xlabel="share of texts looked at", ylabel="share of errors found", title="Errors found"
    )
    axes.legend()


def _confusion(axes: Axes, predictions: Predictions) -> None:
    ConfusionMatrixDisplay.from_predictions(
        predictions.classes,
        predictions.predicted,
        labels=range(len(predictions.labels)),
        display_labels=predictions.labels,
        ax=axes,
        colorbar=False,
        cmap="Blues",
    )
    axes.set_title("Confusion matrix")


def _scores(axes: Axes, predictions: Predictions) -> None:
    bins = list(np.linspace(1 / len(predictions.labels), 1, 26))
    scores, correct = predictions.scores, predictions.correct
    axes.hist(
        [scores[correct], scores[~correct]], bins=bins, stacked=True, label=["correct", "wrong"]
    )
    axes.set(xlabel="score", ylabel="texts", title="Scores")
    axes.legend()


_PLOTS: Mapping[str, tuple[Callable[[Axes, Predictions], None], str]] = {
    "reliability": (_reliability, "Of the texts with a score of 0.8, 80 % should be correct."),
    "error_capture": (_error_capture, "What annotators gain by sorting by score, lowest first."),
    "confusion": (_confusion, "True labels down, predicted labels across."),
    "scores": (_scores, "How often each score is given, and how often it is wrong."),
}
