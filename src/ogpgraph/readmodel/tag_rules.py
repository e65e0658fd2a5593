"""The rules by which tags are derived, read from the declarations of fields and derived dimensions in the domain.

A rule depends on some paths of an aggregate, which form groups: the tags of a group depend on its paths alone. So an
event has only those groups derived anew of which it changes a path. Nothing about a single field is written here.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from ogpgraph.domain.aggregate import Aggregate
from ogpgraph.domain.aggregate_type import PATH_CACHE_SIZE, AggregateType
from ogpgraph.domain.aggregate_types import AGGREGATE_TYPES
from ogpgraph.domain.field import ANY_PATH, DerivedDimension, Field, Tag
from ogpgraph.domain.timeline import DATED_TYPES, is_dated
from ogpgraph.domain.values import (
    Observation,
    Rating,
    TextListValue,
    TextValue,
    Value,
    value_text_references,
)

Span = tuple[str, bool, int, int]
"""A value of a dimension that a group has, whether certainly or perhaps, from which day, and until before which."""
Spans = Mapping[str, tuple[Span, ...]]
"""Dimension → what a group has of it."""
PossibleTag = tuple[str, str, bool]
"""Dimension and value of a tag, and whether it follows from all that may be current, or only from some of it."""
WHOLE: Final = ""
"""The group of a rule with one group only, which is there even where an aggregate has none of the paths."""


class TagRule:
    """Derives the tags of some dimensions, which no other rule derives.

    They depend on the date where the rule `is_dated`, and also where their path is. `is_whole` says that they depend on
    all paths at once, and on no date: they are about what the record has. A reference is required, and so has a value
    where that is unknown: a thing is always listed under its parent.
    """

    is_whole = False
    is_reference = False
    prefixes: tuple[str, ...] = ()
    """What the paths begin with that it depends on."""

    def __init__(self, *, is_dated: bool) -> None:
        self.is_dated = is_dated

    @property
    def has_one_group(self) -> bool:
        """Return whether all paths form one group."""
        return False

    def find_group(self, path: str) -> str | None:
        """Return the group that a path belongs to, None if no tags depend on it."""
        raise NotImplementedError

    def derive(self, aggregate: Aggregate) -> Iterable[Tag]:
        """Return the tags of a state: of a whole aggregate, or of what it has at the paths of a group."""
        raise NotImplementedError


class FieldRule(TagRule):
    """The values of fields that share a dimension, as all codes do; each path is a group of its own."""

    def __init__(self, dimension: str, fields: list[Field], *, is_dated: bool) -> None:
        super().__init__(is_dated=is_dated)
        self.is_reference = any(field.refers_to and field.is_required for field in fields)
        self.dimension = dimension
        self._patterns = [(re.compile(field.regex), field) for field in fields]
        self.prefixes = tuple(field.prefix for field in fields)
        self._found: dict[str, Field | None] = {}

    def find_group(self, path: str) -> str | None:
        """Return the path itself if it is one of the fields'."""
        return path if self._find_field(path) else None

    def depends_on_date(self, path: str) -> bool:
        """Return whether the tags that follow from a path depend on the date."""
        return self.is_dated and is_dated(path)

    def _find_field(self, path: str) -> Field | None:
        if not path.startswith(self.prefixes):
            return None
        if path in self._found:
            return self._found[path]
        found = next((field for pattern, field in self._patterns if pattern.fullmatch(path)), None)
        if len(self._found) < PATH_CACHE_SIZE:
            self._found[path] = found
        return found

    def derive(self, aggregate: Aggregate) -> Iterable[Tag]:
        """Yield a tag for each value."""
        for path, claim in aggregate.current_claims.items():
            yield from ((self.dimension, value) for value in self.list_values(path, claim.value))

    def list_values(self, path: str, value: Value | None) -> tuple[str, ...]:
        """Return the values of tags that follow from a value at a path; the items of a set are in their paths."""
        if value is None or (field := self._find_field(path)) is None:
            return ()
        return (path[len(field.group) + 1 :],) if field.is_set else _tag_values(value)


class DerivedRule(TagRule):
    """The tags of a derived dimension; what the variable segments of its paths stand for determines the group."""

    def __init__(self, dimension: DerivedDimension, *, is_dated: bool) -> None:
        self.is_whole = ANY_PATH in dimension.paths
        super().__init__(is_dated=is_dated and not self.is_whole)
        self.prefixes = tuple(path.partition("{")[0] for path in dimension.paths)
        self.reads_texts = dimension.reads_texts
        self.reads_values = dimension.reads_values
        self.remembered: dict[object, Sequence[PossibleTag]] = {}
        """The tags that followed from what a group had, by its paths, shortened, and by the values there."""
        self.remembered_spans: dict[object, Spans] = {}
        """The same with the days."""
        self._names_groups = dimension.names_groups
        self._shortened: dict[str, str] = {}
        self._compute = dimension.compute
        self._has_variables = any("{" in path for path in dimension.paths)
        self._patterns = [
            re.compile(re.sub(r"\{\w+\}", "([^/]+)", path) + "(?:/|$)") for path in dimension.paths if path != ANY_PATH
        ]

    @property
    def has_one_group(self) -> bool:
        """Return whether no path has a variable segment."""
        return not self.is_whole and not self._has_variables

    def find_group(self, path: str) -> str | None:
        """Return what the variable segments stand for in a path."""
        found = next(filter(None, (pattern.match(path) for pattern in self._patterns)), None)
        return "/".join(found.groups()) if found else None

    def shorten(self, paths: Sequence[str]) -> tuple[str, ...]:
        """Return what the tags depend on of some paths: they do without their group where they do not name that."""
        if self._names_groups:
            return tuple(paths)
        known = self._shortened
        return tuple([known.get(path) or self._shorten(path) for path in paths])

    def _shorten(self, path: str) -> str:
        found = next(filter(None, (pattern.match(path) for pattern in self._patterns)))
        short = path[: found.start(1)] + path[found.end(found.re.groups) :]
        if len(self._shortened) < PATH_CACHE_SIZE:
            self._shortened[path] = short
        return short

    def derive(self, aggregate: Aggregate) -> Iterable[Tag]:
        """Return the tags as they are declared to be computed."""
        return self._compute(aggregate)


class TypeRules:
    """The rules of an aggregate type, and which of them depend on a path."""

    def __init__(self, aggregate_type: AggregateType) -> None:
        rules = build_rules(aggregate_type)
        self.whole = [rule for rule in rules if isinstance(rule, DerivedRule) and rule.is_whole]
        self.by_groups = [rule for rule in rules if not rule.is_whole]
        self._found: dict[str, tuple[tuple[TagRule, str], ...]] = {}

    def group(self, paths: Iterable[str]) -> dict[TagRule, dict[str, list[str]]]:
        """Return the rules that depend on some paths, each with these by group; without those that depend on all."""
        found: dict[TagRule, dict[str, list[str]]] = {}
        for path in paths:
            for rule, group in self._find(path):
                found.setdefault(rule, {}).setdefault(group, []).append(path)
        return found

    def group_all(self, paths: Iterable[str]) -> dict[TagRule, dict[str, list[str]]]:
        """Return the rules that give tags to a state with these paths, each as `list_groups` does."""
        found: dict[TagRule, dict[str, list[str]]] = {
            rule: {WHOLE: []} if rule.has_one_group else {} for rule in self.by_groups
        }
        for path in paths:
            for rule, group in self._find(path):
                found[rule].setdefault(group, []).append(path)
        return {rule: groups for rule, groups in found.items() if groups}

    def list_groups(self, rule: TagRule, paths: Iterable[str]) -> dict[str, list[str]]:
        """Return the paths that a rule depends on by group; a group without a variable is always there."""
        groups: dict[str, list[str]] = {WHOLE: []} if rule.has_one_group else {}
        for path in [path for path in paths if path.startswith(rule.prefixes)]:
            for found, group in self._find(path):
                if found is rule:
                    groups.setdefault(group, []).append(path)
        return groups

    def _find(self, path: str) -> tuple[tuple[TagRule, str], ...]:
        """Return the rules that depend on a path, each with the group, except those that depend on all."""
        if (found := self._found.get(path)) is None:
            found = tuple((rule, group) for rule in self.by_groups if (group := rule.find_group(path)) is not None)
            if len(self._found) < PATH_CACHE_SIZE:
                self._found[path] = found
        return found


def describe_rules(aggregate_type: AggregateType) -> list[tuple[str, str]]:
    """Return dimension and paths of each rule of a type, and which are dated: from others, events give other tags."""
    fields = [
        (dimension, f"{field.pattern} {field.is_set} {is_dated(field.pattern)}")
        for field in aggregate_type.fields
        if (dimension := field.index_dimension) is not None
    ]
    return [*fields, *((each.index_dimension, " ".join(each.paths)) for each in aggregate_type.dimensions)]


def build_rules(aggregate_type: AggregateType) -> tuple[TagRule, ...]:
    """Return a rule for each dimension of the index that fields have, and for each derived dimension."""
    is_dated_type = aggregate_type.name in DATED_TYPES
    by_dimension: dict[str, list[Field]] = defaultdict(list)
    for field in aggregate_type.fields:
        if (dimension := field.index_dimension) is not None:
            by_dimension[dimension].append(field)
    return (
        *(FieldRule(dimension, fields, is_dated=is_dated_type) for dimension, fields in by_dimension.items()),
        *(DerivedRule(dimension, is_dated=is_dated_type) for dimension in aggregate_type.dimensions),
    )


def _tag_values(value: Value) -> tuple[str, ...]:
    """Return a value as texts: one for each item of a list; texts by reference, as the index has them."""
    match value:
        case str():
            return (value,)
        case bool():
            return ("true" if value else "false",)
        case tuple():
            return value
        case Rating(state=state, value=rating):
            return (rating or state,)
        case TextValue() | TextListValue() | Observation():
            return value_text_references(value)
        case _:
            return (str(value),)


CODED_TYPES: Final = frozenset(
    name
    for name, aggregate_type in AGGREGATE_TYPES.items()
    if any(field.index_dimension == "code" for field in aggregate_type.fields)
)
"""The types of aggregates that have codes; the code of a state is one of its tags."""
RULES: Final = {name: TypeRules(aggregate_type) for name, aggregate_type in AGGREGATE_TYPES.items()}
"""The rules of each aggregate type; a type without dimensions has no tags."""
