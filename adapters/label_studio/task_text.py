"""The text of a task, by the rule that docs/label-studio.md writes down."""

import math
from typing import Any

from adapters.label_studio import html_text
from adapters.label_studio.labeling_config import ChoicesControl


class NoTextError(Exception):
    """A task has no text for a control. The message gives the reason, never the data.

    `kind` is one of the reasons by which `Metrics.abstained` counts.
    """

    def __init__(self, kind: str, reason: str) -> None:
        super().__init__(reason)
        self.kind = kind


def task_text(data: Any, control: ChoicesControl) -> str:
    """The text that `control` is about; raises NoTextError.

    A string is taken as it is, a number as it is written, a list of strings as its items in
    lines. Anything else, and what is empty or blank, is no text. Of a HyperText object the text
    without its tags is taken.
    """
    value = _look_up(data, control.data_key)
    text = _as_text(value, control.data_key)
    if control.is_html:
        text = html_text.text_of(text)
    if not text.strip():
        raise NoTextError("empty", f'data key "{control.data_key}" is empty')
    return text


def _look_up(data: Any, key: str) -> Any:
    if isinstance(data, dict) and key in data:
        return data[key]
    for part in key.split("."):
        if not isinstance(data, dict) or part not in data:
            raise NoTextError("missing", f'data key "{key}" is missing')
        data = data[part]
    return data


def _as_text(value: Any, key: str) -> str:
    match value:
        case str():
            return value
        case bool():
            pass
        case int():
            return str(value)
        case float() if math.isfinite(value):
            return str(value)
        case list() if value and all(isinstance(item, str) for item in value):
            return "\n".join(value)
    raise NoTextError("no text", f'data key "{key}" holds {_kind(value)} instead of text')


def _kind(value: Any) -> str:
    kinds = {bool: "true or false", dict: "an object", float: "no finite number"}
    if isinstance(value, list):
        return "a list of other things than strings" if value else "an empty list"
    return kinds.get(type(value), "null")
