"""What a newer schema of the stored events lacks of an older one: nothing, or old logs could no longer be read.

Events, paths, words of a vocabulary and optional fields may be added; nothing may go, change or be asked for that was
not asked for before.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

Schema = dict[str, Any]
_ASIDE = ("title", "description", "default")
_NARROWING = ("pattern", "minLength", "maxLength", "minimum", "maximum", "enum", "additionalProperties", "type")


def find_incompatibilities(old: Schema, new: Schema) -> list[str]:
    """Return what an older schema says that a newer one does not, each named by its event and path."""
    events = _lost_of_each(old["events"], new["events"], "")
    return [*events, *_lost_of_each(old["$defs"], new["$defs"], "")]


def _lost_of_each(old: Schema, new: Schema, where: str) -> Iterator[str]:
    for name, each in old.items():
        if name in new:
            yield from _lost(each, new[name], f"{where}{name}")
        else:
            yield f"{where}{name} is gone"


def _lost(old: Any, new: Any, where: str) -> Iterator[str]:
    if not isinstance(old, dict) or not isinstance(new, dict):
        yield from () if old == new else [f"{where} was {old}, and is {new}"]
        return
    for key, each in old.items():
        if key not in _ASIDE:
            yield from _lost_key(key, each, new.get(key), where)
    yield from (f"{where} has {key} {new[key]} now" for key in _NARROWING if key in new and key not in old)


def _lost_key(key: str, old: Any, new: Any, where: str) -> Iterator[str]:
    match key:
        case "properties":
            yield from _lost_of_each(old, new or {}, f"{where} ")
        case "patternProperties":
            yield from _lost_paths(old, new or {}, where)
        case "enum":
            yield from (f"{where} {word} is gone" for word in _missing(old, new or []))
        case "required":
            yield from (f"{where} asks for {name} now" for name in _missing(new or [], old))
        case "anyOf":
            options = new or []
            yield from (f"{where} cannot be {each} now" for each in old if not _is_among(each, options))
        case _:
            yield from _lost(old, new, where)


def _lost_paths(old: Schema, new: Schema, where: str) -> Iterator[str]:
    """Paths are known by their title: their regular expressions grow when a vocabulary does."""
    found = {each["title"]: (regex, each) for regex, each in new.items()}
    for regex, each in old.items():
        title = each["title"]
        if title not in found:
            yield f"{where} {title} is gone"
            continue
        now, there = found[title]
        if not _is_as_wide(regex, now):
            yield f"{where} {title} was {regex}, and is {now}"
        yield from _lost(each, there, f"{where} {title}")


def _is_as_wide(old: str, new: str) -> bool:
    """Tell whether each part of a path is what it was, or one of the same words and more."""
    before, after = old.strip("^$").split("/"), new.strip("^$").split("/")
    pairs = zip(before, after, strict=False)
    return len(before) == len(after) and all(a == b or not _missing(_words(a), _words(b)) for a, b in pairs)


def _words(part: str) -> list[str]:
    return part[1:-1].split("|") if part.startswith("(") else [part]


def _is_among(option: Any, options: Iterable[Any]) -> bool:
    return any(not list(_lost(option, each, "")) for each in options)


def _missing(wanted: Iterable[Any], found: Iterable[Any]) -> list[Any]:
    there = list(found)
    return [each for each in wanted if each not in there]
