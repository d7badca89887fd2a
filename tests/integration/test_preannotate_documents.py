"""The commands of the documents do what is said of them."""

import gzip
import json
import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest

ROOT = Path(__file__).parents[2]


def blocks(document: str) -> list[str]:
    """Shell blocks that run `preannotate`, but for those that need a cluster."""
    text = (ROOT / document).read_text(encoding="utf-8")
    found: list[str] = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    return [block for block in found if "preannotate " in block and "--ray-address" not in block]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with all that the commands name, and `preannotate` in its `bin`."""
    program = tmp_path / "bin/preannotate"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m adapters.preannotate "$@"\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    config = (ROOT / "examples/labeling_interface.xml").read_text(encoding="utf-8")
    (tmp_path / "project.xml").write_text(config, encoding="utf-8")
    rows = [f"a film number {number}" for number in range(3)]
    (tmp_path / "reviews").mkdir()
    pyarrow.parquet.write_table(pa.table({"review": rows}), tmp_path / "reviews/a.parquet")
    (tmp_path / "more.csv.gz").write_bytes(gzip.compress(b"id,review\n1,a film\n"))
    (tmp_path / "reviews.tsv").write_text("id\treview\n1\ta film\n")
    return tmp_path


def run(block: str, folder: Path) -> None:
    subprocess.run(
        ["/bin/sh", "-ec", block],
        cwd=folder,
        env={
            **os.environ,
            "PATH": f"{folder / 'bin'}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
        },
        check=True,
        timeout=120,
        stdout=subprocess.DEVNULL,
    )


def test_the_readmes_command_writes_a_hundred_tasks(folder: Path) -> None:
    (block,) = blocks("README.md")
    run(block, folder)
    assert len(json.loads((folder / "out.json").read_bytes())) == 100


def test_the_pages_commands_write_what_they_name(folder: Path) -> None:
    first, second = blocks("docs/preannotate.md")
    run(first, folder)
    assert len(json.loads((folder / "out.json").read_bytes())) == 100
    run(second, folder)
    assert len((folder / "out-00001.jsonl").read_bytes().splitlines()) == 4
    assert len(json.loads((folder / "out.json").read_bytes())) == 1
