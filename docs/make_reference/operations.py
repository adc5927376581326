"""The page of the API's operations: what each takes and gives, and the shapes of that, made of the OpenAPI document."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from greenload.web.openapi import ALWAYS, openapi
from greenload.web.schemas import SCHEMAS

Part = dict[str, Any]

HEAD = f"""\
# The page (operations)

What each operation of [the page's API](api.md) takes and gives, and the types of all keys: this page is made of the
OpenAPI document at `/api/v1/openapi.json`, by `docs/make_reference/`. Beside what is listed, each may be refused with
{", ".join(ALWAYS)}. What is refused is answered with an [`Error`](#error).

| Operation | | Takes | Gives | Refuses with |
|---|---|---|---|---|
"""
PLAIN = {"string": "text", "integer": "whole number", "number": "number", "boolean": "true or false", "null": "null"}


def page() -> str:
    """Return the page as it should be now."""
    paths = openapi()["paths"]
    rows = [row(method, path, each) for path, item in paths.items() for method, each in item.items()]
    return "\n".join([HEAD + "\n".join(rows) + "\n", *(section(name, schema) for name, schema in SCHEMAS.items())])


def row(method: str, path: str, operation: Part) -> str:
    """Return the line of one operation."""
    [(status, answer)] = [(each, said) for each, said in operation["responses"].items() if each < "300"]
    errors = sorted(operation["responses"].keys() - {status, *ALWAYS})
    cells = [
        f"`{method.upper()} {path}`",
        operation["summary"],
        ", ".join(taken(operation)),
        ("" if status == "200" else f"{status}: ") + ", ".join(given(answer)),
        ", ".join(errors),
    ]
    return f"| {' | '.join(cells)} |".replace("|  |", "| |")


def taken(operation: Part) -> Iterator[str]:
    """Yield what is said in the query of a request, and the shape of its body."""
    for parameter in operation.get("parameters", ()):
        if parameter["in"] == "query":
            needed = ", needed" if parameter["required"] else ""
            yield f"`{parameter['name']}` ({shape(parameter['schema'])}{needed})"
    if "requestBody" in operation:
        yield shape(operation["requestBody"]["content"]["application/json"]["schema"])


def given(answer: Part) -> Iterator[str]:
    """Yield the shape of an answer, or its type where that is a file or a stream."""
    for content_type, said in answer["content"].items():
        is_shaped = content_type == "application/json" and "schema" in said
        yield shape(said["schema"]) if is_shaped else f"`{content_type}`"


def section(name: str, schema: Part) -> str:
    """Return what the page says of one schema."""
    lines = [f"## `{name}`", ""]
    if "description" in schema:
        lines += [schema["description"], ""]
    if schema.get("properties"):
        lines += ["| Key | Type | |", "|---|---|---|"]
        for key, each in schema["properties"].items():
            lines.append(f"| `{key}` | {shape(each)} | {each.get('description', '')} |".replace("|  |", "| |"))
        lines += ["", *_left_out(schema)]
    elif schema.get("required"):
        lines += [f"Has {_named(schema['required'])}, and more.", ""]
    elif "description" not in schema:
        lines += ["An object without keys.", ""]
    return "\n".join(lines)


def _left_out(schema: Part) -> list[str]:
    optional = [key for key in schema["properties"] if key not in schema.get("required", ())]
    if not optional:
        return []
    which = "All" if len(optional) == len(schema["properties"]) else _named(optional)
    return [f"{which} may be left out.", ""]


def shape(schema: Part) -> str:
    """Return a schema in words, on one line. Limits are left out."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[`{name}`](#{name.lower()})"
    if "enum" in schema:
        return " or ".join(f"`{each}`" for each in schema["enum"])
    if "oneOf" in schema:
        return ", or ".join(shape(each) for each in schema["oneOf"])
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    # "list of text, or null": the null is not in the list.
    return (" or " if kinds[0] in PLAIN else ", or ").join(_kind(each, schema) for each in kinds)


def _kind(kind: str, schema: Part) -> str:
    if kind == "array":
        return f"list of {shape(schema['items'])}"
    if kind != "object":
        return PLAIN[kind]
    if schema.get("properties"):
        inside = (f"`{key}` ({shape(each)})" for key, each in schema["properties"].items())
        return f"object of {', '.join(inside)}"
    if isinstance(schema.get("additionalProperties"), dict):
        return f"object, each value {shape(schema['additionalProperties'])}"
    return "object"


def _named(keys: list[str]) -> str:
    return ", ".join(f"`{key}`" for key in keys)
