"""Aggregate types: the paths that an aggregate can have, the types of their values, and the events that state them."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cached_property
from typing import Any

import msgspec
from msgspec import Struct

from ogpgraph.domain.errors import Invalid
from ogpgraph.domain.event import Facts
from ogpgraph.domain.values import TextListValue, TextValue
from ogpgraph.domain.vocabulary import CoCreation, Finding, Indicator, OgpValue, RatingState, Stage


def _alternation(values: type[Indicator | Stage | OgpValue | Finding | RatingState | CoCreation]) -> str:
    return "(" + "|".join(values) + ")"


PATH_SEGMENTS = {
    "{language}": "[a-z]{2,3}",
    "{number}": r"[0-9A-Za-z][0-9A-Za-z.\-]{0,15}",
    "{indicator}": _alternation(Indicator),
    "{stage}": _alternation(Stage),
    "{ogpValue}": _alternation(OgpValue),
    "{finding}": _alternation(Finding),
    "{state}": _alternation(RatingState),
    "{coCreation}": _alternation(CoCreation),
    "{column}": "[A-Z][A-Z0-9_]{0,79}",
    "{section}": "[A-Z][A-Z0-9_]{0,79}",
    "{time}": r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{6})?Z",
}
"""The variable segments of path patterns, and the regular expressions that they stand for."""
PATH_CACHE_SIZE = 4096
"""How many concrete paths of an aggregate type are matched only once; their number is not bounded otherwise."""

_CONTROL_OR_SURROGATE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


class Path(Struct, frozen=True):
    """A path of an aggregate type: its pattern (`milestones/{number}/title/{language}`), and the type of its values.

    `validate` raises Invalid for a value that has the type and is still not possible at a concrete path.
    """

    pattern: str
    type: Any
    description: str
    validate: Callable[[str, Any], object] | None = None

    @property
    def regex(self) -> str:
        """Return the pattern as an anchored regular expression."""
        return (
            "^" + "/".join(PATH_SEGMENTS.get(segment, re.escape(segment)) for segment in self.pattern.split("/")) + "$"
        )


class EventType(Struct, frozen=True):
    """A type of event, and the prefixes of the paths that its facts may have."""

    name: str
    description: str
    path_prefixes: tuple[str, ...] = ("",)


class AggregateType(Struct, frozen=True, dict=True):
    """A type of aggregate, with all paths and events that it can have."""

    name: str
    description: str
    paths: tuple[Path, ...]
    event_types: tuple[EventType, ...]

    @cached_property
    def _compiled_paths(self) -> list[tuple[re.Pattern[str], Path]]:
        return [(re.compile(path.regex), path) for path in self.paths]

    @cached_property
    def _path_cache(self) -> dict[str, Path]:
        return {}

    def find_path(self, path: str) -> Path:
        """Return the declared path that a concrete path matches; raises Invalid if there is none."""
        if (cached := self._path_cache.get(path)) is not None:
            return cached
        for regex, declared in self._compiled_paths:
            if regex.fullmatch(path):
                if len(self._path_cache) < PATH_CACHE_SIZE:
                    self._path_cache[path] = declared
                return declared
        raise Invalid(f"a {self.name} has no {path!r}", path)

    def event_type(self, name: str) -> EventType:
        """Return the event type with a name; raises Invalid if there is none."""
        for event_type in self.event_types:
            if event_type.name == name:
                return event_type
        raise Invalid(f"a {self.name} has no event {name!r}")

    def validate(self, name: str, facts: Facts) -> None:
        """Raise Invalid, naming the path, unless an event may state all these facts and each value has its type."""
        prefixes = self.event_type(name).path_prefixes
        for path, value in facts.items():
            declared = self.find_path(path)
            if not path.startswith(prefixes):
                raise Invalid(f"{name} cannot state {path!r}", path)
            if value is not None:
                _validate_value(path, value, declared.type)
                if declared.validate is not None:
                    declared.validate(path, value)

    def holds_text(self, path: str) -> bool:
        """Return whether the values at a path are texts."""
        return self.find_path(path).type is TextValue

    def holds_text_list(self, path: str) -> bool:
        """Return whether the values at a path are lists of texts."""
        return self.find_path(path).type is TextListValue


def _validate_value(path: str, value: object, value_type: Any) -> None:
    try:
        # By way of built-in types, because `convert` accepts a Struct as it is, whatever its fields contain.
        msgspec.convert(msgspec.to_builtins(value), value_type)
    except msgspec.ValidationError as error:
        raise Invalid(f"{path}: {error}", path) from error
    for string in value if isinstance(value, tuple) else (value,):
        if isinstance(string, str) and _CONTROL_OR_SURROGATE.search(string):
            raise Invalid(f"{path}: {string!r} contains a control character or a lone surrogate", path)
