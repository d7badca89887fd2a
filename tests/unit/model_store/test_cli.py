"""The command line: every command has its help, and bad input ends with one sentence."""

import json
from pathlib import Path

import pytest

from model_store import artifact
from model_store.cli import main
from tests.conftest import ClassifierFactory


@pytest.mark.parametrize("command", [[], ["train"], ["evaluate"], ["simulate"], ["import"]])
def test_every_command_explains_itself(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*command, "--help"])
    assert ended.value.code == 0
    assert "usage: python -m model_store" in capsys.readouterr().out


@pytest.mark.parametrize(
    "command",
    [
        ["train", "missing.csv", "out"],
        ["evaluate", "missing", "missing.csv", "out"],
        ["simulate", "missing.csv", "out"],
        ["import", "missing"],
        ["import", "--state-dict", "missing.pt", "--vocab", "missing.pt"],
    ],
)
def test_a_missing_file_ends_with_1_and_a_sentence_that_names_it(
    command: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main(command)
    assert ended.value.code == 1
    message = capsys.readouterr().err
    assert "missing" in message
    assert "Traceback" not in message
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "options", [[], ["--vocab", "v.pt"], ["--state-dict", "s.pt"], ["a", "--state-dict", "s.pt"]]
)
def test_import_wants_an_artifact_or_both_files(options: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["import", *options])
    assert ended.value.code == 2


def test_evaluate_writes_what_it_prints(
    tmp_path: Path, make_classifier: ClassifierFactory, capsys: pytest.CaptureFixture[str]
) -> None:
    artifact.save(tmp_path / "artifact", make_classifier(), training={}, metrics={})
    rows = "".join(f"good film {n},1\nbad film {n},0\n" for n in range(40))
    (tmp_path / "reviews.csv").write_text("text,label\n" + rows)
    main(["evaluate", *(str(tmp_path / name) for name in ("artifact", "reviews.csv", "out"))])
    printed = json.loads(capsys.readouterr().out)
    assert printed["texts"] == 80
    assert json.loads((tmp_path / "out/metrics.json").read_text()) == printed
    assert (tmp_path / "out/report.html").exists()
