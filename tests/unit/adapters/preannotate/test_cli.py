"""The command line: its help, and what it refuses."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from adapters.preannotate import files_cli, sources
from adapters.preannotate.cli import main
from adapters.preannotate.exit_codes import COULD_NOT_RUN
from adapters.preannotate.files_cli import LABELING_INTERFACE

ROOT = Path(__file__).parents[4]


def test_it_explains_itself_and_each_of_its_options(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    assert "usage: preannotate" in capsys.readouterr().out
    assert all(action.help for action in files_cli.parser()._actions)


def test_every_option_is_in_the_documentation() -> None:
    page = (ROOT / "docs/preannotate.md").read_text(encoding="utf-8")
    options = [name for action in files_cli.parser()._actions for name in action.option_strings]
    missing = [name for name in options if f"`{name}" not in page and name not in ("-h", "--help")]
    assert not missing


def test_its_labeling_config_is_the_example() -> None:
    assert (
        LABELING_INTERFACE.read_bytes() == (ROOT / "examples/labeling_interface.xml").read_bytes()
    )


def test_it_is_installed_as_a_command() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["scripts"]["preannotate"] == "adapters.preannotate.cli:main"


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["missing.csv", "out.json"], "missing.csv"),
        (["reviews.csv", "out.txt"], "--to"),
        (["-", "out.json"], "--format"),
        (["-", "out.json", "--format", "csv", "--resume"], "--resume"),
        (["reviews.csv", "out.json", "--encoding", "nonsense"], "nonsense"),
        (["reviews.csv", "out.json", "--encoding", "hex"], "hex"),
        (["reviews.csv", "out.json", "--label-config", "missing.xml"], "missing.xml"),
        (["reviews.csv", "out.json", "--label-config", "reviews.csv"], "XML"),
        (["reviews.csv", "out.json", "--model", "nobody:1"], "nobody:1"),
        (["reviews.csv", "out.json", "--engine", "ray"], "Parquet or JSONL"),
        (["reviews.csv", "out.json", "--rejects", "."], "is a folder"),
        (["reviews.csv", "out.json", "--rejects", "reviews.csv/r.jsonl"], "reviews.csv: is a file"),
        (["reviews.csv", "out.json", "--summary", "."], "is a folder"),
        (["reviews.csv", "out.json", "--summary", "reviews.csv/s.json"], "reviews.csv: is a file"),
        (["--project", "1", "--rejects", "."], "is a folder"),
        (["--project", "1", "--summary", "reviews.csv/s.json"], "reviews.csv: is a file"),
        (["reviews.csv", "reviews.csv", "--to", "jsonl"], "reviews.csv: the run would replace"),
        (["reviews.csv", "out.json", "--rejects", "reviews.csv"], "would replace"),
        (["reviews.csv", "out.json", "--summary", "reviews.csv"], "would replace"),
    ],
)
def test_what_cannot_run_ends_with_2_and_a_sentence_that_names_it(
    arguments: list[str],
    named: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if "ray" in arguments:
        pytest.importorskip("ray")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LABEL_STUDIO_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", "0" * 40)
    (tmp_path / "reviews.csv").write_text("review\na film\n")
    assert main(arguments) == COULD_NOT_RUN
    said = capsys.readouterr().err
    assert named in said
    assert re.search(r"\.\n$", said)
    assert "Traceback" not in said
    assert not (tmp_path / "out.json").exists()
    assert (tmp_path / "reviews.csv").read_text() == "review\na film\n"


def test_what_nobody_thought_of_ends_with_2_and_a_sentence_without_any_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> None:
        raise KeyError("a secret review")

    monkeypatch.setattr(sources, "find", fail)
    assert main([str(tmp_path / "reviews.csv"), str(tmp_path / "out.json")]) == COULD_NOT_RUN
    said = capsys.readouterr().err
    assert re.fullmatch(r"preannotate failed with KeyError \(test_cli.py, line \d+\), .*\.\n", said)
    assert "secret" not in said


INTERRUPTED_AT_AN_IMPORT = """
import os, signal, sys
from adapters.preannotate import cli

class Interrupt:
    def find_spec(self, name, *_):
        if name == sys.argv[1]:
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Interrupt())
sys.exit(cli.main(sys.argv[2:]))
"""


@pytest.mark.parametrize(
    ("module", "arguments"),
    [
        ("adapters.preannotate.run", ["reviews.csv", "out.json"]),
        ("pyarrow", ["reviews.csv", "out.json"]),
        ("adapters.preannotate.versions", ["reviews.csv", "out.json"]),
        ("adapters.preannotate.doctor_cli", ["doctor", "http://127.0.0.1:1"]),
        ("adapters.preannotate.project_cli", ["--project", "1"]),
    ],
)
def test_an_interrupt_of_its_imports_ends_with_2_and_a_sentence(
    tmp_path: Path, module: str, arguments: list[str]
) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", INTERRUPTED_AT_AN_IMPORT, module, *arguments],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (ended.returncode, ended.stdout) == (COULD_NOT_RUN, "")
    assert re.fullmatch(r"Interrupted(: .*)?\.\n", ended.stderr)


@pytest.mark.parametrize("value", ["0", "-1", "many"])
def test_a_number_that_must_be_positive_is(value: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["in.csv", "out.json", "--workers", value])
    assert ended.value.code == COULD_NOT_RUN
    assert "positive number" in capsys.readouterr().err
