"""Virtual environments that hold chosen packages of the one that runs the tests."""

import csv
import sysconfig
import venv
from contextlib import suppress
from importlib.metadata import Distribution, distribution, distributions
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


def link_environment(folder: Path, requirements: Path) -> Path:
    """Create an environment with these requirements and theirs, and return its Python.

    It is what pip makes of the file, without the minutes in which pip unpacks everything once
    more: the packages are links to those installed here. Fails where another version is installed
    than the file names.
    """
    venv.create(folder, with_pip=False)
    paths = {"base": str(folder), "platbase": str(folder)}
    packages = Path(sysconfig.get_path("purelib", "venv", paths))
    chosen = _closure(requirements)
    others: set[str] = set()
    for installed in distributions():
        if canonicalize_name(installed.name) not in chosen:
            others |= {_top(file) for file in _files(installed)}
    for installed in chosen.values():
        # Take only the package's own files: other packages may write to the same folder.
        for name in {file if _top(file) in others else _top(file) for file in _files(installed)}:
            link = packages / name
            link.parent.mkdir(parents=True, exist_ok=True)
            with suppress(FileExistsError):  # Two of the chosen packages may share a folder.
                link.symlink_to(str(installed.locate_file(name)))
    return folder / "bin" / "python"


def _closure(requirements: Path) -> dict[str, Distribution]:
    """The installed packages that a file names, and those that they need, by name."""
    lines = requirements.read_text(encoding="utf-8").splitlines()
    texts = [line.partition("#")[0].strip() for line in lines]
    wanted = [Requirement(text) for text in texts if text]
    found: dict[str, Distribution] = {}
    while wanted:
        requirement = wanted.pop()
        if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
            continue
        installed = distribution(requirement.name)
        assert requirement.specifier.contains(installed.version), (requirement, installed.version)
        if found.setdefault(canonicalize_name(requirement.name), installed) is installed:
            wanted += [Requirement(text) for text in installed.requires or ()]
    return found


def _files(installed: Distribution) -> list[str]:
    """The paths of a package's files, without its programs, which lie beside the packages."""
    lines = csv.reader((installed.read_text("RECORD") or "").splitlines())
    return [file for file, *_ in lines if not file.startswith("..")]


def _top(file: str) -> str:
    return file.partition("/")[0]
