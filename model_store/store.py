"""Artifacts in BentoML's model stores, as immutable versions.

Two stores are looked into. That of BentoML's home is written to: new versions go there. A Bento in
a container brings one of its own with it, which holds the model that it was packed with, and which
BentoML then takes for the only one.

The only module here, with `batching.py`, that knows BentoML.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import bentoml
from bentoml._internal.configuration.containers import BentoMLContainer
from bentoml._internal.models import ModelStore
from bentoml.exceptions import BentoMLException, NotFound
from bentoml.models import ModelContext
from filelock import FileLock

from model_store import artifact
from model_store.errors import ArtifactError, UnknownVersionError

_BENTO = Path(__file__).parents[2]
"""Where this code is part of one: its folder."""

PRETRAINED = artifact.PRETRAINED
tag_of = artifact.tag_of


def find(tag: str) -> tuple[str, Path]:
    """The full tag and the directory of a version in the store; raises UnknownVersionError.

    `tag` can leave out the version: then it is that of the latest import, so that the same name may
    be another one tomorrow. Whatever is to be served or kept goes by the full tag.
    """
    for store in _stores():
        with suppress(BentoMLException, ValueError):
            model = bentoml.models.get(tag, _model_store=store)
            return str(model.tag), Path(model.path)
    raise UnknownVersionError(tag)


def import_artifact(directory: Path) -> str:
    """Put an artifact into the home's store and return its tag; does nothing if it is in any.

    The version appears whole or not at all, however many processes import it at once or are
    killed while they do. One that is there but damaged is replaced. Raises ArtifactError if
    `directory` is no good.
    """
    tag = tag_of(directory)
    if _is_intact(tag):
        return tag
    store = _home()
    with FileLock(store._path.parent / ".import.lock"):
        if not _is_intact(tag):
            manifest = artifact.verify(directory)
            with TemporaryDirectory(dir=store._path.parent, prefix=".import-") as scratch:
                _create(tag, directory, manifest, ModelStore(scratch))
                version = Path(*tag.split(":"))
                shutil.rmtree(store._path / version, ignore_errors=True)
                (store._path / version).parent.mkdir(parents=True, exist_ok=True)
                os.rename(Path(scratch) / version, store._path / version)
    return tag


def path_of(tag: str) -> Path:
    """Where the artifact of a version is; raises UnknownVersionError unless the tag is full."""
    full, path = find(tag)
    if full != tag:
        raise UnknownVersionError(tag)
    return path


def exists(tag: str) -> bool:
    """Whether there is a version of exactly this tag."""
    try:
        path_of(tag)
    except UnknownVersionError:
        return False
    return True


def versions() -> dict[str, artifact.Manifest]:
    """What is in the stores, by tag, without what cannot be read."""
    found = {}
    for store in _stores():
        with suppress(NotFound):  # There is none yet.
            for model in bentoml.models.list(artifact.MODEL_NAME, _model_store=store):
                with suppress(ArtifactError):
                    found[str(model.tag)] = artifact.read_manifest(Path(model.path))
    return found


def delete(tag: str) -> None:
    """Remove a version from the home's store; does nothing if it is not there."""
    with suppress(BentoMLException):
        bentoml.models.delete(tag, _model_store=_home())


def _home() -> ModelStore:
    return ModelStore(Path(BentoMLContainer.model_store_dir.get()))


def _stores() -> Iterator[ModelStore]:
    yield _home()
    yield BentoMLContainer.model_store.get()
    # A command that is run in a Bento, which nobody serves.
    if (_BENTO / "bento.yaml").is_file() and (_BENTO / "models").is_dir():
        yield ModelStore(_BENTO / "models")


def _is_intact(tag: str) -> bool:
    try:
        artifact.verify(path_of(tag))
    except (UnknownVersionError, ArtifactError):
        return False
    return True


def _create(tag: str, directory: Path, manifest: artifact.Manifest, store: ModelStore) -> None:
    with bentoml.models.create(
        tag,
        module=artifact.__name__,
        labels={"tokenizer": manifest.tokenizer},
        metadata={
            "labels": list(manifest.labels),
            "heads": {control: list(head.labels) for control, head in manifest.heads.items()},
            "metrics": dict(manifest.metrics),
            "training": dict(manifest.training),
            "sha256": dict(manifest.files),
        },
        context=ModelContext(
            framework_name="torch",
            framework_versions=manifest.training.get("packages", {}),
        ),
        _model_store=store,
    ) as model:
        for name in (artifact.MANIFEST, *manifest.files):
            shutil.copy(directory / name, model.path_of(name))
