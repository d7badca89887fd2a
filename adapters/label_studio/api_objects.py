"""Objects of Label Studio's SDK as plain dicts, and filters as its Data Manager has them."""

from collections.abc import Mapping, Sequence
from typing import Any

TASK_FIELDS = ("id", "data")
_ANNOTATION_FIELDS = ("id", "result", "was_cancelled", "updated_at", "completed_by")


def filter_of(name: str, operator: str, kind: str, value: Any) -> dict[str, Any]:
    """A filter as Label Studio's Data Manager has them."""
    return {
        "filter": f"filter:tasks:{name}",
        "operator": operator,
        "type": kind,
        "value": value,
    }


def annotated_task(item: Any) -> Mapping[str, Any]:
    """A task with what is needed of its annotations."""
    annotations = [some(annotation, _ANNOTATION_FIELDS) for annotation in item.annotations or ()]
    return {**some(item, TASK_FIELDS), "annotations": annotations}


def some(item: Any, fields: Sequence[str]) -> dict[str, Any]:
    """These fields of an object of the SDK, or of a dict where it knows no class for it."""
    if isinstance(item, Mapping):
        return {name: _plain(item[name]) for name in fields}
    # Its warnings of odd values would show them.
    values = item.model_dump(include=set(fields), warnings=False)
    return {name: _plain(values[name]) for name in fields}


def _plain(value: Any) -> Any:
    """Times as the API writes them; the SDK has parsed them."""
    return value.isoformat() if hasattr(value, "isoformat") else value
