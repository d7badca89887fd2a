"""Artifacts in the BentoML model store."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import bentoml
import pytest
from bentoml._internal.configuration.containers import BentoMLContainer
from bentoml._internal.models import ModelStore

from model_store import artifact
from model_store.errors import ArtifactError, UnknownVersionError
from model_store.store import delete, exists, find, import_artifact, path_of, tag_of, versions
from tests.conftest import ClassifierFactory


@pytest.fixture
def store(home_store: Path) -> Path:
    return home_store


@pytest.fixture
def packed(store: Path, tmp_path: Path, make_classifier: ClassifierFactory) -> str:
    """A version that a Bento has brought with it, in a store of its own that cannot be written."""
    artifact.save(tmp_path / "packed", make_classifier(seed=1), training={}, metrics={})
    tag = import_artifact(tmp_path / "packed")
    (tmp_path / "bento").mkdir()
    own = store.rename(tmp_path / "bento" / "models")
    store.mkdir()
    BentoMLContainer.model_store.set(ModelStore(own))
    return tag


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


def test_what_a_bento_has_brought_with_it_is_found_and_not_written_anew(
    packed: str, store: Path, tmp_path: Path
) -> None:
    before = sorted(tmp_path.rglob("*"))
    assert import_artifact(tmp_path / "packed") == packed
    assert path_of(packed) == tmp_path / "bento" / "models" / packed.replace(":", "/")
    assert exists(packed)
    assert sorted(tmp_path.rglob("*")) == before
    assert not list(store.iterdir())


def test_beside_a_bento_new_versions_go_into_the_home(
    packed: str, saved: Path, store: Path
) -> None:
    tag = import_artifact(saved)
    assert path_of(tag) == store / tag.replace(":", "/")
    assert set(versions()) == {packed, tag}
    delete(tag)
    delete(packed)
    assert set(versions()) == {packed}


@pytest.mark.usefixtures("store")
def test_only_the_full_tag_is_a_version_for_serving(saved: Path) -> None:
    tag = import_artifact(saved)
    assert exists(tag)
    for name in ("sentiment-cnn", "sentiment-cnn:latest", tag.upper(), "sentiment-cnn:none", ""):
        assert not exists(name)
        with pytest.raises(UnknownVersionError):
            path_of(name)
    for name in ("sentiment-cnn", "sentiment-cnn:latest", tag.upper()):
        assert find(name) == (tag, path_of(tag))
