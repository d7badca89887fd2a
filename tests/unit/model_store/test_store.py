"""Artifacts in the BentoML model store."""

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import bentoml
import pytest
from bentoml._internal.configuration.containers import BentoMLContainer
from bentoml._internal.models import ModelStore

from model_store import artifact
from model_store.errors import ArtifactError
from model_store.store import import_artifact, tag_of
from tests.conftest import ClassifierFactory


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Path]:
    """An empty model store of BentoML's."""
    path = tmp_path / "bentoml" / "models"
    path.mkdir(parents=True)
    BentoMLContainer.model_store.set(ModelStore(path))
    yield path
    BentoMLContainer.model_store.reset()


@pytest.fixture
def saved(tmp_path: Path, make_classifier: ClassifierFactory) -> Path:
    path = tmp_path / "artifact"
    artifact.save(
        path,
        make_classifier(),
        training={"packages": {"torch": "2.13.0"}},
        metrics={"accuracy": 0.5},
    )
    return path


@pytest.mark.usefixtures("store")
def test_an_imported_artifact_is_a_version_that_loads(saved: Path) -> None:
    model = bentoml.models.get(import_artifact(saved))
    assert str(model.tag) == tag_of(saved)
    assert artifact.load(Path(model.path)).labels == ("Negative", "Positive")


@pytest.mark.usefixtures("store")
def test_a_version_carries_labels_metrics_hashes_and_torchs_version(saved: Path) -> None:
    info = bentoml.models.get(import_artifact(saved)).info
    assert info.metadata["labels"] == ["Negative", "Positive"]
    assert info.metadata["metrics"] == {"accuracy": 0.5}
    assert info.metadata["sha256"] == artifact.read_manifest(saved).files
    assert info.context.framework_versions == {"torch": "2.13.0"}


def test_importing_twice_leaves_the_version_untouched(saved: Path, store: Path) -> None:
    tag = import_artifact(saved)
    before = {path: path.stat().st_mtime_ns for path in store.rglob("*")}
    assert import_artifact(saved) == tag
    assert {path: path.stat().st_mtime_ns for path in store.rglob("*")} == before


def test_a_damaged_version_is_replaced(saved: Path, store: Path) -> None:
    path = store / import_artifact(saved).replace(":", "/")
    (path / "weights.safetensors").write_bytes(b"cut off")
    import_artifact(saved)
    artifact.verify(path)


def test_a_version_left_half_written_is_replaced(saved: Path, store: Path) -> None:
    path = store / tag_of(saved).replace(":", "/")
    path.mkdir(parents=True)
    shutil.copy(saved / "model.json", path)
    import_artifact(saved)
    assert bentoml.models.get(tag_of(saved))


def test_many_may_import_at_once(saved: Path, store: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        tags = set(pool.map(import_artifact, [saved] * 16))
    assert tags == {tag_of(saved)}
    artifact.verify(store / tag_of(saved).replace(":", "/"))
    assert {path.name for path in store.parent.iterdir()} == {"models", ".import.lock"}


def test_a_bad_artifact_is_refused_and_leaves_nothing(saved: Path, store: Path) -> None:
    (saved / "weights.safetensors").write_bytes(b"")
    with pytest.raises(ArtifactError):
        import_artifact(saved)
    assert list(store.iterdir()) == []
