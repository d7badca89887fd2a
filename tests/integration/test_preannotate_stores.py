"""`preannotate` reads from and writes to an object store, run by a server on this machine."""

import gzip
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest

from adapters.preannotate import storage
from adapters.preannotate.errors import StoreError
from adapters.preannotate.storage import StoredFile
from loadtests.server import free_port
from tests.e2e.servers import wait_until

pytestmark = pytest.mark.slow

BUCKET = "reviews"
ROOT = Path(__file__).parents[2]
REVIEWS = ["a good film", "a bad film", "the plot was thin", "wonderful"]


class Store:
    """A server that speaks S3's protocol and keeps its objects in a folder, with one bucket."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / BUCKET
        self.folder.mkdir(parents=True)
        port = free_port()
        self.endpoint = f"http://127.0.0.1:{port}"
        self._process = subprocess.Popen(
            [
                *(Path(sys.executable).parent / "rclone", "serve", "s3", folder),
                *("--addr", f"127.0.0.1:{port}", "--auth-key", "key,hidden", "--config", ""),
            ],
            stderr=subprocess.DEVNULL,
        )
        wait_until(lambda: is_open(port), "the object store does not answer")

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()

    def write(self, name: str, content: bytes) -> None:
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)

    def read(self, name: str) -> bytes:
        return (self.folder / name).read_bytes()


def is_open(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def store(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Store]:
    """An empty bucket, found by the variables with which AWS' own tools find theirs."""
    running = Store(tmp_path_factory.mktemp("store"))
    monkeypatch.setenv("AWS_ENDPOINT_URL", running.endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hidden")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    # Many servers other than AWS do not support checksums after the content.
    monkeypatch.setenv("AWS_REQUEST_CHECKSUM_CALCULATION", "when_required")
    yield running
    running.stop()


def preannotate(folder: Path, *arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "adapters.preannotate", *map(str, arguments), "--quiet"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
        capture_output=True,
        text=True,
        timeout=180,
    )


def jsonl(reviews: list[str]) -> bytes:
    return b"".join(json.dumps({"review": review}).encode() + b"\n" for review in reviews)


def write_inputs(folder: Path) -> list[Path]:
    folder.mkdir()
    table = pa.table({"review": REVIEWS})
    pyarrow.parquet.write_table(table, folder / "a.parquet")
    (folder / "b.jsonl").write_bytes(jsonl([*REVIEWS, " "]))
    (folder / "c d.csv.gz").write_bytes(gzip.compress(b"review\n" + "\n".join(REVIEWS).encode()))
    return sorted(folder.iterdir())


def test_a_folder_of_objects_gives_the_tasks_of_the_same_files(
    store: Store, tmp_path: Path
) -> None:
    inputs = write_inputs(tmp_path / "in")
    for path in inputs:
        store.write(f"in/{path.name}", path.read_bytes())
    store.write("in/out.json", b"of an earlier run: no input of this one")

    here = preannotate(tmp_path, tmp_path / "in", tmp_path / "out.json")
    there = preannotate(
        tmp_path, f"s3://{BUCKET}/in", f"s3://{BUCKET}/in/out.json", "--summary", "summary.json"
    )

    assert (here.returncode, there.returncode) == (1, 1), there.stderr
    assert store.read("in/out.json") == (tmp_path / "out.json").read_bytes()
    (rejected,) = store.read("in/out.json.rejects.jsonl").splitlines()
    assert json.loads(rejected)["file"] == f"s3://{BUCKET}/in/b.jsonl"
    summary = json.loads((tmp_path / "summary.json").read_bytes())
    assert summary["outputs"] == [f"s3://{BUCKET}/in/out.json"]
    assert summary["rows"] == 3 * len(REVIEWS) + 1 == summary["tasks"] + summary["rejected"]
    assert summary["passed_over"] == {"written_by_runs": 1}
    assert not list(tmp_path.glob("*.work"))


def test_a_pattern_of_objects_skips_the_outputs_of_earlier_runs(
    store: Store, tmp_path: Path
) -> None:
    store.write("a b.jsonl", jsonl([*REVIEWS, " "]))
    pattern, out = f"s3://{BUCKET}/*.jsonl", f"s3://{BUCKET}/out.jsonl"
    for _ in range(2):
        assert preannotate(tmp_path, pattern, out).returncode == 1
        assert len(store.read("out.jsonl").splitlines()) == len(REVIEWS)
    refused = preannotate(tmp_path, pattern, out, out)
    assert refused.returncode == 2
    assert "would replace this input" in refused.stderr


def test_parts_are_objects_and_stale_ones_are_removed(store: Store, tmp_path: Path) -> None:
    store.write("out-20240101.jsonl", jsonl(REVIEWS))
    out = f"s3://{BUCKET}/out.jsonl"
    for size, count in ((1, 4), (2, 2)):
        done = preannotate(tmp_path, f"s3://{BUCKET}/*.jsonl", out, "--part-size", str(size))
        assert done.returncode == 0, done.stderr
        parts = sorted(path.name for path in store.folder.glob("out-0*"))
        assert parts == [f"out-{number:05}.jsonl" for number in range(1, count + 1)]
    assert store.read("out-20240101.jsonl") == jsonl(REVIEWS)


def test_a_cluster_reads_and_writes_objects(store: Store, tmp_path: Path) -> None:
    pytest.importorskip("ray", reason='Ray is not installed: pip install -e ".[ray]"')
    inputs = write_inputs(tmp_path / "in")[:2]
    for path in inputs:
        store.write(path.name, path.read_bytes())

    here = preannotate(tmp_path, *inputs, "out.jsonl")
    arguments = [f"s3://{BUCKET}/{path.name}" for path in inputs]
    there = preannotate(tmp_path, *arguments, f"s3://{BUCKET}/out.jsonl", "--engine", "ray")

    assert (here.returncode, there.returncode) == (1, 1), there.stderr
    assert store.read("out.jsonl") == (tmp_path / "out.jsonl").read_bytes()


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        (f"s3://{BUCKET}/none.csv", "there is no such file, folder or match"),
        ("s3://no-such-bucket/a.csv", "there is no such file, folder or match"),
        ("ftp://host/a.csv", "is not a supported URI scheme: use s3, gs, gcs, abfs, abfss"),
    ],
)
@pytest.mark.usefixtures("store")
def test_a_missing_object_ends_with_a_sentence(tmp_path: Path, name: str, reason: str) -> None:
    refused = preannotate(tmp_path, name, "out.json")
    assert refused.returncode == 2
    (line,) = refused.stderr.splitlines()
    assert line.endswith(f"{reason}.")


def test_credentials_in_a_uri_are_never_shown(store: Store, tmp_path: Path) -> None:
    store.write("a.jsonl", jsonl([*REVIEWS, " "]))
    done = preannotate(
        tmp_path,
        f"s3://key:hidden@{BUCKET}/a.jsonl?endpoint_override={store.endpoint}",
        "out.json",
        "--summary",
        "summary.json",
    )
    assert done.returncode == 1, done.stderr
    written = "".join(path.read_text() for path in tmp_path.iterdir())
    assert f"s3://key:***@{BUCKET}/a.jsonl" in written
    assert "hidden" not in written + done.stdout + done.stderr


def test_a_store_that_fails_ends_the_run_and_rejects_no_row(store: Store) -> None:
    store.write("a.jsonl", jsonl(REVIEWS))
    found = storage.at(f"s3://{BUCKET}/a.jsonl")
    assert isinstance(found, StoredFile)
    with found.open("rb") as content:
        store.stop()
        with pytest.raises(StoreError, match="the object store reports"):
            content.read()
