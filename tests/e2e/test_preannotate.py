"""Import the output of `preannotate` into a real Label Studio."""

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.e2e.label_studio_api import LabelStudioApi
from tests.e2e.servers import ROOT

TUTORIAL = Path(__file__).parents[3] / "shared/data/tutorial/IMDB_train_labeled_100.csv"


@pytest.mark.parametrize("name", ["examples", "tutorial"])
def test_a_hundred_reviews_are_imported_each_with_its_prediction_prefilled_when_opened(
    name: str, api: LabelStudioApi, labeling_interface: str, reviews_file: Path, tmp_path: Path
) -> None:
    reviews = reviews_file if name == "examples" else TUTORIAL
    if not reviews.exists():
        pytest.skip(f"the tutorial's reviews are not at {reviews}")
    out = tmp_path / "out.json"
    command = [sys.executable, "-m", "adapters.preannotate", str(reviews), str(out)]
    subprocess.run([*command, "--quiet"], cwd=ROOT, check=True, timeout=120)

    project = api.create_project("In bulk", labeling_interface)
    assert api.import_file(project, out) == 100

    predictions = api.predictions(project)
    tasks = api.task_ids(project)
    assert Counter(item["task"] for item in predictions) == Counter(tasks)
    assert all(item["model_version"].startswith("sentiment-cnn:") for item in predictions)
    opened = api.open_task(tasks[0])
    (prediction,) = opened["predictions"]
    (region,) = prediction["result"]
    assert (region["from_name"], region["to_name"], region["type"]) == (
        "sentiment",
        "text",
        "choices",
    )
    assert region["value"]["choices"][0] in ("Negative", "Positive")
    assert prediction["score"] > 0.5
    assert opened["data"]["review"]
    assert opened["data"]["sentiment"] in ("Negative", "Positive")
