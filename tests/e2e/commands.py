"""Find the shell commands of the documents, and make a folder to run them in."""

import gzip
import os
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet

from tests.e2e.servers import ROOT

DOCUMENTS = ("README.md", "deploy/*.md", "docs/*.md")
ADDRESS = "localhost:9090"
"""The address of the server in the documents."""

_BLOCK = re.compile(r"^( *)```sh\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
_SECONDS = 120
_REVIEWS = 200
"""Of each label."""


@dataclass(frozen=True)
class Block:
    """A block of shell commands in a document."""

    document: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.document}:{self.line}"


def blocks() -> list[Block]:
    """Return all blocks of all documents."""
    found = []
    for path in sorted(path for pattern in DOCUMENTS for path in ROOT.glob(pattern)):
        text = path.read_text(encoding="utf-8")
        for block in _BLOCK.finditer(text):
            name, line = str(path.relative_to(ROOT)), text.count("\n", 0, block.start()) + 1
            found.append(Block(name, line, block.group(2)))
    return found


def block(document: str, part: str) -> Block:
    """Return the one block of a document that contains `part`."""
    (found,) = (item for item in blocks() if item.document == document and part in item.text)
    return found


class Workplace:
    """A folder with the programs and files that the documents name.

    `pip` makes a dry run and installs nothing.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        python = f'exec "{sys.executable}"'
        self._program("bin/preannotate", f'{python} -m adapters.preannotate "$@"')
        self._program("bin/model-store", f'{python} -m model_store "$@"')
        self._program(".venv/bin/python", f'{python} "$@"')
        self._program(".venv/bin/model-store", f'{python} -m model_store "$@"')
        self._program(".venv/bin/pip", f'PIP_DRY_RUN=1 PIP_NO_INDEX=1 {python} -m pip "$@"')
        (folder / "examples").symlink_to(ROOT / "examples")
        (folder / ".data/bentoml/models").mkdir(parents=True)
        (folder / "model_store").mkdir()
        (folder / "model_store/pretrained").symlink_to(ROOT / "model_store/pretrained")
        self._reviews()

    def serve(self, address: str) -> None:
        """Make `curl` call the server at `address` for the address in the documents."""
        change = (
            f'for a; do shift; set -- "$@" "$(printf %s "$a" | sed s/{ADDRESS}/{address}/)"; done'
        )
        self._program("bin/curl", f'{change}\nexec "{shutil.which("curl")}" --fail "$@"')

    def run(self, block: Block, variables: Mapping[str, str] | None = None) -> str:
        """Return what the commands of a block print; fail at the first one that fails."""
        ours = ("SENTIMENT_", "BENTOML_", "LABEL_STUDIO_")
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        done = subprocess.run(
            ["/bin/sh", "-ec", block.text],
            cwd=self.folder,
            env={
                **inherited,
                "BENTOML_DO_NOT_TRACK": "True",
                "HOME": str(self.folder),
                "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}",
                "PYTHONPATH": str(ROOT),
                **(variables or {}),
            },
            check=False,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def _program(self, name: str, line: str) -> None:
        program = self.folder / name
        program.parent.mkdir(parents=True, exist_ok=True)
        program.write_text(f"#!/bin/sh\n{line}\n", encoding="utf-8")
        program.chmod(program.stat().st_mode | stat.S_IXUSR)

    def _reviews(self) -> None:
        config = (ROOT / "examples/labeling_interface.xml").read_text(encoding="utf-8")
        (self.folder / "project.xml").write_text(config, encoding="utf-8")
        rows = [f"a film number {number}" for number in range(3)]
        (self.folder / "reviews").mkdir()
        pyarrow.parquet.write_table(pa.table({"review": rows}), self.folder / "reviews/a.parquet")
        (self.folder / "more.csv.gz").write_bytes(gzip.compress(b"id,review\n1,a film\n"))
        (self.folder / "reviews.tsv").write_text("id\treview\n1\ta film\n", encoding="utf-8")
        labelled = [
            (f"a {word} film, number {number}", label)
            for number in range(_REVIEWS)
            for label, word in enumerate(("bad", "good"))
        ]
        lines = "".join(f'"{text}",{label}\n' for text, label in labelled)
        (self.folder / "reviews.csv").write_text("text,label\n" + lines, encoding="utf-8")
        texts, labels = zip(*labelled, strict=True)
        table = pa.table({"text": texts, "label": labels})
        pyarrow.parquet.write_table(table, self.folder / "reviews.parquet")
