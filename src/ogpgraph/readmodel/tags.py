"""Tags: the (dimension, value) pairs by which an aggregate is filtered, sorted and counted, derived from its state.

The rules follow from the declarations of fields and derived dimensions in the domain; nothing about a single field is
written here.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable
from functools import partial
from typing import Final, NamedTuple

from ogpgraph.domain.aggregate import Aggregate
from ogpgraph.domain.aggregate_type import AggregateType
from ogpgraph.domain.aggregate_types import AGGREGATE_TYPES
from ogpgraph.domain.field import ANY_PATH, Field, Tag, items_of
from ogpgraph.domain.values import Observation, Rating, TextListValue, TextValue, Value, value_text_references


class TagRule(NamedTuple):
    """Derives some tags. They depend on the paths that begin with `segments`; with ANY_PATH among them, on all."""

    segments: frozenset[str]
    derive: Callable[[Aggregate], Iterable[Tag]]


def code_of(aggregate: Aggregate) -> str:
    """Return the natural key by which lists of its type are sorted; empty for an aggregate that no list shows."""
    match aggregate.type:
        case "source":
            return "/".join(filter(None, (aggregate.string(path) for path in ("type", "code", "language"))))
        case "code":
            return aggregate.id.partition("-")[2]
        case _:
            return "" if aggregate.string("mergedInto") else aggregate.string("code") or aggregate.string("key") or ""


def compute_tags(aggregate: Aggregate) -> frozenset[Tag]:
    """Return all tags of an aggregate; an aggregate that no list shows has none."""
    if not code_of(aggregate):
        return frozenset()
    return _apply_rules(aggregate, _RULES.get(aggregate.type, ()))


def diff_tags(before: Aggregate, after: Aggregate, facts: Iterable[str]) -> tuple[frozenset[Tag], frozenset[Tag]]:
    """Return the tags that end and those that begin between two states that differ at most at the given paths.

    Only the rules that depend on these paths are applied: deriving tags is the greater part of a projection.
    """
    if not (rules := _RULES.get(after.type, ())):
        return frozenset(), frozenset()
    if not code_of(before) or not code_of(after):
        old, new = compute_tags(before), compute_tags(after)
        return old - new, new - old
    touched = {ANY_PATH, *(path.partition("/")[0] for path in facts)}
    affected = [rule for rule in rules if not rule.segments.isdisjoint(touched)]
    old = _apply_rules(before, affected)
    _derived_tags(after).update(_derived_tags(before))
    for rule in affected:
        _derived_tags(after).pop(rule, None)
    new = _apply_rules(after, affected)
    return old - new, new - old


def _apply_rules(aggregate: Aggregate, rules: Iterable[TagRule]) -> frozenset[Tag]:
    derived = _derived_tags(aggregate)
    for rule in rules:
        if rule not in derived:
            derived[rule] = frozenset(rule.derive(aggregate))
    return frozenset().union(*(derived[rule] for rule in rules))


def _derived_tags(aggregate: Aggregate) -> dict[TagRule, frozenset[Tag]]:
    """Return the tags derived from a state so far, by rule; they are cached with the state, which never changes."""
    derived: dict[TagRule, frozenset[Tag]] = aggregate.cache.setdefault("tags", {})
    return derived


# Rules, read from the declarations


def describe_rules(aggregate_type: AggregateType) -> list[tuple[str, str]]:
    """Return dimension and paths of each rule of a type: from other ones, the same events give other tags."""
    fields = [
        (dimension, f"{field.pattern} {field.is_set}")
        for field in aggregate_type.fields
        if (dimension := field.index_dimension) is not None
    ]
    return [*fields, *((each.index_dimension, " ".join(each.paths)) for each in aggregate_type.dimensions)]


def build_rules(aggregate_type: AggregateType) -> tuple[TagRule, ...]:
    """Return a rule for each field that has a dimension of the index, and for each derived dimension.

    Fields can share a dimension, as all codes do, and have a value in common. Their rules are applied together:
    otherwise the tag would end when one field loses the value.
    """
    fields = [(field, dimension) for field in aggregate_type.fields if (dimension := field.index_dimension) is not None]
    groups: dict[str, set[str]] = defaultdict(set)
    for field, dimension in fields:
        groups[dimension].add(field.group)
    return (
        *(TagRule(frozenset(groups[dimension]), _tags_of(field, dimension)) for field, dimension in fields),
        *(TagRule(frozenset(each.paths), each.compute) for each in aggregate_type.dimensions),
    )


def _tags_of(field: Field, dimension: str) -> Callable[[Aggregate], Iterable[Tag]]:
    fixed, is_variable, _ = field.pattern.partition("{")
    if field.is_set:
        return partial(_set_tags, dimension, field.group)
    if is_variable:
        return partial(_variable_path_tags, dimension, fixed, re.compile(field.regex))
    return partial(_fixed_path_tags, dimension, fixed)


def _fixed_path_tags(dimension: str, path: str, aggregate: Aggregate) -> list[Tag]:
    return [(dimension, text) for text in _tag_values(aggregate.value(path))]


def _set_tags(dimension: str, name: str, aggregate: Aggregate) -> list[Tag]:
    return [(dimension, item) for item in items_of(aggregate, name)]


def _variable_path_tags(dimension: str, prefix: str, pattern: re.Pattern[str], aggregate: Aggregate) -> list[Tag]:
    return [
        (dimension, text)
        for path, claim in aggregate.claims_under(prefix)
        if pattern.fullmatch(path)
        for text in _tag_values(claim.value)
    ]


def _tag_values(value: Value | None) -> tuple[str, ...]:
    """Return a value as texts: one for each item of a list; texts by reference, as the index has them."""
    match value:
        case None:
            return ()
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


_RULES: Final = {name: build_rules(aggregate_type) for name, aggregate_type in AGGREGATE_TYPES.items()}
"""The rules of each aggregate type; a type without dimensions has no tags."""
