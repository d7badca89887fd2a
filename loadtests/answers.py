"""Check responses of the backend, and describe problems without quoting content."""

import json
from typing import Any


def problem_of_predictions(body: bytes, tasks: int) -> str | None:
    """Return the problem of a response to `POST /predict`; None if each task has a prediction."""
    try:
        results = json.loads(body)["results"]
        missing = sum(not _is_prediction(result) for result in results)
    except (ValueError, KeyError, TypeError):
        return "the body holds no results"
    if len(results) != tasks:
        return f"{len(results)} results for {tasks} tasks"
    return f"{missing} of {tasks} tasks without a prediction" if missing else None


def _is_prediction(result: Any) -> bool:
    """Return whether a result has the fields that Label Studio stores, and a choice."""
    try:
        return (
            0 <= result["score"] <= 1
            and isinstance(result["model_version"], str)
            and all(region["value"]["choices"] for region in result["result"])
            and len(result["result"]) > 0
        )
    except (KeyError, TypeError):
        return False
