"""Remember which parts of an output the runs of this command wrote.

`out-00002.json` can be a file of the user. A run replaces and removes only what its manifest lists,
with the very content that was written. Does not list the files that the user names, such as OUT.
"""

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Self

import orjson

from adapters.preannotate.errors import OutputError, naming
from adapters.preannotate.storage import File, StoredFile, put

_FOLDER = ".preannotate"
"""A folder, because Label Studio's storages import each object beside the parts."""

_NOT_OURS = "is not a list of parts that preannotate wrote: move it to another folder"


@dataclass(frozen=True)
class Manifest:
    """The parts of one output by name, each with the digests of what was written there."""

    file: File
    digests: Mapping[str, list[str]] = field(default_factory=dict)
    """Two digests during a publication: of the earlier part and of the next one."""

    @classmethod
    def of(cls, out: File) -> Self:
        """Read the manifest of an output, empty if there is none; raises OutputError."""
        file = _place(out)
        if not file.is_file():
            return cls(file)
        with file.open("rb") as content:
            text = content.read()
        try:
            digests: Any = orjson.loads(text)["parts"]
        except (ValueError, KeyError, TypeError) as error:
            raise OutputError(str(file), _NOT_OURS) from error
        if not isinstance(digests, dict) or not all(map(_are_texts, digests.values())):
            raise OutputError(str(file), _NOT_OURS)
        return cls(file, digests)

    def lists(self, file: File) -> bool:
        """Whether a run wrote this file, and nobody has changed it since. Reads the file."""
        known = self.digests.get(file.name)
        return known is not None and file.is_file() and digest_of(file) in known

    def existing(self, files: Iterable[File]) -> list[File]:
        """Choose the files that runs wrote."""
        return [file for file in files if self.lists(file)] if self.digests else []

    def with_next(self, digests: Mapping[str, str], scratch: Path) -> "Manifest":
        """Add the digests of parts and write the manifest; call it before the parts are written.

        So a run that is killed between two parts knows them when it continues.
        """
        both = {name: list(known) for name, known in self.digests.items()}
        for name, digest in digests.items():
            both[name] = [*both.get(name, []), digest]
        manifest = Manifest(self.file, both)
        manifest.put(scratch)
        return manifest

    def only(self, names: Collection[str], scratch: Path) -> None:
        """Forget the other parts and all earlier digests, and write the manifest."""
        left = {name: known[-1:] for name, known in self.digests.items() if name in names}
        Manifest(self.file, left).put(scratch)

    def put(self, scratch: Path) -> None:
        """Write the manifest, by way of a draft in the folder `scratch`; raises OSError."""
        draft = scratch / "manifest"
        with naming(draft):
            draft.write_bytes(orjson.dumps({"parts": self.digests}, option=orjson.OPT_INDENT_2))
        if isinstance(self.file, Path):
            self.file.parent.mkdir(exist_ok=True)
        put(draft, self.file)


def digest_of(file: File) -> str:
    """Return the SHA-256 of a file's content."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _place(out: File) -> File:
    name = f"{out.name}.parts.json"
    if isinstance(out, StoredFile):
        return out.with_path(out.path.parent / PurePosixPath(_FOLDER, name))
    return out.parent / _FOLDER / name


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)
