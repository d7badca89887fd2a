"""Show the examples in docstrings as code; Markdown would read `>>>` as nested quotations."""

import re
from typing import Any

from griffe import Extension, Object

_EXAMPLE = re.compile(r"^>>> .*(?:\n.+)*", re.MULTILINE)


class Doctests(Extension):
    """Puts each example, up to the next empty line, into a fenced block."""

    def on_instance(self, *, obj: Object, **_: Any) -> None:
        """Rewrite the docstring of an object that Griffe has read."""
        if obj.docstring:
            obj.docstring.value = fenced(obj.docstring.value)


def fenced(docstring: str) -> str:
    """Return the docstring with its examples in fenced blocks."""
    return _EXAMPLE.sub(lambda example: f"```pycon\n{example.group()}\n```", docstring)
