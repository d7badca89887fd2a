"""Keep artifacts as immutable versions in the folders of BentoML's model stores.

A version is the folder `<store>/<name>/<version>`, and `<name>:<version>` is its tag. There can be
two stores. BentoML's home has one; new versions are written there. A Bento brings its own, with the
model that it was packed with; it is only read.

The layout is BentoML's: its commands and `bentoml.models` see every version.
"""

import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from filelock import FileLock

from model_store import artifact, manifests
from model_store.errors import ArtifactError, StoreError, UnknownVersionError
from model_store.files import atomic_folder, atomic_write, open_file

_BENTO = Path(__file__).parents[2]
"""The folder of the Bento, if this code is part of one."""
_TAG = re.compile(r"(?P<name>[a-z0-9][-_.a-z0-9]*)(:(?P<version>[a-z0-9][-_.a-z0-9]*))?")
_BENTOML_FILE = "model.yaml"
_LATEST = "latest"
_MAX_LATEST_BYTES = 1024

PRETRAINED = manifests.PRETRAINED
tag_of = manifests.tag_of


def find(tag: str) -> tuple[str, Path]:
    """Return the full tag and the directory of a version; raises UnknownVersionError.

    A tag without a version, or with the version `latest`, is the latest import. Serve and store
    only full tags: a later import changes the meaning of a short one.
    """
    parts = _TAG.fullmatch(tag.lower())
    for store in _stores() if parts else ():
        assert parts is not None
        version = parts["version"] or _LATEST
        if version == _LATEST:
            version = _latest(store / parts["name"]) or ""
        path = store / parts["name"] / version
        if version and (path / manifests.MANIFEST).is_file():
            return f"{parts['name']}:{version}", path
    raise UnknownVersionError(tag)


def find_or_shipped(tag: str | None) -> tuple[str, Path]:
    """Return the full tag and the directory of a version, or without a tag of the one that ships.

    Raises UnknownVersionError.
    """
    directory = manifests.PRETRAINED
    shipped = tag_of(directory)
    # A Bento has the shipped weights in its BentoML store, not beside the code.
    if tag is None and (directory / manifests.WEIGHTS).exists():
        return shipped, directory
    return find(tag or shipped)


def import_artifact(directory: Path) -> str:
    """Copy an artifact into the store of BentoML's home and return its tag.

    Does nothing if a store has an intact copy; a damaged one is replaced. The version appears whole
    or not at all, however many processes import it at once or are killed. Raises ArtifactError if
    the artifact is damaged or cannot be loaded, or if one of its files is a link, and StoreError if
    the store cannot be written, for example because the disk is full.
    """
    tag = tag_of(directory)
    if not _is_intact(tag):
        try:
            _copy(directory, tag)
        except OSError as error:
            raise StoreError(_home(), error.strerror or str(error)) from error
    return tag


def _copy(directory: Path, tag: str) -> None:
    home = _home()
    home.mkdir(parents=True, exist_ok=True)
    with FileLock(home.parent / ".import.lock"):
        if not _is_intact(tag):
            manifest = artifact.check(directory)
            for file in (manifests.MANIFEST, *manifest.files):
                # A link would bring in the content of any file on the machine.
                if (directory / file).is_symlink():
                    raise ArtifactError(directory / file, "it is a link: put the file itself there")
            name, version = tag.split(":")
            with TemporaryDirectory(dir=home.parent, prefix=".import-") as drafts:
                with atomic_folder(home / name / version, drafts=Path(drafts)) as draft:
                    for file in (manifests.MANIFEST, *manifest.files):
                        shutil.copy(directory / file, draft)
                    if tag_of(draft) != tag or manifests.verify(draft) != manifest:
                        raise ArtifactError(directory, "it changes while it is imported")
                    _describe(tag, manifest, draft)
                with atomic_write(home / name / _LATEST) as draft:
                    draft.write_text(version)


def path_of(tag: str) -> Path:
    """Return the directory of a version; raises UnknownVersionError unless the tag is full."""
    full, path = find(tag)
    if full != tag:
        raise UnknownVersionError(tag)
    return path


def exists(tag: str) -> bool:
    """Whether a store has a version with exactly this tag."""
    try:
        path_of(tag)
    except UnknownVersionError:
        return False
    return True


def versions() -> dict[str, manifests.Manifest]:
    """Return the manifests of all readable versions of all stores, by tag."""
    found = {}
    for store in _stores():
        for path in sorted((store / manifests.MODEL_NAME).glob(f"[!.]*/{manifests.MANIFEST}")):
            with suppress(ArtifactError):
                tag = f"{manifests.MODEL_NAME}:{path.parent.name}"
                found[tag] = manifests.read(path.parent)
    return found


def delete(tag: str) -> None:
    """Delete a version from the store of BentoML's home; does nothing if it is not there."""
    path = _home() / tag.replace(":", "/", 1)
    if not _TAG.fullmatch(tag) or ":" not in tag or not path.is_dir():
        return
    with TemporaryDirectory(dir=_home().parent, prefix=".delete-") as bin_, suppress(OSError):
        path.rename(Path(bin_) / "version")


def _home() -> Path:
    """Return the store of BentoML's home."""
    home = os.environ.get("BENTOML_HOME") or "~/bentoml"
    return Path(os.path.expandvars(home)).expanduser() / "models"


def _stores() -> Iterator[Path]:
    yield _home()
    if (_BENTO / "bento.yaml").is_file() and (_BENTO / "models").is_dir():
        yield _BENTO / "models"


def _latest(folder: Path) -> str | None:
    """Return the latest import as BentoML finds it: by its file `latest`, or else the newest."""
    with suppress(OSError):
        with open_file(folder / _LATEST, _MAX_LATEST_BYTES) as file:
            version = file.read().decode(errors="replace").strip()
        if (folder / version / manifests.MANIFEST).is_file():
            return version
    files = list(folder.glob(f"[!.]*/{manifests.MANIFEST}"))
    newest = max(files, key=lambda file: file.stat().st_mtime, default=None)
    return newest.parent.name if newest else None


def _is_intact(tag: str) -> bool:
    try:
        path = path_of(tag)
        manifests.verify(path)
    except (UnknownVersionError, ArtifactError):
        return False
    return (path / _BENTOML_FILE).is_file()


def _without_nulls(value: Any) -> Any:
    """Return a JSON value without nulls, which the metadata of BentoML does not have."""
    if isinstance(value, Mapping):
        return {key: _without_nulls(each) for key, each in value.items() if each is not None}
    if isinstance(value, list):
        return [_without_nulls(each) for each in value if each is not None]
    return value


def _packages(manifest: manifests.Manifest) -> dict[str, str]:
    """Return the versions of the packages of the training, if the manifest lists them."""
    packages = manifest.training.get("packages")
    if not isinstance(packages, Mapping):
        return {}
    return {name: found for name, found in packages.items() if isinstance(found, str)}


def _describe(tag: str, manifest: manifests.Manifest, folder: Path) -> None:
    """Write the file with which BentoML lists a version and packs it into a Bento."""
    # The import takes seconds.
    import bentoml  # noqa: PLC0415
    from bentoml.models import ModelContext  # noqa: PLC0415

    model = bentoml.Model.create(
        tag,
        module=artifact.__name__,
        api_version="v1",
        signatures={},
        labels={"tokenizer": manifest.tokenizer},
        metadata={
            "labels": list(manifest.labels),
            "heads": {control: list(head.labels) for control, head in manifest.heads.items()},
            "metrics": _without_nulls(manifest.metrics),
            "training": _without_nulls(manifest.training),
            "sha256": dict(manifest.files),
        },
        context=ModelContext(
            framework_name="torch",
            framework_versions=_packages(manifest),
        ),
    )
    model.flush()  # type: ignore[no-untyped-call]
    shutil.copy(model.path_of(_BENTOML_FILE), folder)
