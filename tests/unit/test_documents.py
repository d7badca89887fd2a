"""Everything that the documents name exists, and the README's Python example runs."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = [
    *ROOT.glob("*.md"),
    *(ROOT / "docs").rglob("*.md"),
    *(ROOT / "model_store").rglob("*.md"),
]


def ids(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("document", DOCUMENTS, ids=ids)
def test_every_make_command_in_a_document_is_a_target(document: Path) -> None:
    targets = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    text = document.read_text(encoding="utf-8")
    named = re.findall(
        r"(?:`|^|\s)make ([a-z0-9-]+)(?=[` ]|$)", "\n".join(code(text)), re.MULTILINE
    )
    assert set(named) <= targets


@pytest.mark.parametrize("document", DOCUMENTS, ids=ids)
def test_every_link_in_a_document_leads_to_a_file(document: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)", document.read_text(encoding="utf-8"))
    for link in links:
        if not link.startswith("https://"):
            assert (document.parent / link).exists(), link


def test_the_python_example_of_the_readme_runs(tmp_path: Path) -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    done = subprocess.run(
        [sys.executable, "-c", example],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=True,
        capture_output=True,
        text=True,
    )
    assert "label='Positive'" in done.stdout


def test_the_readme_links_every_package_of_the_project() -> None:
    links = re.findall(r"\]\(([^)#]+)", (ROOT / "README.md").read_text(encoding="utf-8"))
    packages = {
        str(path.parent.relative_to(ROOT))
        for name in ("adapters", "model_store")
        for path in (ROOT / name).glob("*/__init__.py")
    }
    assert packages - {"model_store/cli"} <= set(links)


def code(text: str) -> list[str]:
    """Return the code blocks and spans of a document."""
    blocks: list[str] = re.findall(r"```\w*\n(.*?)```", text, re.DOTALL)
    spans: list[str] = re.findall(r"`([^`\n]+)`", text)
    return blocks + spans
