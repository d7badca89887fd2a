"""Find the texts that controls are about in the data of tasks.

docs/label-studio.md describes the rule. Live predictions, bulk predictions, the comparison with
annotations and training all read texts here.
"""

import html
import math
import re
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from adapters.label_studio.controls import Control


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

    A string is used unchanged, a number as it is written, a list of strings as lines. Tags of a
    HyperText object are removed. Any other value, and a blank text, raise NoTextError.
    """
    value = _look_up(data, control.data_key)
    text = _as_text(value, control.data_key)
    if control.is_html:
        text = visible_text(text)
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
    kinds = {bool: "true or false", dict: "an object", float: "NaN or an infinite number"}
    if isinstance(value, list):
        return "a list of other things than strings" if value else "an empty list"
    return kinds.get(type(value), "null")


# HTML. Python's HTMLParser raises on some texts and takes quadratic time for others. The rules for
# where a tag, a comment or a script begins and ends are those of the HTML standard,
# https://html.spec.whatwg.org/multipage/parsing.html#tokenization. What is never closed extends to
# the end, as in a browser.

_ATTRIBUTE = r"""
    [ \t\n\f\r/]*+ [^ \t\n\f\r/>] [^ \t\n\f\r/>=]*+
    (?: [ \t\n\f\r]*+ = [ \t\n\f\r]*+ (?: "[^"]*+(?:"|\Z) | '[^']*+(?:'|\Z) | [^ \t\n\f\r>]*+ ) )?+
"""
_REST_OF_TAG = rf"(?:{_ATTRIBUTE})*+ [ \t\n\f\r/]*+ (?:>|\Z)"

# Possessive quantifiers never backtrack, and each alternative matches to the end where nothing
# closes it: each character is read only a few times.
_MARKUP = re.compile(
    rf"""
    <!-- (?: -?> | .*? (?:--!?>|\Z) )
    | < (script|style) (?=[ \t\n\f\r/>]) {_REST_OF_TAG} .*? (?= </\1[ \t\n\f\r/>] | \Z )
    | </?+ [a-z] [^ \t\n\f\r/>]*+ {_REST_OF_TAG}
    | < (?: [!?] | /(?![a-z]|\Z) ) [^>]*+ (?:>|\Z)
    """,
    re.ASCII | re.DOTALL | re.IGNORECASE | re.VERBOSE,
)
_NUMBER = re.compile("&#0*([0-9]{1,8})[0-9]*")


def visible_text(markup: str) -> str:
    """Return the text of HTML that a reader sees; each piece of markup becomes a space.

    Never fails, and takes time linear in the size.
    """
    text = _MARKUP.sub(" ", markup)
    # Python refuses to parse thousands of digits. No character has more than eight.
    return html.unescape(_NUMBER.sub(r"&#\1", text))
