"""Artifacts in the BentoML model store, as immutable versions.

The only module here, with `batching.py`, that knows BentoML.
"""

import os
import shutil
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import bentoml
from bentoml._internal.configuration.containers import BentoMLContainer
from bentoml._internal.models import ModelStore
from bentoml.exceptions import BentoMLException
from bentoml.models import ModelContext
from filelock import FileLock

from model_store import artifact
from model_store.errors import ArtifactError, UnknownVersionError

PRETRAINED = artifact.PRETRAINED
tag_of = artifact.tag_of


def find(tag: str) -> tuple[str, Path]:
    """The full tag and the directory of a version in the store; raises UnknownVersionError.

    `tag` can leave out the version: then it is that of the latest import.
    """
    try:
        model = bentoml.models.get(tag)
    except (BentoMLException, ValueError) as error:
        raise UnknownVersionError(tag) from error
    return str(model.tag), Path(model.path)


def import_artifact(directory: Path) -> str:
    """Put an artifact into the model store and return its tag; does nothing if it is there.

    The version appears whole or not at all, however many processes import it at once or are
    killed while they do. One that is there but damaged is replaced. Raises ArtifactError if
    `directory` is no good.
    """
    tag = tag_of(directory)
    store: ModelStore = BentoMLContainer.model_store.get()
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
    """Where the artifact of a version is; raises UnknownVersionError."""
    return find(tag)[1]


def exists(tag: str) -> bool:
    """Whether there is such a version."""
    try:
        path_of(tag)
    except UnknownVersionError:
        return False
    return True


def versions() -> dict[str, artifact.Manifest]:
    """What is in the store, by tag, without what cannot be read."""
    found = {}
    for model in bentoml.models.list(artifact.MODEL_NAME):
        with suppress(ArtifactError):
            found[str(model.tag)] = artifact.read_manifest(Path(model.path))
    return found


def delete(tag: str) -> None:
    """Remove a version; does nothing if it is not there."""
    with suppress(BentoMLException):
        bentoml.models.delete(tag)


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
