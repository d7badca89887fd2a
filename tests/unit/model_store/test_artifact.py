"""An artifact loads as it was saved; a damaged one is refused."""

import json
import pickle
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from pydantic_core import PydanticSerializationError
from safetensors.torch import load_file, save_file

from model_store import artifact, manifests
from model_store.errors import ArtifactError, ArtifactExistsError
from model_store.model.classifier import Classifier
from model_store.model.encoder import Encoder
from model_store.model.head import Head
from model_store.model.origin import Origin, Strangeness
from tests.conftest import ClassifierFactory


@pytest.fixture
def saved(tmp_path: Path, make_classifier: ClassifierFactory) -> Path:
    path = tmp_path / "artifact"
    artifact.save(path, make_classifier(), training={"seed": 0}, metrics={"accuracy": 0.5})
    return path


def rewrite_manifest(path: Path, change: Callable[[dict[str, object]], object]) -> None:
    manifest = json.loads((path / "model.json").read_text())
    change(manifest)
    (path / "model.json").write_text(json.dumps(manifest))


def forge(path: Path, name: str, content: bytes) -> None:
    """Replace a file and its hash, as an attacker would."""
    (path / name).write_bytes(content)
    sha256 = manifests.sha256(content)
    rewrite_manifest(path, lambda manifest: manifest["files"].update({name: sha256}))  # type: ignore[attr-defined]


def test_a_loaded_classifier_gives_the_answers_of_the_saved_one(
    saved: Path, make_classifier: ClassifierFactory
) -> None:
    texts = ["good film", "bad film", ""]
    for loaded, original in zip(
        artifact.load(saved).classify(texts), make_classifier().classify(texts), strict=True
    ):
        assert loaded.label == original.label
        assert loaded.score == pytest.approx(original.score, abs=2e-3)  # half precision


def test_weights_are_stored_in_half_precision(saved: Path) -> None:
    tensors = load_file(saved / "weights.safetensors")
    assert {tensor.dtype for tensor in tensors.values()} == {torch.float16}


def test_equal_content_has_an_equal_version_and_other_content_another(
    tmp_path: Path, saved: Path, make_classifier: ClassifierFactory
) -> None:
    again, other = tmp_path / "again", tmp_path / "other"
    artifact.save(again, make_classifier(), training={"seed": 0}, metrics={"accuracy": 0.5})
    artifact.save(other, make_classifier(seed=1), training={"seed": 0}, metrics={"accuracy": 0.5})
    assert manifests.version(again) == manifests.version(saved)
    assert manifests.version(other) != manifests.version(saved)


def test_saving_over_something_is_refused(saved: Path, make_classifier: ClassifierFactory) -> None:
    with pytest.raises(ArtifactExistsError):
        artifact.save(saved, make_classifier(), training={}, metrics={})


def test_a_save_that_fails_leaves_nothing_behind(
    tmp_path: Path, make_classifier: ClassifierFactory
) -> None:
    with pytest.raises(PydanticSerializationError):
        artifact.save(tmp_path / "new", make_classifier(), training={"x": object()}, metrics={})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["model.json", "vocabulary.txt", "weights.safetensors"])
def test_a_missing_file_is_named(saved: Path, name: str) -> None:
    (saved / name).unlink()
    with pytest.raises(ArtifactError, match=name):
        artifact.load(saved)


@pytest.mark.parametrize("name", ["vocabulary.txt", "weights.safetensors"])
def test_a_changed_byte_is_noticed(saved: Path, name: str) -> None:
    content = bytearray((saved / name).read_bytes())
    content[-2] ^= 1
    (saved / name).write_bytes(content)
    with pytest.raises(ArtifactError, match="SHA-256"):
        artifact.load(saved)


def test_a_newer_format_is_refused_with_the_advice_to_upgrade(saved: Path) -> None:
    rewrite_manifest(saved, lambda manifest: manifest.update({"format": 5, "new": {}}))
    with pytest.raises(ArtifactError, match=r"format 5.*formats up to 4: upgrade"):
        artifact.load(saved)


@pytest.fixture
def with_origin(tmp_path: Path, make_classifier: ClassifierFactory) -> Path:
    """An artifact whose head knows what it was fitted to."""
    plain = make_classifier()
    assert isinstance(plain.encoder, Encoder)
    plain.encoder.strangeness = Strangeness(torch.tensor([2.0, 0.0, -1.0, -1.0, -2.0]))
    head = replace(plain.head, origin=Origin((1, 16), (4.0, 1.0), (-2.0, 0.0, 2.0)))
    path = tmp_path / "with-origin"
    artifact.save(path, Classifier(plain.encoder, head), training={}, metrics={})
    return path


def test_an_origin_is_kept(with_origin: Path) -> None:
    manifest = artifact.check(with_origin)
    assert manifest.format == 4
    known, unknown = artifact.load(with_origin).classify(["good film", "zxqv"])
    assert (known.distance, unknown.distance) == (0.125, 1.0)
    assert unknown.score == 0.5


def test_an_artifact_without_origin_is_written_for_earlier_releases(saved: Path) -> None:
    manifest = json.loads((saved / "model.json").read_text())
    assert manifest["format"] == 1
    assert "origin" not in manifest
    assert artifact.load(saved).classify(["good film"])[0].distance is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"known_tokens": [16, 1]}, "must rise"),
        ({"temperature_factors": [1.0]}, "a temperature factor for each"),
        ({"temperature_factors": [1.0, 0.0]}, "greater than 0"),
        ({"strangeness": [2.0, 0.0]}, "must not fall"),
    ],
)
def test_an_origin_that_means_nothing_is_refused(
    with_origin: Path, change: dict[str, object], message: str
) -> None:
    rewrite_manifest(with_origin, lambda manifest: manifest["origin"].update(change))  # type: ignore[attr-defined]
    with pytest.raises(ArtifactError, match=message):
        artifact.load(with_origin)


def test_a_strangeness_of_other_tokens_is_refused(with_origin: Path, tmp_path: Path) -> None:
    save_file({"of_tokens": torch.zeros(4)}, tmp_path / "forged")
    forge(with_origin, "strangeness.safetensors", (tmp_path / "forged").read_bytes())
    with pytest.raises(ArtifactError, match=r"strangeness\.safetensors"):
        artifact.check(with_origin)


@pytest.mark.parametrize("value", [0, "1", None])
def test_an_unknown_format_is_refused(saved: Path, value: object) -> None:
    rewrite_manifest(saved, lambda manifest: manifest.update({"format": value}))
    with pytest.raises(ArtifactError, match="format"):
        artifact.load(saved)


def test_an_artifact_from_before_heads_and_temperature_opens(saved: Path) -> None:
    for name in ("format", "heads", "temperature"):
        rewrite_manifest(saved, lambda manifest, name=name: manifest.pop(name))  # type: ignore[misc]
    assert artifact.load(saved).labels == ("Negative", "Positive")


@pytest.mark.parametrize("content", ["", "[]", "{", "null"])
def test_a_manifest_that_is_not_an_object_is_refused(saved: Path, content: str) -> None:
    (saved / "model.json").write_text(content)
    with pytest.raises(ArtifactError, match=r"model\.json"):
        artifact.load(saved)


def test_a_manifest_that_names_a_file_elsewhere_is_refused(saved: Path) -> None:
    shutil.copy(saved / "vocabulary.txt", saved.parent / "stolen.txt")
    rewrite_manifest(
        saved,
        lambda manifest: manifest["files"].update({"../stolen.txt": "0" * 64}),  # type: ignore[attr-defined]
    )
    with pytest.raises(ArtifactError, match="must list"):
        artifact.load(saved)


def test_a_manifest_needs_a_label_for_each_class(saved: Path) -> None:
    rewrite_manifest(saved, lambda manifest: manifest.update({"labels": ["One"]}))
    with pytest.raises(ArtifactError, match="1 labels for 2 classes"):
        artifact.load(saved)


def test_a_pickle_in_place_of_the_weights_is_refused_and_runs_nothing(saved: Path) -> None:
    witness = saved.parent / "ran"

    class Hostile:
        def __reduce__(self) -> tuple[object, ...]:
            return (Path.touch, (witness,))

    forge(saved, "weights.safetensors", pickle.dumps(Hostile()))
    with pytest.raises(ArtifactError, match="safetensors"):
        artifact.load(saved)
    assert not witness.exists()


def test_weights_of_another_shape_are_refused_with_both_shapes(saved: Path) -> None:
    tensors = load_file(saved / "weights.safetensors")
    tensors["fc.bias"] = torch.zeros(3, dtype=torch.float16)
    save_file(tensors, saved / "forged")
    forge(saved, "weights.safetensors", (saved / "forged").read_bytes())
    with pytest.raises(ArtifactError, match=r"'fc.bias': \[2\].*'fc.bias': \[3\]"):
        artifact.load(saved)


def test_weights_that_are_not_finite_are_refused(saved: Path) -> None:
    tensors = load_file(saved / "weights.safetensors")
    tensors["fc.bias"][0] = float("nan")
    save_file(tensors, saved / "forged")
    forge(saved, "weights.safetensors", (saved / "forged").read_bytes())
    with pytest.raises(ArtifactError, match="finite"):
        artifact.load(saved)


def test_heads_of_other_kinds_and_judged_ones_are_stored_in_a_newer_format(
    tmp_path: Path, make_classifier: ClassifierFactory
) -> None:
    base = make_classifier()
    width = base.head.weight.shape[1]
    judged = Head(("a", "b"), torch.ones(2, width), torch.ones(2), 3.0, "multiple", (0.1, 0.2))
    head = replace(judged, bias=torch.zeros(2), temperature=2.0, judged=judged)
    for name, heads, expected in (
        ("both", {"kind": head, "tone": base.head}, 3),
        ("one", {"tone": base.head}, 1),
    ):
        manifest = artifact.save(
            tmp_path / name,
            Classifier(base.encoder, base.head, heads),
            training={},
            metrics={},
        )
        assert manifest.format == expected
        assert ("judged" in (tmp_path / name / "model.json").read_text()) is (expected == 3)
    loaded = artifact.load(tmp_path / "both").heads
    assert loaded["tone"].judged is None
    for found, saved in ((loaded["kind"], head), (loaded["kind"].judged, judged)):
        assert found is not None
        assert (found.kind, found.thresholds) == (saved.kind, saved.thresholds)
        assert found.temperature == saved.temperature
        assert torch.equal(found.bias, saved.bias)


def test_a_head_without_a_threshold_for_each_label_is_refused(
    tmp_path: Path, make_classifier: ClassifierFactory
) -> None:
    base = make_classifier()
    head = replace(base.head, kind="multiple", thresholds=(0.5, 0.5))
    path = tmp_path / "saved"
    classifier = Classifier(base.encoder, base.head, {"kind": head})
    artifact.save(path, classifier, training={}, metrics={})
    rewrite_manifest(path, lambda manifest: manifest["heads"]["kind"].pop("thresholds"))  # type: ignore[index]
    with pytest.raises(ArtifactError, match="a threshold for each label"):
        artifact.load(path)


def test_loading_does_not_import_the_compiler_of_torch() -> None:
    """It takes a second and 90 MB in each process; tensors of the `meta` device import it."""
    code = (
        "import sys; from model_store import artifact, manifests; "
        "artifact.load(manifests.PRETRAINED); "
        "sys.exit('torch._dynamo' in sys.modules or 'sympy' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
