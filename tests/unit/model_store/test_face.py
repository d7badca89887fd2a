"""The public names of the package: `load`, the types and the errors."""

import subprocess
import sys
from pathlib import Path

import pytest

import model_store
from model_store import artifact
from model_store.errors import ArtifactError
from tests.conftest import ClassifierFactory


def test_the_shipped_model_classifies_in_three_lines() -> None:
    from model_store import load  # noqa: PLC0415 (as a user writes it)

    classifier = load()
    assert classifier.classify(["A wonderful film!"])[0].label == "Positive"


def test_an_artifact_loads_by_its_path(tmp_path: Path, make_classifier: ClassifierFactory) -> None:
    artifact.save(tmp_path / "mine", make_classifier(), training={}, metrics={})
    for path in (tmp_path / "mine", str(tmp_path / "mine")):
        assert model_store.load(path).labels == ("Negative", "Positive")
    with pytest.raises(ArtifactError, match="missing"):
        model_store.load(tmp_path / "missing")


def test_every_exported_name_is_there() -> None:
    for name in model_store.__all__:
        assert getattr(model_store, name).__name__ == name
    with pytest.raises(AttributeError, match="absent"):
        _ = model_store.absent


@pytest.mark.parametrize("package", ["torch", "bentoml", "numpy", "sqlalchemy"])
def test_importing_the_package_imports_nothing_heavy(package: str) -> None:
    code = f"import model_store, sys; sys.exit({package!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
