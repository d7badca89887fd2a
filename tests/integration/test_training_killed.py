"""A training that is killed repeatedly with SIGKILL still ends with a whole artifact."""

import csv
import random
import subprocess
import sys
from pathlib import Path

import pytest

from model_store import artifact, manifests

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
SECONDS_TO_LIVE = (2, 2.5, 3, 3.5, 4)


def write_reviews(path: Path) -> None:
    chooser = random.Random(0)
    words = ["the", "film", "actor", "plot", "music", "scene", "story", "it", "was", "and"]
    opinions = {"Positive": ["great", "superb", "lovely"], "Negative": ["awful", "dull", "boring"]}
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label"])
        for row in range(1200):
            label = ("Positive", "Negative")[row % 2]
            text = chooser.choices(words, k=40) + chooser.choices(opinions[label], k=3)
            chooser.shuffle(text)
            writer.writerow([" ".join(text), label])


def test_a_training_killed_repeatedly_leaves_a_whole_artifact_or_none(
    tmp_path: Path,
) -> None:
    write_reviews(tmp_path / "reviews.csv")
    out = tmp_path / "artifact"
    command = [
        sys.executable,
        "-m",
        "model_store",
        "train",
        str(tmp_path / "reviews.csv"),
        str(out),
    ]
    killed = 0
    for seconds in SECONDS_TO_LIVE:
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            killed += 1
        if out.exists():  # complete, even if the kill came after the last file
            manifests.verify(out)
            break
    assert killed, "the training was over before the first kill"
    if not out.exists():
        subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)

    (result,) = artifact.load(out).classify(["a superb and lovely film"])
    assert result.label == "Positive"
