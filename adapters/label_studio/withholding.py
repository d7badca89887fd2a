"""Withhold predictions from a share of the tasks, to measure whether they help.

The hash of a task chooses, so that every worker and every command withholds the same.
"""

import hashlib
from typing import Any

from adapters.label_studio.schemas import Prediction

_PARTS = 10_000


def is_withheld(project: str, task: Any, share: float) -> bool:
    """Return whether the prediction of a task is withheld.

    project: its key. share: of tasks to withhold, in 0..1.

    >>> sum(is_withheld("1.1", task, 0.2) for task in range(1000))
    191
    """
    if not share:
        return False
    digest = hashlib.sha256(f"withheld {project} {task}".encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8]) % _PARTS < share * _PARTS


def withheld(prediction: Prediction) -> Prediction:
    """Return a prediction without its answer: the score still orders the label stream."""
    return {**prediction, "result": []}
