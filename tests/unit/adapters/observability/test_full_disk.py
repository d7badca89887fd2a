"""A full disk costs numbers of new series, and never the process that counts."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[4]

WORKER = """
import os, sys
from pathlib import Path
from adapters.observability import metrics_folder

data = Path(sys.argv[1])
assert metrics_folder.use_in_worker(data)
from prometheus_client import REGISTRY
from prometheus_client import generate_latest

from adapters.observability.exposition import registry_of_all
from adapters.observability.metrics import Metrics

metrics = Metrics(REGISTRY)
metrics.name_service("bento", "1", "sentiment")
metrics.flush()
try:
    with (data / "filler").open("wb", buffering=0) as filler:
        while True:
            filler.write(bytes(512))
except OSError:
    pass

for project in range(100):
    labels = {(f"label {number}", "version"): 1 for number in range(50)}
    metrics.predicted(str(project), labels, [0.5])
    metrics.ended("/predict", 200, 0.1)
metrics.flush()
page = generate_latest(registry_of_all()).decode()
assert "sentiment_prediction_score_count 100.0" in page
print(page.count("sentiment_predictions_total{"))

if os.fork() == 0:
    os._exit(metrics_folder.use_in_worker(data))  # A worker that starts now counts nothing.
assert os.wait()[1] == 0
(data / "filler").unlink()
metrics.predicted("7", {("a late label", "version"): 1}, [])
metrics.flush()
assert "a late label" in generate_latest(registry_of_all()).decode()
"""


def test_metrics_on_a_full_disk_lose_new_series_only(tmp_path: Path) -> None:
    if not shutil.which("unshare"):
        pytest.skip("unshare is missing: it mounts a small disk for this test")
    mount = 'mount -t tmpfs -o size=1m small "$1" 2>/dev/null || exit 77; shift; exec "$@"'
    done = subprocess.run(
        [
            *("unshare", "-rm", "sh", "-c", mount, "sh", tmp_path),
            sys.executable,
            "-c",
            WORKER,
            tmp_path,
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode in (1, 77) and "Traceback" not in done.stderr:
        pytest.skip("this machine does not allow mounts in a namespace")
    assert done.returncode == 0, done.stderr
    assert 0 < int(done.stdout) < 1000
    assert "This worker has no metrics" in done.stderr
