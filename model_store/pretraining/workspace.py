"""Keep the intermediate results of a long computation, so that a killed run can resume."""

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model_store.files import atomic_write

_KEY = "key.json"


class Workspace:
    """A folder of arrays, each computed and written once.

    key: what the arrays are computed from, for JSON. A folder with another key is emptied.

    >>> import tempfile
    >>> workspace = Workspace(Path(tempfile.mkdtemp()), {"seed": 1})
    >>> workspace.array("squares", lambda: np.arange(3) ** 2).tolist()
    [0, 1, 4]
    >>> workspace.array("squares", lambda: np.zeros(3)).tolist()
    [0, 1, 4]
    """

    def __init__(self, folder: Path, key: Mapping[str, Any]) -> None:
        self.folder = folder
        content = json.dumps(key, indent=2, sort_keys=True)
        if (folder / _KEY).exists() and (folder / _KEY).read_text() != content:
            shutil.rmtree(folder)
        folder.mkdir(parents=True, exist_ok=True)
        with atomic_write(folder / _KEY) as draft:
            draft.write_text(content)

    def array(self, name: str, compute: Callable[[], NDArray[Any]]) -> NDArray[Any]:
        """Read the array of this name; compute and write it first if it is missing."""
        path = self.folder / f"{name}.npy"
        if not path.exists():
            with atomic_write(path) as draft:
                np.save(draft, compute(), allow_pickle=False)
        result: NDArray[Any] = np.load(path, allow_pickle=False)
        return result

    def remove(self) -> None:
        """Delete the folder and its content."""
        shutil.rmtree(self.folder)
