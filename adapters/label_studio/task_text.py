"""Find the texts that controls are about in the data of tasks.

docs/label-studio.md describes the rule. Live predictions, bulk predictions, the comparison with
annotations and training all read texts here.
"""

import base64
import binascii
import math
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from adapters.label_studio.controls import Control
from adapters.label_studio.editor.html_text import visible_text
from adapters.label_studio.editor.variables import look_up, replace_variables
from model_store.wording import shown

ENCODINGS = ("base64", "base64unicode")
"""The encodings of a text that the editor decodes."""


class NoTextError(Exception):
    """A task has no text for a control. The message gives the reason, never the data.

    `kind` is one of the reasons that `Metrics.abstained` counts.
    """

    def __init__(self, kind: str, reason: str) -> None:
        super().__init__(reason)
        self.kind = kind


class Subject(NamedTuple):
    """One control of one task, and the text to classify for it."""

    position: int
    """Of the task, counted from 0."""
    control: Control
    text: str


class Skipped(NamedTuple):
    """One control of one task that has no text."""

    position: int
    """Of the task, counted from 0."""
    kind: str
    """See `NoTextError`."""
    reason: str


def subjects(
    tasks: Iterable[Any], controls: Sequence[Control]
) -> tuple[list[Subject], list[Skipped]]:
    """Return the subjects of tasks, in order, and what was skipped, with the reasons.

    tasks: the `data` of each task. Any value is allowed: data without a text is skipped.
    """
    found: list[Subject] = []
    skipped: list[Skipped] = []
    for position, data in enumerate(tasks):
        for control in controls:
            try:
                found.append(Subject(position, control, task_text(data, control)))
            except NoTextError as error:
                skipped.append(Skipped(position, error.kind, str(error)))
    return found, skipped


def task_text(data: Any, control: Control) -> str:
    """Return the text that a control is about; raise NoTextError.

    A string is used unchanged, a number as it is written, a list of strings as lines. Variables of
    a template are replaced, encoded texts decoded, and tags of a HyperText object removed. Any
    other value, and a blank text, raise NoTextError.
    """
    text = shown_text(data, control)
    if control.is_html:
        text = visible_text(text)
    if not text.strip():
        raise NoTextError("empty", f'data key "{shown(control.data_key)}" is empty')
    return text


def shown_text(data: Any, control: Control) -> str:
    """Return what the object of a control shows, with tags if it is HTML; raise NoTextError."""
    key = control.data_key
    if control.template and not _is_name_with_blanks(control, data):
        text = replace_variables(control.template, lambda name: _field(data, name))
        if not any(_field(data, name).strip() for name in control.data_keys):
            raise NoTextError("empty", f'data key "{shown(control.data_keys[0])}" is empty')
    else:
        text = _field(data, key)
    return _decoded(text, control) if control.encoding else text


def _is_name_with_blanks(control: Control, data: Any) -> bool:
    """Return whether `$my review` is the field "my review" and not a text after the field "my"."""
    return control.template.startswith("$") and isinstance(data, dict) and control.data_key in data


def _field(data: Any, key: str) -> str:
    try:
        value = look_up(data, key)
    except KeyError:
        raise NoTextError("missing", f'data key "{shown(key)}" is missing') from None
    return _as_text(value, key)


def _decoded(text: str, control: Control) -> str:
    """Decode a text like the editor does: without padding and with line breaks, too.

    The editor shows the bytes of `base64` as Latin-1, so only ASCII looks right there. UTF-8 is
    read as what it is.
    """
    encoded = "".join(text.split())
    try:
        content = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
        return content.decode()
    except UnicodeDecodeError:
        if control.encoding == "base64":
            return content.decode("latin-1")
    except (binascii.Error, ValueError):
        pass
    reason = f'data key "{shown(control.data_key)}" is not text in {control.encoding}'
    raise NoTextError("no text", reason)


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
    raise NoTextError("no text", f'data key "{shown(key)}" holds {_kind(value)} instead of text')


def _kind(value: Any) -> str:
    kinds = {
        bool: "true or false",
        dict: "an object",
        float: "NaN or an infinite number",
        bytes: "binary data",
        Decimal: "a decimal number",
        type(None): "null",
    }
    if isinstance(value, list):
        return "a list of other things than strings" if value else "an empty list"
    return kinds.get(type(value), "a date or time")
