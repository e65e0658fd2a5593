"""Aggregate types: the fields that an aggregate can have, and the events that state them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import cached_property
from typing import Any

import msgspec
from msgspec import Struct

from ogpgraph.domain.aggregate import Aggregate, aggregate_type_of
from ogpgraph.domain.errors import Invalid
from ogpgraph.domain.event import Facts
from ogpgraph.domain.field import DerivedDimension, Field, FindAggregate
from ogpgraph.domain.text import has_visible_character, is_normalized_line
from ogpgraph.domain.values import PartialDate, TextValue, Value, is_reversed, validate_partial_date

PATH_CACHE_SIZE = 4096
"""How many concrete paths of an aggregate type are matched only once; their number is not bounded otherwise."""


class EventType(Struct, frozen=True):
    """A type of event, and the prefixes of the paths that its facts may have.

    One that `amends` withdraws or corrects older events of its stream and states nothing itself.
    """

    name: str
    description: str
    path_prefixes: tuple[str, ...] = ("",)
    amends: bool = False


class Period(Struct, frozen=True):
    """A rule: of two dates beside each other, named by the last segments of their paths, the end is not before."""

    begin: str
    end: str


class AggregateType(Struct, frozen=True, dict=True):
    """A type of aggregate, with all fields, dimensions of the index, events and rules on pairs that it can have."""

    name: str
    description: str
    fields: tuple[Field, ...]
    event_types: tuple[EventType, ...]
    dimensions: tuple[DerivedDimension, ...] = ()
    periods: tuple[Period, ...] = ()

    @property
    def declarations(self) -> tuple[Field | DerivedDimension, ...]:
        """Return all that aggregates of the type can be filtered, sorted or counted by."""
        return (*self.fields, *self.dimensions)

    @cached_property
    def _compiled_patterns(self) -> list[tuple[re.Pattern[str], Field]]:
        return [(re.compile(field.regex), field) for field in self.fields]

    @cached_property
    def _field_cache(self) -> dict[str, Field]:
        return {}

    def find_field(self, path: str) -> Field:
        """Return the field that a concrete path belongs to; raises Invalid if there is none."""
        if (cached := self._field_cache.get(path)) is not None:
            return cached
        for regex, field in self._compiled_patterns:
            if regex.fullmatch(path):
                if len(self._field_cache) < PATH_CACHE_SIZE:
                    self._field_cache[path] = field
                return field
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
            field = self.find_field(path)
            if not path.startswith(prefixes):
                raise Invalid(f"{name} cannot state {path!r}", path)
            if value is not None:
                _validate_value(path, value, field.type)
                if field.validate is not None:
                    field.validate(path, value)

    def validate_references(self, aggregate: Aggregate, facts: Facts, find: FindAggregate) -> None:
        """Raise Invalid, naming the path, unless facts of an aggregate are consistent with the other aggregates.

        `aggregate` is its state with the facts, `find` returns the others. Whoever appends or amends events calls it.
        """
        for path, value in facts.items():
            field = self.find_field(path)
            if value is None:
                continue
            if field.refers_to:
                _validate_reference(path, value, field.refers_to, find)
            if field.validate_in is not None:
                field.validate_in(find, aggregate, path, value)

    def validate_kept(self, before: Aggregate, after: Aggregate, paths: Iterable[str]) -> None:
        """Raise Invalid, naming the path, if a change of an aggregate at these paths empties a required field.

        A field with languages is emptied once it has no value in any. Whoever appends or amends events for people
        calls it; a source says what it says, and what is reverted is taken away as a whole.
        """
        for path in paths:
            field = self.find_field(path)
            if not field.is_required or before.value(path) is None or after.value(path) is not None:
                continue
            if field.prefix == path or not any(after.claims_under(field.prefix)):
                raise Invalid(f"nothing else is recorded at {path}, and every {self.name} has a {field.name}", path)

    def validate_value(self, path: str, value: Value) -> None:
        """Raise Invalid, naming the path, unless a value can be stored there."""
        _validate_value(path, value, self.find_field(path).type)

    def reversed_periods(self, paths: Iterable[str], value_at: Callable[[str], Value | None]) -> list[tuple[str, str]]:
        """Return the paths of begin and end of the periods with a date at one of `paths` that end before they begin."""
        pairs = dict.fromkeys(pair for path in paths for pair in self._periods_with(path))
        dates = {path: value_at(path) for pair in pairs for path in pair}
        found = []
        for begin, end in pairs:
            first, last = dates[begin], dates[end]
            if isinstance(first, str) and isinstance(last, str) and is_reversed(first, last):
                found.append((begin, end))
        return found

    def validate_periods(self, before: Aggregate, after: Aggregate, paths: Iterable[str]) -> None:
        """Raise Invalid, at one of the paths, if a change there makes a period end before it begins.

        A source may have stated such a period: what leaves its dates as they are is not refused for it.
        """
        changed = list(paths)
        for begin, end in self.reversed_periods(changed, after.value):
            if all(before.value(path) == after.value(path) for path in (begin, end)):
                continue
            path = end if end in changed else begin
            raise Invalid(f"{end}: {after.value(end)} is before {begin}, {after.value(begin)}", path)

    def _periods_with(self, path: str) -> Iterable[tuple[str, str]]:
        parent, slash, name = path.rpartition("/")
        for period in self.periods:
            if name in (period.begin, period.end):
                yield f"{parent}{slash}{period.begin}", f"{parent}{slash}{period.end}"

    def language_of(self, path: str) -> str | None:
        """Return the language of the values at a path, None for a path without a language."""
        return path.rpartition("/")[2] if self.find_field(path).is_localized else None

    def holds_text(self, path: str) -> bool:
        """Return whether the values at a path are texts."""
        return self.find_field(path).type is TextValue


def _validate_reference(path: str, value: Value, aggregate_type: str, find: FindAggregate) -> None:
    for reference in value if isinstance(value, tuple) else (value,):
        if aggregate_type_of(str(reference)) != aggregate_type or not find(str(reference)).revision:
            raise Invalid(f"{path}: there is no {aggregate_type} {str(reference)[:80]!r}", path)


def _validate_value(path: str, value: object, value_type: Any) -> None:
    if isinstance(value, str) and value_type == PartialDate:
        validate_partial_date(value, path)
        return
    try:
        # By way of built-in types, because `convert` accepts a Struct as it is, whatever its fields contain.
        msgspec.convert(msgspec.to_builtins(value), value_type)
    except msgspec.ValidationError as error:
        raise Invalid(f"{path}: {error}", path) from error
    for string in value if isinstance(value, tuple) else (value,):
        if isinstance(string, str) and not (is_normalized_line(string) and has_visible_character(string)):
            reason = "has a control character, half a character or no visible one, or is not in normalization form C"
            raise Invalid(f"{path}: {string[:80]!r} {reason}", path)
