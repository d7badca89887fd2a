"""The command line: its verbs, its help, and what it refuses."""

import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from adapters.preannotate.cli import COMMAND, main
from adapters.preannotate.errors import COULD_NOT_RUN
from adapters.preannotate.readers import sources
from adapters.preannotate.verbs import FILES
from adapters.preannotate.verbs.files import LABELING_INTERFACE

ROOT = Path(__file__).parents[4]
PAGES = {"active": "budget", "review": "budget", "accept": "budget", "status": "budget"}
"""The document of a verb, if it is not that of all others."""
VERBS = [[], ["project"], ["doctor"], *([verb] for verb in PAGES)]


def options_of(verb: list[str]) -> Iterator[click.Option]:
    (name,) = verb or [FILES]
    for parameter in COMMAND.commands[name].params:
        if isinstance(parameter, click.Option):
            yield parameter


def help_of(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    assert main(arguments) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("verb", VERBS, ids=str)
def test_help_of_a_verb_explains_every_option_in_80_columns(
    verb: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    printed = help_of([*verb, "--help"], capsys)
    name = " ".join(["preannotate", *verb])
    assert printed.startswith(f"Usage: {name} [OPTIONS] ")
    assert max(map(len, printed.splitlines())) <= 80
    words = " ".join(printed.split())
    for option in options_of(verb):
        assert option.help
        assert option.help.endswith(".")
        assert f"{option.opts[0]} " in words
        # The first words: the rest can be broken at a hyphen.
        assert " ".join(option.help.split()[:4]) in words
    assert "Exit codes: 0" in words


def test_help_lists_the_other_verbs(capsys: pytest.CaptureFixture[str]) -> None:
    words = " ".join(help_of(["--help"], capsys).split())
    assert "project Predict the tasks of a project in Label Studio." in words
    assert "doctor Check a backend and its project in Label Studio." in words


def test_help_imports_nothing_slow() -> None:
    code = """if True:
        import sys
        from adapters.preannotate.cli import main
        for verb in ([], ["project"], ["doctor"]):
            main([*verb, "--help"])
        slow = {"torch", "numpy", "pyarrow", "pydantic", "bentoml", "sqlalchemy", "urllib3"}
        sys.exit(", ".join(slow & sys.modules.keys()) or 0)
    """
    ended = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
        capture_output=True,
        text=True,
    )
    assert (ended.returncode, ended.stderr) == (0, "")


@pytest.mark.parametrize("verb", VERBS, ids=str)
def test_every_option_is_in_the_documentation(verb: list[str]) -> None:
    name = PAGES.get(verb[0], "preannotate") if verb else "preannotate"
    page = (ROOT / f"docs/{name}.md").read_text(encoding="utf-8")
    missing = [
        name for option in options_of(verb) for name in option.opts if f"`{name}" not in page
    ]
    assert not missing


def test_its_labeling_config_is_the_example() -> None:
    assert (
        LABELING_INTERFACE.read_bytes() == (ROOT / "examples/labeling_interface.xml").read_bytes()
    )


def test_it_is_installed_as_a_command() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["scripts"]["preannotate"] == "adapters.preannotate.cli:main"


@pytest.mark.parametrize(
    ("arguments", "verb", "parsed"),
    [
        (["a.csv", "out.json"], FILES, {"inputs": ("a.csv",), "out": "out.json"}),
        (["--quiet", "-", "b.csv", "out.json"], FILES, {"inputs": ("-", "b.csv"), "quiet": True}),
        (["./project", "out.json"], FILES, {"inputs": ("./project",)}),
        (["a.csv", "project"], FILES, {"inputs": ("a.csv",), "out": "project"}),
        (["--", "-a.csv", "out.json"], FILES, {"inputs": ("-a.csv",)}),
        (["--truth", "doctor", "a.csv", "b.csv"], FILES, {"truth": "doctor"}),
        (["project", "12", "--dry-run"], "project", {"number": 12, "dry_run": True}),
        (["--project", "12", "--dry-run"], "project", {"number": 12, "dry_run": True}),
        (["--quiet", "--project=12"], "project", {"number": 12, "quiet": True}),
        (["--model", "a:1", "--project", "12"], "project", {"number": 12, "model": "a:1"}),
        (["doctor", "http://b", "--project", "12"], "doctor", {"url": "http://b", "project": 12}),
    ],
)
def test_the_first_argument_chooses_the_verb(
    arguments: list[str], verb: str, parsed: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    called: list[tuple[str, dict[str, object]]] = []

    def record(**options: object) -> int:
        called.append((click.get_current_context().info_name or "", options))
        return 0

    for command in COMMAND.commands.values():
        monkeypatch.setattr(command, "callback", record)
    assert main(arguments) == 0
    ((name, options),) = called
    assert name == verb
    assert parsed.items() <= options.items()


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ([], "Missing argument 'INPUT...'"),
        (["a.csv"], "Missing argument 'INPUT...'"),
        (["a.csv", "out.json", "--nonsense"], "No such option '--nonsense'"),
        (["--project"], "'--project' requires an argument"),
        (["--project", "many"], "'many' is not a valid integer"),
        (["project"], "Missing argument 'ID'"),
        (["doctor"], "Missing argument 'URL'"),
    ],
)
def test_a_usage_error_ends_with_2_and_names_the_argument(
    arguments: list[str], named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == COULD_NOT_RUN
    assert named in capsys.readouterr().err


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
        (["reviews.csv", "out.json", "--summary", "./out.json"], "is the output and --summary"),
        (["reviews.csv", "-", "--to", "json", "--resume"], "--resume"),
        (["reviews.csv", "-"], "--to"),
        (
            ["reviews.csv", "c.xml", "--label-config", "c.xml", "--to", "json"],
            "c.xml: the run would replace the labeling config",
        ),
        (["project", "1", "--rejects", "a", "--summary", "./a"], "is --rejects and --summary"),
    ],
)
def test_a_run_that_cannot_start_ends_with_2_and_names_the_cause(
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


def test_an_unexpected_error_ends_with_2_and_shows_no_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> None:
        raise KeyError("a secret review")

    monkeypatch.setattr(sources, "find", fail)
    assert main([str(tmp_path / "reviews.csv"), str(tmp_path / "out.json")]) == COULD_NOT_RUN
    said = capsys.readouterr().err
    assert re.fullmatch(
        r"preannotate failed with KeyError \(test_cli.py, line \d+\)\. .*\.\n", said
    )
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
        ("adapters.preannotate.model", ["reviews.csv", "out.json"]),
        ("adapters.preannotate.doctor", ["doctor", "http://127.0.0.1:1"]),
        ("adapters.preannotate.project", ["--project", "1"]),
    ],
)
def test_an_interrupt_during_imports_ends_with_2_and_a_sentence(
    tmp_path: Path, module: str, arguments: list[str]
) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", INTERRUPTED_AT_AN_IMPORT, module, *arguments],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
        capture_output=True,
        text=True,
        timeout=200,  # the fork server finishes its imports first
    )
    assert (ended.returncode, ended.stdout) == (COULD_NOT_RUN, "")
    assert re.fullmatch(r"Interrupted(: .*)?\.\n", ended.stderr)


@pytest.mark.parametrize("value", ["0", "-1", "many"])
def test_a_number_below_1_is_refused(value: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["in.csv", "out.json", "--workers", value]) == COULD_NOT_RUN
    assert "positive number" in capsys.readouterr().err
