"""Intermediate results of a long computation, kept so that a killed one goes on where it was."""

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_KEY = "key.json"


class Workspace:
    """A folder of arrays, each written once and whole.

    `key` says what they were computed from: a folder with another key is emptied.
    """

    def __init__(self, folder: Path, key: Mapping[str, Any]) -> None:
        self.folder = folder
        content = json.dumps(key, indent=2, sort_keys=True)
        if (folder / _KEY).exists() and (folder / _KEY).read_text() != content:
            shutil.rmtree(folder)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / _KEY).write_text(content)

    def array(self, name: str, compute: Callable[[], NDArray[Any]]) -> NDArray[Any]:
        """The array of this name: read if it is there, else computed and kept."""
        path = self.folder / f"{name}.npy"
        if not path.exists():
            draft = path.with_suffix(".draft.npy")
            np.save(draft, compute(), allow_pickle=False)
            draft.replace(path)
        result: NDArray[Any] = np.load(path, allow_pickle=False)
        return result

    def remove(self) -> None:
        """Remove the folder with all that is in it."""
        shutil.rmtree(self.folder)
