"""Artifacts in the BentoML model store, as immutable versions. Does not load networks.

The only module here, with `batching.py`, that knows BentoML.
"""

import os
import shutil
import tempfile
from pathlib import Path

import bentoml
from bentoml._internal.configuration.containers import BentoMLContainer
from bentoml._internal.models import ModelStore
from bentoml.exceptions import BentoMLException
from bentoml.models import ModelContext

from model_store import artifact
from model_store.errors import ArtifactError

MODEL_NAME = "sentiment-cnn"
PRETRAINED = Path(__file__).parent / "pretrained"


def tag_of(directory: Path) -> str:
    """The name an artifact has in every store: `sentiment-cnn:` and its content's version."""
    return f"{MODEL_NAME}:{artifact.version(directory)}"


def import_artifact(directory: Path) -> str:
    """Put an artifact into the model store and return its tag; does nothing if it is there.

    The version appears whole or not at all, however many processes import it at once or are
    killed while they do. One that is there but damaged is replaced. Raises ArtifactError if
    `directory` is no good.
    """
    tag = tag_of(directory)
    if _is_intact(tag):
        return tag
    manifest = artifact.verify(directory)
    store_directory = Path(BentoMLContainer.model_store_dir.get())
    with tempfile.TemporaryDirectory(dir=store_directory.parent, prefix=".import-") as scratch:
        with bentoml.models.create(
            tag,
            module=artifact.__name__,
            labels={"tokenizer": manifest.tokenizer},
            metadata={
                "labels": list(manifest.labels),
                "metrics": dict(manifest.metrics),
                "training": dict(manifest.training),
                "sha256": dict(manifest.files),
            },
            context=ModelContext(
                framework_name="torch",
                framework_versions=manifest.training.get("packages", {}),
            ),
            _model_store=ModelStore(scratch),
        ) as model:
            for name in (artifact.MANIFEST, *manifest.files):
                shutil.copy(directory / name, model.path_of(name))
        relative = Path(*tag.split(":"))
        _replace(Path(scratch) / relative, store_directory / relative, aside=Path(scratch) / "old")
    return tag


def _is_intact(tag: str) -> bool:
    try:
        artifact.verify(Path(bentoml.models.get(tag).path))
    except (BentoMLException, ArtifactError):
        return False
    return True


def _replace(new: Path, target: Path, *, aside: Path) -> None:
    """Move the directory `new` to `target`; what is there, a damaged version, moves to `aside`."""
    target.parent.mkdir(exist_ok=True)
    if target.exists():
        os.rename(target, aside)
    try:
        os.rename(new, target)
    except OSError:
        # Another process was faster: what it moved there has the same content.
        if not target.exists():
            raise
