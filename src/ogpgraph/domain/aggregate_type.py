"""Nouns of the record: which paths a kind of subject has, of what form, and which events may say them."""

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


def _alternation(words: type[Indicator | Stage | OgpValue | Finding | RatingState | CoCreation]) -> str:
    return "(" + "|".join(words) + ")"


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
    "{key}": r"[^/\s]{1,200}",
}


_CONTROL_OR_SURROGATE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")

PATH_CACHE_SIZE = 4096  # so many concrete paths of a noun are looked for only once


class Path(Struct, frozen=True):
    """A path of a noun: its pattern (`milestones/{number}/title/{language}`), the form of its value, its meaning.

    `rule` raises Invalid for a value that has the form and still cannot stand at a path.
    """

    pattern: str
    type: Any
    description: str
    validate: Callable[[str, Any], object] | None = None

    @property
    def regex(self) -> str:
        """Return the anchored regular expression of the pattern."""
        return (
            "^" + "/".join(PATH_SEGMENTS.get(segment, re.escape(segment)) for segment in self.pattern.split("/")) + "$"
        )


class EventType(Struct, frozen=True):
    """A kind of event: what it tells, and which paths (by their beginning) its facts may have."""

    name: str
    description: str
    path_prefixes: tuple[str, ...] = ("",)


class AggregateType(Struct, frozen=True, dict=True):
    """A kind of subject, with everything that can be said of it."""

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
        """Return the declared path that a concrete path is an instance of; raises Invalid when there is none."""
        if (known := self._path_cache.get(path)) is not None:
            return known
        for regex, declared in self._compiled_paths:
            if regex.fullmatch(path):
                if len(self._path_cache) < PATH_CACHE_SIZE:
                    self._path_cache[path] = declared
                return declared
        raise Invalid(f"a {self.name} has no {path!r}", path)

    def event_type(self, name: str) -> EventType:
        """Return the kind of event with that name; raises Invalid when the noun has none."""
        for kind in self.event_types:
            if kind.name == name:
                return kind
        raise Invalid(f"a {self.name} has no event {name!r}")

    def validate(self, name: str, facts: Facts) -> None:
        """Raise Invalid, naming the path, unless the event may say each of these facts and each value has its form."""
        says = self.event_type(name).path_prefixes
        for path, value in facts.items():
            declared = self.find_path(path)
            if not path.startswith(says):
                raise Invalid(f"{name} does not speak of {path!r}", path)
            if value is not None:
                _validate_value(path, value, declared.type)
                if declared.validate is not None:
                    declared.validate(path, value)

    def holds_text(self, path: str) -> bool:
        """Tell whether the values at a path are one wording."""
        return self.find_path(path).type is TextValue

    def holds_text_list(self, path: str) -> bool:
        """Tell whether the values at a path are a list of wordings."""
        return self.find_path(path).type is TextListValue


def _validate_value(path: str, value: object, form: Any) -> None:
    try:
        msgspec.convert(msgspec.to_builtins(value), form)
    except msgspec.ValidationError as error:
        raise Invalid(f"{path}: {error}", path) from error
    for word in value if isinstance(value, tuple) else (value,):
        if isinstance(word, str) and _CONTROL_OR_SURROGATE.search(word):
            raise Invalid(f"{path}: {word!r} holds a control character or half a character", path)
