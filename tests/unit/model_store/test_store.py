"""The store keeps artifacts as versions that BentoML can list, serve and pack."""

import errno
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from model_store import artifact, manifests
from model_store import store as store_module
from model_store.errors import ArtifactError, StoreError, UnknownVersionError
from model_store.store import delete, exists, find, import_artifact, path_of, tag_of, versions
from tests.conftest import ClassifierFactory


@pytest.fixture
def store(home_store: Path) -> Path:
    return home_store


LATEST = "result = [str(bentoml.models.get(name).tag) for name in sys.argv[1:]]"


def in_bentoml(code: str, *arguments: str) -> Any:
    """Return `result` of code in a process of its own: BentoML reads its home once a process."""
    code = f"import bentoml, json, sys\n{code}\nprint(json.dumps(result))"
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        check=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    return json.loads(done.stdout)


@pytest.fixture
def packed(
    store: Path,
    tmp_path: Path,
    make_classifier: ClassifierFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> str:
    """A version in the store of the Bento that this code is part of."""
    artifact.save(tmp_path / "packed", make_classifier(seed=1), training={}, metrics={})
    tag = import_artifact(tmp_path / "packed")
    (tmp_path / "bento").mkdir()
    (tmp_path / "bento" / "bento.yaml").touch()
    store.rename(tmp_path / "bento" / "models")
    store.mkdir()
    monkeypatch.setattr(store_module, "_BENTO", tmp_path / "bento")
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
def test_an_imported_artifact_loads_from_its_version(saved: Path) -> None:
    tag, path = in_bentoml(
        "model = bentoml.models.get(sys.argv[1]); result = str(model.tag), model.path",
        import_artifact(saved),
    )
    assert tag == tag_of(saved)
    assert artifact.load(Path(path)).labels == ("Negative", "Positive")


@pytest.mark.usefixtures("store")
def test_a_version_carries_labels_metrics_hashes_and_torchs_version(saved: Path) -> None:
    metadata, frameworks = in_bentoml(
        "info = bentoml.models.get(sys.argv[1]).info;"
        "result = info.metadata, info.context.framework_versions",
        import_artifact(saved),
    )
    assert metadata["labels"] == ["Negative", "Positive"]
    assert metadata["metrics"] == {"accuracy": 0.5}
    assert metadata["sha256"] == manifests.read(saved).files
    assert frameworks == {"torch": "2.13.0"}


def test_importing_twice_leaves_the_version_untouched(saved: Path, store: Path) -> None:
    tag = import_artifact(saved)
    before = {path: path.stat().st_mtime_ns for path in store.rglob("*")}
    assert import_artifact(saved) == tag
    assert {path: path.stat().st_mtime_ns for path in store.rglob("*")} == before


def test_a_damaged_version_is_replaced(saved: Path, store: Path) -> None:
    path = store / import_artifact(saved).replace(":", "/")
    (path / "weights.safetensors").write_bytes(b"cut off")
    import_artifact(saved)
    manifests.verify(path)


def test_a_version_left_half_written_is_replaced(saved: Path, store: Path) -> None:
    path = store / tag_of(saved).replace(":", "/")
    path.mkdir(parents=True)
    shutil.copy(saved / "model.json", path)
    import_artifact(saved)
    assert in_bentoml("result = str(bentoml.models.get(sys.argv[1]).tag)", tag_of(saved))


def test_many_threads_can_import_the_same_artifact_at_once(saved: Path, store: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        tags = set(pool.map(import_artifact, [saved] * 16))
    assert tags == {tag_of(saved)}
    manifests.verify(store / tag_of(saved).replace(":", "/"))
    assert {path.name for path in store.parent.iterdir()} == {"models", ".import.lock"}


def test_a_bad_artifact_is_refused_and_leaves_nothing(saved: Path, store: Path) -> None:
    (saved / "weights.safetensors").write_bytes(b"")
    with pytest.raises(ArtifactError):
        import_artifact(saved)
    assert list(store.iterdir()) == []


def test_a_version_in_the_bento_is_found_and_not_imported_again(
    packed: str, store: Path, tmp_path: Path
) -> None:
    before = sorted(tmp_path.rglob("*"))
    assert import_artifact(tmp_path / "packed") == packed
    assert path_of(packed) == tmp_path / "bento" / "models" / packed.replace(":", "/")
    assert exists(packed)
    assert sorted(tmp_path.rglob("*")) == before
    assert not list(store.iterdir())


def test_new_versions_of_a_bento_are_written_to_the_home(
    packed: str, saved: Path, store: Path
) -> None:
    tag = import_artifact(saved)
    assert path_of(tag) == store / tag.replace(":", "/")
    assert set(versions()) == {packed, tag}
    delete(tag)
    delete(packed)
    assert set(versions()) == {packed}


@pytest.mark.usefixtures("store")
def test_only_a_full_tag_names_a_version_to_serve(saved: Path) -> None:
    tag = import_artifact(saved)
    assert exists(tag)
    for name in ("sentiment-cnn", "sentiment-cnn:latest", tag.upper(), "sentiment-cnn:none", ""):
        assert not exists(name)
        with pytest.raises(UnknownVersionError):
            path_of(name)
    for name in ("sentiment-cnn", "sentiment-cnn:latest", tag.upper()):
        assert find(name) == (tag, path_of(tag))


@pytest.mark.usefixtures("store")
def test_a_short_tag_is_the_latest_import_for_us_and_for_bentoml(
    tmp_path: Path, make_classifier: ClassifierFactory
) -> None:
    for seed in (3, 1, 2):
        artifact.save(tmp_path / f"{seed}", make_classifier(seed=seed), training={}, metrics={})
        tag = import_artifact(tmp_path / f"{seed}")
        names = ("sentiment-cnn", "sentiment-cnn:latest")
        assert {find(name)[0] for name in names} == {tag}
        assert in_bentoml(LATEST, *names) == [tag, tag]
    delete(tag)
    assert [find("sentiment-cnn")[0]] == in_bentoml(LATEST, "sentiment-cnn") != [tag]


def test_a_version_that_bentoml_itself_has_written_opens(saved: Path, store: Path) -> None:
    """Earlier releases wrote with `bentoml.models.create`."""
    tag = tag_of(saved)
    with_bentoml = """
from pathlib import Path
import shutil
with bentoml.models.create(sys.argv[1], module="model_store.artifact") as model:
    for file in Path(sys.argv[2]).iterdir():
        shutil.copy(file, model.path_of(file.name))
result = None"""
    in_bentoml(with_bentoml, tag, str(saved))
    assert set(versions()) == {tag}
    assert find("sentiment-cnn") == (tag, store / tag.replace(":", "/"))
    before = {path: path.stat().st_mtime_ns for path in store.rglob("*")}
    assert import_artifact(saved) == tag
    assert {path: path.stat().st_mtime_ns for path in store.rglob("*")} == before


@pytest.mark.parametrize("tag", ["../models:0", "sentiment-cnn:..", "sentiment-cnn:../x", "", ":"])
def test_a_tag_cannot_leave_the_store(store: Path, saved: Path, tag: str) -> None:
    import_artifact(saved)
    before = sorted(store.parent.rglob("*"))
    delete(tag)
    assert not exists(tag)
    assert sorted(store.parent.rglob("*")) == before


def test_nothing_is_written_by_looking_for_a_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BENTOML_HOME", str(tmp_path / "home"))
    assert versions() == {}
    assert not exists("sentiment-cnn:0")
    delete("sentiment-cnn:0")
    assert not (tmp_path / "home").exists()


@pytest.fixture
def given(tmp_path: Path, make_classifier: ClassifierFactory) -> Path:
    """An artifact that somebody gives us."""
    artifact.save(tmp_path / "given", make_classifier(seed=3), training={}, metrics={})
    return tmp_path / "given"


def edit(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change model.json, and make its hashes those of the files."""
    manifest = json.loads((folder / "model.json").read_text())
    change(manifest)
    for name in manifest["files"]:
        if (folder / name).is_file():
            digest = hashlib.sha256((folder / name).read_bytes()).hexdigest()
            manifest["files"][name] = digest
    (folder / "model.json").write_text(json.dumps(manifest))


def refused(folder: Path, store: Path, reason: str) -> None:
    """Check that an import says why it is refused, and leaves nothing behind."""
    before = sorted(store.rglob("*"))
    with pytest.raises(ArtifactError, match=reason):
        import_artifact(folder)
    assert sorted(store.rglob("*")) == before
    assert not list(store.parent.glob(".import-*"))


@pytest.mark.parametrize("name", ["model.json", "vocabulary.txt", "weights.safetensors"])
def test_a_link_is_not_imported(store: Path, given: Path, name: str) -> None:
    (given / name).rename(given.parent / "elsewhere")
    (given / name).symlink_to(given.parent / "elsewhere")
    refused(given, store, f"{name} cannot be used: it is a link")


@pytest.mark.parametrize("name", ["model.json", "vocabulary.txt", "weights.safetensors"])
def test_a_pipe_and_a_device_are_not_read(store: Path, given: Path, name: str) -> None:
    for make in (os.mkfifo, lambda path: path.symlink_to("/dev/zero"), Path.mkdir):
        (given / name).unlink()
        make(given / name)
        refused(given, store, f"{name} cannot be used: ")
        if (given / name).is_dir():
            return


def test_a_file_larger_than_model_json_says_is_not_read(store: Path, given: Path) -> None:
    os.truncate(given / "weights.safetensors", 1 << 40)
    refused(given, store, "1099511627776 bytes, and at most")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"vocabulary_size": 10**12}, "500000000 can be served"),
        ({"embedding_dim": 10**9}, "500000000 can be served"),
        ({"filters": 10**30}, "500000000 can be served"),
        ({"filters": 2}, "its tensors must be"),
        ({"kernel_sizes": [0, -3]}, "kernel_sizes"),
        ({"kernel_sizes": [10**12]}, "500000000 can be served"),
        ({"kernel_sizes": []}, "kernel_sizes"),
        ({"classes": 10**9}, "500000000 can be served"),
    ],
)
def test_a_network_that_cannot_be_loaded_is_not_imported(
    store: Path, given: Path, change: dict[str, Any], reason: str
) -> None:
    edit(given, lambda manifest: manifest["architecture"].update(change))
    refused(given, store, reason)


@pytest.mark.parametrize(
    "change",
    [
        {"temperature": float("inf")},
        {"max_tokens": 10**15},
        {"heads": {"kind": {"labels": ["a", "b"], "temperature": 1.0}}},
        {"training": [1]},
    ],
)
def test_an_absurd_manifest_is_not_imported(
    store: Path, given: Path, change: dict[str, Any]
) -> None:
    edit(given, lambda manifest: manifest.update(change))
    refused(given, store, r"model\.json")


def test_a_manifest_that_is_nested_too_deeply_is_not_imported(store: Path, given: Path) -> None:
    (given / "model.json").write_text('{"training": ' + "[" * 100_000 + "]" * 100_000 + "}")
    refused(given, store, r"model\.json")


def test_a_full_disk_while_a_version_is_copied_is_an_error_with_advice(
    store: Path, saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fill(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(saved))

    monkeypatch.setattr(shutil, "copyfile", fill)
    with pytest.raises(StoreError) as found:
        import_artifact(saved)
    assert str(found.value) == (
        f"The model cannot be stored in {store}: No space left on device. Make room there, or "
        "allow this process to write there."
    )
    assert versions() == {}
    assert not list(store.parent.glob(".import-*"))
