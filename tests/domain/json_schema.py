"""A validator for the keywords of JSON Schema that `schema/events.json` uses."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "boolean": (bool,),
    "null": (type(None),),
}
KNOWN = {
    *("title", "description", "default", "$ref", "type", "enum", "anyOf", "required", "properties", "format"),
    *("additionalProperties", "patternProperties", "items", "prefixItems", "minItems", "maxItems", "pattern"),
    *("minLength", "maxLength", "minimum", "maximum"),
}


def find_violations(schema: dict[str, Any], value: Any, root: dict[str, Any], at: str = "$") -> Iterator[str]:
    """Yield a message for each way in which a value violates a schema."""
    assert set(schema) <= KNOWN, f"unknown keywords: {set(schema) - KNOWN}"
    if "$ref" in schema:
        yield from find_violations(root["$defs"][schema["$ref"].removeprefix("#/$defs/")], value, root, at)
    if "anyOf" in schema and all(any(find_violations(option, value, root, at)) for option in schema["anyOf"]):
        yield f"{at}: {value!r} matches no option"
    if "enum" in schema and value not in schema["enum"]:
        yield f"{at}: {value!r} is none of {schema['enum']}"
    if "type" in schema and not _is(value, schema["type"]):
        yield f"{at}: {value!r} is no {schema['type']}"
    elif isinstance(value, dict):
        yield from _in_object(schema, value, root, at)
    elif isinstance(value, list):
        yield from _in_array(schema, value, root, at)
    elif isinstance(value, str):
        yield from _in_string(schema, value, at)
    elif isinstance(value, int) and not schema.get("minimum", value) <= value <= schema.get("maximum", value):
        yield f"{at}: {value} is out of range"


def _is(value: Any, name: str) -> bool:
    return isinstance(value, TYPES[name]) and not (name == "integer" and isinstance(value, bool))


def _in_object(schema: dict[str, Any], value: dict[str, Any], root: dict[str, Any], at: str) -> Iterator[str]:
    yield from (f"{at}: {name} is missing" for name in schema.get("required", ()) if name not in value)
    for name, each in value.items():
        schemas = [schema["properties"][name]] if name in schema.get("properties", {}) else []
        schemas += [sub for regex, sub in schema.get("patternProperties", {}).items() if re.search(regex, name)]
        more = schema.get("additionalProperties", True)
        if not schemas and more is False:
            yield f"{at}: {name} is not known"
        for sub in schemas or ([more] if isinstance(more, dict) else []):
            yield from find_violations(sub, each, root, f"{at}.{name}")


def _in_array(schema: dict[str, Any], value: list[Any], root: dict[str, Any], at: str) -> Iterator[str]:
    if not schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value)):
        yield f"{at}: {len(value)} items"
    first = schema.get("prefixItems", [])
    rest = schema.get("items")
    for place, each in enumerate(value):
        sub = first[place] if place < len(first) else rest
        if isinstance(sub, dict):
            yield from find_violations(sub, each, root, f"{at}[{place}]")


def _in_string(schema: dict[str, Any], value: str, at: str) -> Iterator[str]:
    if "pattern" in schema and not re.search(schema["pattern"], value):
        yield f"{at}: {value!r} does not match {schema['pattern']}"
    if not schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", len(value)):
        yield f"{at}: {len(value)} characters"
    if schema.get("format") == "date-time" and datetime.fromisoformat(value).tzinfo is None:
        yield f"{at}: {value} has no offset"
