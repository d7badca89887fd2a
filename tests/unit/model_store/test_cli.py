"""Every verb has a help text, and bad input ends with one sentence."""

import json
import subprocess
import sys
import tomllib
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from model_store import artifact, cli, manifests
from model_store.pretraining import recipe
from model_store.pretraining.corpus import Part, part_of
from tests.conftest import ClassifierFactory

VERBS = ("train", "evaluate", "explain", "import", "versions", "promote", "rollback")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli.program, arguments, prog_name="model-store", terminal_width=80)


@pytest.mark.parametrize("option", ["-h", "--help"])
@pytest.mark.parametrize("verb", [None, *VERBS])
def test_every_verb_explains_itself_in_80_columns(verb: str | None, option: str) -> None:
    arguments = (verb, option) if verb else (option,)
    result = run(*arguments)
    assert result.exit_code == 0
    assert result.output.startswith(f"Usage: model-store {f'{verb} ' if verb else ''}[OPTIONS]")
    assert max(map(len, result.output.splitlines())) <= 80
    assert "..." not in result.output.replace("COMMAND [ARGS]...", ""), "a sentence is cut short"


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_and_every_option_has_a_help_text(verb: str) -> None:
    command = cli.program.commands[verb]
    assert command.help
    for option in command.params:
        if option.param_type_name == "option":
            assert option.to_info_dict()["help"], option.name
        else:
            assert (option.name or "").upper() in command.help


def test_it_lists_its_verbs() -> None:
    assert tuple(cli.program.commands) == VERBS
    assert run().exit_code == 2


def test_the_script_and_the_module_are_the_same_program() -> None:
    root = Path(__file__).parents[3]
    scripts = tomllib.loads((root / "pyproject.toml").read_text())["project"]["scripts"]
    assert EntryPoint("model-store", scripts["model-store"], "console_scripts").load() is cli.main
    command = [sys.executable, "-m", "model_store", "train", "--help"]
    shown = subprocess.run(command, capture_output=True, text=True, check=True, cwd=root).stdout
    assert shown.split() == run("train", "--help").output.split()


def test_help_imports_none_of_the_packages_of_training() -> None:
    code = (
        "import sys, model_store.cli\n"
        "sys.exit(bool({'torch', 'gensim', 'torchtext', 'matplotlib', 'bentoml'} & {*sys.modules}))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    "command",
    [
        ["train", "missing.csv", "out"],
        ["evaluate", "missing", "missing.csv", "out"],
        ["import", "missing"],
        ["import", "--state-dict", "missing.pt", "--vocab", "missing.pt"],
    ],
)
def test_a_missing_file_ends_with_1_and_a_sentence_that_names_it(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = run(*command)
    assert result.exit_code == 1
    assert "missing" in result.stderr
    assert "Traceback" not in result.stderr
    assert not result.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "options", [[], ["--vocab", "v.pt"], ["--state-dict", "s.pt"], ["a", "--state-dict", "s.pt"]]
)
def test_import_wants_an_artifact_or_both_files(options: list[str]) -> None:
    result = run("import", *options)
    assert result.exit_code == 2
    assert "Name an artifact, or both --state-dict and --vocab." in result.stderr


@pytest.mark.parametrize("command", [["simulate"], ["train"], ["promote", "--no-such-option"]])
def test_a_usage_error_exits_with_2(command: list[str]) -> None:
    assert run(*command).exit_code == 2


def test_evaluate_prints_the_metrics_that_it_writes(
    tmp_path: Path, make_classifier: ClassifierFactory
) -> None:
    artifact.save(tmp_path / "artifact", make_classifier(), training={}, metrics={})
    rows = "".join(f"good film {n},1\nbad film {n},0\n" for n in range(40))
    (tmp_path / "reviews.csv").write_text("text,label\n" + rows)
    result = run("evaluate", *(str(tmp_path / name) for name in ("artifact", "reviews.csv", "out")))
    assert result.exit_code == 0, result.output
    printed = json.loads(result.stdout)
    assert printed["texts"] == 80
    assert json.loads((tmp_path / "out/metrics.json").read_text()) == printed
    assert (tmp_path / "out/report.html").exists()


TEXT = "👍 The plot is a dreadful mess."


def test_explain_shows_the_words_and_their_sum(tmp_path: Path) -> None:
    result = run("explain", TEXT, "--data-dir", str(tmp_path))
    assert result.exit_code == 0, result.output
    text, _, answer, odds, *weights = result.stdout.splitlines()
    assert text == TEXT
    assert answer.startswith("Negative, score ")
    assert odds.startswith("log-odds against Positive: +")
    assert "dreadful" in weights[0]
    assert sum(float(line.split()[0]) for line in weights) == pytest.approx(
        float(odds.split()[-1]), abs=0.05
    )


def test_explain_reads_standard_input_and_colours_a_terminal(tmp_path: Path) -> None:
    arguments = ["explain", "-", "--data-dir", str(tmp_path)]
    shown = CliRunner().invoke(cli.program, arguments, input=TEXT.encode(), color=True)
    assert "\x1b[32mdreadful" in shown.stdout


def test_explain_names_the_controls_that_a_version_knows(tmp_path: Path) -> None:
    result = run("explain", TEXT, "--control", "tone", "--data-dir", str(tmp_path))
    assert result.exit_code == 2
    assert "was not trained for 'tone'; its controls: none" in " ".join(result.stderr.split())


def evaluated(data: str, out: Path, *options: str, folder: Path) -> Result:
    (folder / "reviews.csv").write_text(data)
    return run(
        "evaluate", str(manifests.PRETRAINED), str(folder / "reviews.csv"), str(out), *options
    )


TWO = "text,label\nA wonderful film,1\nA boring mess,0\n"


def test_an_empty_part_ends_with_a_sentence(tmp_path: Path) -> None:
    result = evaluated(TWO, tmp_path / "out", "--part", "validation", folder=tmp_path)
    assert result.exit_code == 1
    assert "none of its 2 reviews is in the part validation" in result.output


def test_metrics_of_a_part_with_one_label_are_json(tmp_path: Path) -> None:
    assert part_of("A wonderful film") is Part.HELD_OUT
    result = evaluated(TWO, tmp_path / "out", "--part", "held-out", folder=tmp_path)
    assert result.exit_code == 0, result.output
    content = (tmp_path / "out" / "metrics.json").read_text()
    assert "NaN" not in content
    assert json.loads(content)["auroc"] is None


@pytest.mark.parametrize("out", ["file", "file/below"])
def test_a_report_that_cannot_be_written_is_refused_before_the_data_is_read(
    tmp_path: Path, out: str
) -> None:
    (tmp_path / "file").touch()
    result = evaluated("nothing", tmp_path / out, folder=tmp_path)
    assert result.exit_code == 1
    assert str(tmp_path / "file") in result.output
    assert "labelled" not in result.output


def test_rows_that_were_left_out_are_reported_and_end_with_1(tmp_path: Path) -> None:
    result = evaluated(TWO + "so so,7\n", tmp_path / "out", folder=tmp_path)
    assert result.exit_code == 1, result.output
    assert json.loads(result.stdout)["texts"] == 2
    assert "1 rows were left out" in result.output
    assert "line 4" in result.output
    assert "1 rows left out" in (tmp_path / "out" / "report.html").read_text()


def test_rows_without_a_label_are_not_left_out(tmp_path: Path) -> None:
    result = evaluated(TWO + "so so,\n", tmp_path / "out", folder=tmp_path)
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize(("row", "code"), [("", 0), ("so so,7\n", 1)])
def test_a_training_without_some_rows_writes_the_model_and_ends_with_1(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, row: str, code: int
) -> None:
    (tmp_path / "reviews.csv").write_text(TWO + row)
    trained = manifests.read(manifests.PRETRAINED)
    monkeypatch.setattr(recipe, "train_on", lambda *_: trained)  # it takes minutes
    result = run("train", str(tmp_path / "reviews.csv"), str(tmp_path / "out"))
    assert result.exit_code == code, result.output
    assert json.loads(result.stdout).keys() == trained.metrics.keys()
    assert ("line 4" in result.stderr) == bool(code)
