"""Compatibility of the JSON Schema of stored events: whatever an older program stored, a newer one must still read.

Events, paths, values of a vocabulary and optional fields may be added, and a pattern may permit more repetitions.
Nothing may be removed, changed or become
required.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

Schema = dict[str, Any]
_REPETITION = re.compile(r"\{(\d+),(\d+)\}")
_ANNOTATIONS = ("title", "description", "default")
_CONSTRAINTS = ("pattern", "minLength", "maxLength", "minimum", "maximum", "enum", "additionalProperties", "type")


def find_incompatibilities(old: Schema, new: Schema) -> list[str]:
    """Return what an older schema permits and a newer one does not, each named by its event and path."""
    return [*_compare_members(old["events"], new["events"], ""), *_compare_members(old["$defs"], new["$defs"], "")]


def _compare_members(old: Schema, new: Schema, where: str) -> Iterator[str]:
    for name, schema in old.items():
        if name in new:
            yield from _compare(schema, new[name], f"{where}{name}")
        else:
            yield f"{where}{name} is gone"


def _compare(old: Any, new: Any, where: str) -> Iterator[str]:
    if not isinstance(old, dict) or not isinstance(new, dict):
        yield from () if old == new else [f"{where} was {old}, and is {new}"]
        return
    for keyword, value in old.items():
        if keyword not in _ANNOTATIONS:
            yield from _compare_keyword(keyword, value, new.get(keyword), where)
    added = [keyword for keyword in _CONSTRAINTS if keyword in new and keyword not in old]
    yield from (f"{where} has {keyword} {new[keyword]} now" for keyword in added)


def _compare_keyword(keyword: str, old: Any, new: Any, where: str) -> Iterator[str]:
    match keyword:
        case "properties":
            yield from _compare_members(old, new or {}, f"{where} ")
        case "patternProperties":
            yield from _compare_paths(old, new or {}, where)
        case "enum":
            yield from (f"{where} {value} is gone" for value in _difference(old, new or []))
        case "required":
            yield from (f"{where} requires {name} now" for name in _difference(new or [], old))
        case "pattern" if isinstance(new, str) and _is_as_wide(old, new):
            return
        case "anyOf":
            yield from (f"{where} cannot be {option} now" for option in old if not _is_among(option, new or []))
        case _:
            yield from _compare(old, new, where)


def _is_as_wide(old: str, new: str) -> bool:
    """Return whether a pattern differs from an older one only in that something may be repeated more or less often."""
    one, other = _REPETITION.split(old), _REPETITION.split(new)
    if len(one) != len(other) or one[::3] != other[::3]:
        return False
    lows = zip(one[1::3], other[1::3], strict=True)
    highs = zip(one[2::3], other[2::3], strict=True)
    return all(int(now) <= int(then) for then, now in lows) and all(int(now) >= int(then) for then, now in highs)


def _compare_paths(old: Schema, new: Schema, where: str) -> Iterator[str]:
    # Paths are identified by their titles, because their regular expressions grow with the vocabularies.
    new_paths = {schema["title"]: (regex, schema) for regex, schema in new.items()}
    for regex, schema in old.items():
        title = schema["title"]
        if title not in new_paths:
            yield f"{where} {title} is gone"
            continue
        new_regex, new_schema = new_paths[title]
        if not _matches_as_much(regex, new_regex):
            yield f"{where} {title} was {regex}, and is {new_regex}"
        yield from _compare(schema, new_schema, f"{where} {title}")


def _matches_as_much(old_regex: str, new_regex: str) -> bool:
    """Return whether each segment of a path is the same or wider, or an alternation of the same values and others."""
    old, new = old_regex.strip("^$").split("/"), new_regex.strip("^$").split("/")
    return len(old) == len(new) and all(
        _is_as_wide(a, b) or not _difference(_alternatives(a), _alternatives(b)) for a, b in zip(old, new, strict=True)
    )


def _alternatives(segment: str) -> list[str]:
    return segment[1:-1].split("|") if segment.startswith("(") else [segment]


def _is_among(option: Any, options: Iterable[Any]) -> bool:
    return any(not list(_compare(option, other, "")) for other in options)


def _difference(items: Iterable[Any], others: Iterable[Any]) -> list[Any]:
    known = list(others)
    return [item for item in items if item not in known]
