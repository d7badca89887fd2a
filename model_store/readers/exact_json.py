"""Read and write JSON with orjson, and integers of more than 64 bits, which it does not know.

orjson reads such an integer as a float, which loses digits, and refuses to write it.
"""

import json
from collections.abc import Callable
from typing import Any

import orjson

_LARGE = 2.0**63
_BITS = 63
_OPTION = orjson.OPT_PASSTHROUGH_DATACLASS
"""Dataclasses, such as NanosecondTime, go to `default`."""


def loads(text: str | bytes) -> Any:
    """Return the value of a text; raises orjson.JSONDecodeError, and RecursionError if nested."""
    value = orjson.loads(text)
    return json.loads(text) if _has_large_number(value) else value


def dumps(value: Any, default: Callable[[Any], Any] | None = None) -> bytes:
    """Return a value as JSON on one line, without the line end; raises orjson.JSONEncodeError.

    >>> dumps({"n": 2**70})
    b'{"n":1180591620717411303424}'
    """
    try:
        return orjson.dumps(value, default, _OPTION)
    except orjson.JSONEncodeError:
        try:
            return orjson.dumps(_with_fragments(value), default, _OPTION)
        except RecursionError as error:
            raise orjson.JSONEncodeError(str(error)) from None


def _has_large_number(value: Any) -> bool:
    match value:
        case float():
            return abs(value) >= _LARGE
        case dict():
            return any(map(_has_large_number, value.values()))
        case list():
            return any(map(_has_large_number, value))
    return False


def _with_fragments(value: Any) -> Any:
    """Return a value in which the digits of each long integer replace it."""
    match value:
        case int() if value.bit_length() > _BITS:
            return orjson.Fragment(str(value))
        case dict():
            return {key: _with_fragments(item) for key, item in value.items()}
        case list() | tuple():
            return list(map(_with_fragments, value))
    return value
