"""`preannotate --engine ray` on a cluster that loses one of its two nodes."""

import json
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import pytest

from adapters.preannotate.engines import splits
from adapters.preannotate.errors import EngineError
from adapters.preannotate.readers import sources

ray_engine = pytest.importorskip(
    "adapters.preannotate.engines.ray", reason='Ray is not installed: pip install -e ".[ray]"'
)

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
ROWS = 12_000
SPLITS = 6
CLUSTER = """
import sys
from ray.cluster_utils import Cluster
cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
node = cluster.add_node(num_cpus=1)
print(cluster.address, flush=True)
sys.stdin.readline()
cluster.remove_node(node, allow_graceful=False)
print("lost", flush=True)
sys.stdin.readline()
cluster.shutdown()
"""
JOINED = """
import os
os.environ.pop("RAY_ADDRESS", None)
import ray
from adapters.preannotate.engines.ray import _cluster
with _cluster(None):
    print(ray.get_runtime_context().gcs_address)
"""


class TwoNodes:
    """A cluster in a separate process, which can lose a node."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self.address = self._read()

    def lose_a_node(self) -> None:
        self._say()
        assert self._read() == "lost"

    def _say(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()

    def _read(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()


@pytest.fixture(scope="module")
def cluster() -> Iterator[TwoNodes]:
    with subprocess.Popen(
        [sys.executable, "-c", CLUSTER],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        nodes = TwoNodes(process)
        try:
            yield nodes
        finally:
            process.communicate("\n\n", timeout=60)


def write_reviews(folder: Path) -> list[Path]:
    """Write reviews, half as Parquet, half as JSONL; some without text."""
    chooser = random.Random(0)
    words = ["the", "film", "good", "bad", "plot", "was", "and", "it"]
    rows: list[dict[str, Any]] = [
        {
            "id": number,
            "review": " ".join(chooser.choices(words, k=chooser.randint(20, 400)))
            if number % 999
            else " ",
        }
        for number in range(ROWS)
    ]
    paths = [folder / "a.parquet", folder / "b.jsonl"]
    half = ROWS // 2
    pyarrow.parquet.write_table(pa.Table.from_pylist(rows[:half]), paths[0])
    paths[1].write_text("".join(json.dumps(row) + "\n" for row in rows[half:]))
    return paths


def command(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "adapters.preannotate", *map(str, arguments), "--quiet"]


def finished_splits(out: Path) -> int:
    """Count the splits that have come back from the cluster."""
    work = Path(f"{out}.work")
    state = work / "state.json"
    appended = json.loads(state.read_bytes())["progress"]["chunks"] if state.exists() else 0
    return int(appended) + sum(path.name.isdigit() for path in (work / "parts").glob("*"))


def test_without_an_address_a_run_does_not_join_a_cluster_of_somebody_else(
    cluster: TwoNodes,
) -> None:
    said = subprocess.run(
        [sys.executable, "-c", JOINED], cwd=ROOT, capture_output=True, text=True, check=True
    )
    address = said.stdout.strip()
    assert address
    assert address != cluster.address


@pytest.mark.timeout(300)
def test_a_cluster_that_loses_a_node_writes_the_output_of_one_machine(
    tmp_path: Path, cluster: TwoNodes
) -> None:
    inputs = write_reviews(tmp_path)
    assert len(splits.split(sources.find([str(tmp_path)], None, []))) == SPLITS
    local, out = tmp_path / "local.jsonl", tmp_path / "ray.jsonl"
    assert subprocess.run(command(*inputs, local), cwd=ROOT, check=False).returncode == 1

    with subprocess.Popen(
        command(*inputs, out, "--engine", "ray", "--ray-address", cluster.address),
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        while process.poll() is None and finished_splits(out) < SPLITS // 2:
            time.sleep(0.02)
        cluster.lose_a_node()
        assert process.poll() is None, "the work was done before the node was lost"
        _, said = process.communicate(timeout=240)

    assert process.returncode == 1, said
    assert out.read_bytes() == local.read_bytes()
    assert Path(f"{out}.rejects.jsonl").read_bytes() == Path(f"{local}.rejects.jsonl").read_bytes()


@pytest.mark.timeout(300)
def test_a_file_that_a_node_cannot_read_ends_with_a_sentence(tmp_path: Path) -> None:
    gone = tmp_path / "gone.jsonl"
    gone.write_text('{"review": "a good film"}\n')
    found = sources.find([str(gone)], None, [])
    (split,) = splits.split(found)
    gone.unlink()
    answer = ray_engine._count({"number": 0, **asdict(split)})
    with pytest.raises(EngineError, match="No such file or directory: can all nodes read it"):
        ray_engine._check(answer)
