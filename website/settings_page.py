"""The page of all settings, from the classes that read them."""

from collections.abc import Iterator
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, MinLen
from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings

from adapters.settings import LabelStudioSettings, Settings

CLASSES: tuple[tuple[str, type[BaseSettings]], ...] = (
    ("The server", Settings),
    ("Label Studio's API", LabelStudioSettings),
)
_INTRODUCTION = """# Settings

By environment variables; the server reads them when it starts. What has no default is off, or is
as its meaning says.
"""
_WORDS = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text",
    Path: "a path",
    SecretStr: "text, never logged",
    list: "names, separated by commas",
}


def render() -> str:
    """The page, in Markdown."""
    return "\n".join([_INTRODUCTION, *(line for item in CLASSES for line in _section(*item))])


def variables(settings: type[BaseSettings]) -> dict[str, FieldInfo]:
    """The fields by the names of their environment variables."""
    prefix = settings.model_config.get("env_prefix", "")
    return {f"{prefix}{name}".upper(): field for name, field in settings.model_fields.items()}


def _section(title: str, settings: type[BaseSettings]) -> Iterator[str]:
    about = (settings.__doc__ or "").partition("\n\n")[0]
    yield f"## {title}\n\n{about}\n"
    yield "| variable | default | takes | meaning |\n| --- | --- | --- | --- |"
    for name, field in variables(settings).items():
        meaning = " ".join((field.description or "").split())
        yield f"| `{name}` | {_default(field)} | {_takes(field)} | {meaning} |"
    yield ""


def _default(field: FieldInfo) -> str:
    """The value, or nothing where the meaning says what is done without one."""
    default = field.default
    if field.default_factory is not None or default is None or default == []:
        return ""
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    return f"`{default:g}`" if isinstance(default, float) else f"`{default}`"


def _takes(field: FieldInfo) -> str:
    words = " or ".join(_words(field.annotation))
    for bound in field.metadata:
        match bound:
            case Gt(gt=low):
                words += f" above {low}"
            case Ge(ge=low):
                words += f", {low} or more"
            case MinLen():
                words += ", not empty"
    return words


def _words(kind: Any) -> Iterator[str]:
    origin = get_origin(kind)
    if origin is Literal:
        yield " or ".join(f"`{value}`" for value in get_args(kind))
    elif origin in {Union, UnionType}:
        for part in get_args(kind):
            if part is not NoneType:
                yield from _words(part)
    else:
        yield _WORDS[origin or kind]
