"""Look up the variables of a labeling config, such as `$review` or `$items[0].body`, in a task.

The rules are those of Label Studio's editor: a whole `value` may be one variable, or a text with
variables in it.
"""

import re
from collections.abc import Callable
from typing import Any

_VARIABLE = re.compile(r"\$([\w\[\].{}]+)")
_PART = re.compile(r"[^.\[\]]+")


def variables_in(value: str) -> list[str]:
    """Return the names of the variables in an attribute, in order.

    >>> variables_in("$title: $items[0].body")
    ['title', 'items[0].body']
    """
    return _VARIABLE.findall(value)


def is_one_variable(value: str) -> bool:
    """Return whether an attribute is one variable and nothing else."""
    return _VARIABLE.fullmatch(value) is not None


def replace_variables(value: str, text_of: Callable[[str], str]) -> str:
    """Return an attribute with the text of each variable in its place.

    >>> replace_variables("Review: $review", str.upper)
    'Review: REVIEW'
    """
    return _VARIABLE.sub(lambda found: text_of(found[1]), value)


def look_up(data: Any, name: str) -> Any:
    """Return the field that a variable names in the data of a task; raise KeyError.

    A key that contains dots goes before a path.

    >>> look_up({"items": [{"body": "A film."}]}, "items[0].body")
    'A film.'
    """
    if isinstance(data, dict) and name in data:
        return data[name]
    for part in _PART.findall(name) or [name]:
        if isinstance(data, list) and part.isascii() and part.isdigit() and int(part) < len(data):
            data = data[int(part)]
        elif isinstance(data, dict) and part in data:
            data = data[part]
        else:
            raise KeyError(name)
    return data
