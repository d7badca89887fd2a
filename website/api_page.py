"""An OpenAPI document as a page of Markdown: routes, then the objects that they take and give."""

from collections.abc import Iterator, Mapping
from typing import Any

_INTRODUCTION = """# HTTP API

{about}

The server describes itself with the same words at `/docs.json`, an OpenAPI document. What cannot be
taken is answered as [told for Label Studio](label-studio.md#what-is-answered).
"""
_TITLES = {
    "Label Studio": "Label Studio",
    "Service APIs": "Everybody else",
    "Infrastructure": "Probes and metrics",
    "About": "Descriptions",
}
"""By their tags, in the order of the page; other tags come last, as they are."""
_PREFIX = "#/components/schemas/"


def render(document: Mapping[str, Any]) -> str:
    """The page of a document."""
    schemas = document["components"]["schemas"]
    lines = [_INTRODUCTION.format(about=document["info"]["description"])]
    for tag, routes in _by_tag(document["paths"]).items():
        lines.append(f"## {tag}\n")
        for method, path, operation in routes:
            lines += _operation(method, path, operation)
    lines.append("## Objects\n")
    for name in _reached(document["paths"], schemas):
        lines += _object(name, schemas[name])
    return "\n".join(lines)


def _by_tag(paths: Mapping[str, Any]) -> dict[str, list[tuple[str, str, Mapping[str, Any]]]]:
    """Method, path and operation of all routes, by the titles of their tags."""
    tags: dict[str, list[tuple[str, str, Mapping[str, Any]]]] = {name: [] for name in _TITLES}
    for path, item in paths.items():
        for method, operation in item.items():
            tags.setdefault(operation["tags"][0], []).append((method.upper(), path, operation))
    return {_TITLES.get(tag, tag): routes for tag, routes in tags.items() if routes}


def _operation(method: str, path: str, operation: Mapping[str, Any]) -> Iterator[str]:
    yield f"### `{method} {path}`\n"
    yield f"{operation.get('summary') or operation.get('description', '')}\n"
    for parameter in operation.get("parameters", ()):
        meaning = f": {parameter['description']}" if "description" in parameter else ""
        yield f"- in the {parameter['in']}: `{parameter['name']}`{meaning}"
    if body := operation.get("requestBody"):
        yield f"- takes {_content(body)}"
    for status, answer in operation["responses"].items():
        name = "anything else" if status == "default" else status
        yield f"- {name}: {_content(answer) or answer['description']}"
    yield ""


def _content(body: Mapping[str, Any]) -> str:
    (content,) = body.get("content", {"": {}}).values()
    schema = content.get("schema", {})
    if "properties" in schema:
        return f"an object: {'; '.join(_inline(schema))}"
    return _type(schema) if schema else ""


def _inline(schema: Mapping[str, Any]) -> Iterator[str]:
    for name, field in schema["properties"].items():
        yield f"`{name}`: {_type(field)}"


def _object(name: str, schema: Mapping[str, Any]) -> Iterator[str]:
    yield f"### {name}\n"
    yield f"{schema.get('description', '')}\n"
    if "properties" not in schema:
        yield f"{_type(schema)}\n"
        return
    yield "| field | holds | |\n| --- | --- | --- |"
    required = schema.get("required", ())
    for field, what in schema["properties"].items():
        notes = [what.get("description", "")] + ([] if field in required else ["may be missing"])
        yield f"| `{field}` | {_cell(_type(what))} | {_cell('; '.join(filter(None, notes)))} |"
    yield ""


def _type(schema: Any) -> str:
    """A schema in words."""
    match schema:
        case {"$ref": str(reference)}:
            name = reference.removeprefix(_PREFIX)
            words = f"[{name}](#{name.lower()})"
        case {"enum": values}:
            words = " or ".join(f"`{value}`" for value in values)
        case {"const": value}:
            words = f"`{value}`"
        case {"anyOf": parts} | {"oneOf": parts}:
            words = " or ".join(map(_type, parts))
        case {"type": "array", "items": items}:
            words = f"list of {_type(items)}"
        case {"type": "object", "additionalProperties": {} as values} if values:
            words = f"object of {_type(values)}"
        case {"type": list(kinds)}:
            words = " or ".join(kinds)
        case {"format": "date-time"}:
            words = "date and time"
        case {"type": kind}:
            words = str(kind)
        case _:
            words = "anything"
    return words


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


def _reached(paths: Any, schemas: Mapping[str, Any]) -> list[str]:
    """The names of the objects that the routes take and give, and of those within them."""
    reached: set[str] = set()
    waiting = [paths]
    while waiting:
        for name in _references(waiting.pop()):
            if name not in reached:
                reached.add(name)
                waiting.append(schemas[name])
    return sorted(reached)


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"].removeprefix(_PREFIX)
        for item in value.values():
            yield from _references(item)
    elif isinstance(value, list):
        for item in value:
            yield from _references(item)
