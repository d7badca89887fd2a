"""Finding the model of a run, before any worker starts."""

from pathlib import Path

import pytest

from adapters.preannotate import model
from adapters.preannotate.errors import ModelError
from model_store import artifact, manifests
from model_store.store import import_artifact
from tests.conftest import ClassifierFactory


@pytest.fixture
def shipped(
    tmp_path: Path, make_classifier: ClassifierFactory, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """An artifact that takes the place of the one that ships."""
    folder = tmp_path / "pretrained"
    artifact.save(folder, make_classifier(), training={}, metrics={})
    monkeypatch.setattr(manifests, "PRETRAINED", folder)
    return folder


def test_the_model_that_ships_is_found_beside_the_code(shipped: Path) -> None:
    found = model.find(None)
    assert (found.directory, found.version) == (shipped, manifests.tag_of(shipped))


def test_a_damaged_file_of_the_model_is_named(shipped: Path) -> None:
    (shipped / manifests.VOCABULARY).write_text("other\n")
    with pytest.raises(ModelError, match=r"vocabulary\.txt cannot be used: its SHA-256"):
        model.find(None)


def test_weights_missing_beside_the_code_are_found_in_the_store(
    shipped: Path, home_store: Path
) -> None:
    tag = import_artifact(shipped)
    (shipped / manifests.WEIGHTS).unlink()
    found = model.find(None)
    assert (found.directory, found.version) == (home_store / tag.replace(":", "/"), tag)


@pytest.mark.usefixtures("home_store")
def test_missing_weights_are_an_error(shipped: Path) -> None:
    (shipped / manifests.WEIGHTS).unlink()
    with pytest.raises(ModelError, match=f"no version '{manifests.tag_of(shipped)}'"):
        model.find(None)


def test_a_missing_model_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manifests, "PRETRAINED", tmp_path)
    with pytest.raises(ModelError, match=r"model\.json"):
        model.find(None)
