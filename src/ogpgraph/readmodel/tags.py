"""Tags: the (dimension, value) pairs by which an aggregate is filtered, sorted and counted, derived from its state.

The rules follow from the declarations of fields and derived dimensions in the domain; nothing about a single field is
written here. A tag is valid on some days: an aggregate has those of the present from the last change on.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator
from functools import partial
from typing import Final, NamedTuple

from ogpgraph.domain.aggregate import Aggregate
from ogpgraph.domain.aggregate_type import AggregateType
from ogpgraph.domain.aggregate_types import AGGREGATE_TYPES
from ogpgraph.domain.as_of import (
    DATED_TYPES,
    FIRST_DAY,
    AggregateAsOf,
    Timeline,
    cut,
    is_dated,
    last_instant,
    possible_states,
    turning_days,
)
from ogpgraph.domain.field import ANY_PATH, Field, Tag, items_of
from ogpgraph.domain.values import (
    Observation,
    Rating,
    TextListValue,
    TextValue,
    Value,
    day_of,
    value_text_references,
)

OBSERVED: Final[Tag] = ("observed", "")
CHANGED: Final[Tag] = ("changedOn", "")
FOREVER: Final = 2**31 - 1
"""The end of what is still valid, as a position and as a day. Positions and days are below it: four bytes at most."""


class TagRule(NamedTuple):
    """Derives some tags. They depend on the paths that begin with `segments`; with ANY_PATH among them, on all."""

    segments: frozenset[str]
    derive: Callable[[Aggregate], Iterable[Tag]]
    is_reference: bool = False

    @property
    def is_dated(self) -> bool:
        """Return whether the tags depend on the date. Those of all paths are about what the record has, as a whole."""
        return ANY_PATH not in self.segments


def code_of(aggregate: Aggregate) -> str:
    """Return the natural key by which lists of its type are sorted; empty for an aggregate that no list shows."""
    match aggregate.type:
        case "source":
            return "/".join(filter(None, (aggregate.string(path) for path in ("type", "code", "language"))))
        case "code":
            return aggregate.id.partition("-")[2]
        case _:
            return "" if aggregate.string("mergedInto") else aggregate.string("code") or aggregate.string("key") or ""


class DatedTag(NamedTuple):
    """A tag that an aggregate has from one day until before another; until FOREVER where nothing later is stated."""

    dimension: str
    value: str
    first_day: int
    end_day: int

    @property
    def tag(self) -> Tag:
        """Return the tag without the days."""
        return self.dimension, self.value


class DayCounter:
    """Counts the claims of an aggregate by the days on which they begin and by those on which its state changes."""

    def __init__(self, timeline: Timeline) -> None:
        self._observed: Counter[int] = Counter()
        self._turning: Counter[int] = Counter()
        if timeline.aggregate.type in DATED_TYPES:
            self._count(timeline, timeline.aggregate.claims, 1)

    def move(self, before: Timeline, after: Timeline, paths: Collection[str]) -> None:
        """Follow a change at some paths."""
        if after.aggregate.type in DATED_TYPES:
            self._count(before, paths, -1)
            self._count(after, paths, 1)

    def tags(self) -> frozenset[DatedTag]:
        """Return a tag that begins when the aggregate was first observed, and one for each day on which it changed.

        The latter are found by the day, and in no index: they are valid on none.
        """
        observed = [day for day, number in self._observed.items() if number]
        turning = (day for day, number in self._turning.items() if number and day > FIRST_DAY)
        first = [DatedTag(*OBSERVED, min(observed), FOREVER)] if observed else []
        return frozenset([*first, *(DatedTag(*CHANGED, day, day) for day in turning)])

    def _count(self, timeline: Timeline, paths: Iterable[str], step: int) -> None:
        for path in paths:
            for claim in (*timeline.aggregate.claims.get(path, ()), *timeline.earlier.get(path, ())):
                self._observed[day_of(claim.before)] += step
            if is_dated(path):
                for day in turning_days(timeline, path):
                    self._turning[day] += step


def unknown_dimension(dimension: str) -> str:
    """Return the dimension that an aggregate has a tag of while it is unknown what tags of another it has."""
    return f"unknown/{dimension}"


def compute_tags(timeline: Timeline) -> frozenset[DatedTag]:
    """Return all tags of an aggregate; an aggregate that no list shows has none."""
    if not code_of(timeline.aggregate):
        return frozenset()
    return _apply_rules(timeline, _RULES.get(timeline.aggregate.type, ()))


class TagDifference(NamedTuple):
    """The tags that end and that begin between two states, and those that an aggregate no longer has, or has then.

    The latter are of PRESENT_DAY. A tag that goes on for another reason, or with other days, ends but is not lost.
    """

    ended: frozenset[DatedTag]
    begun: frozenset[DatedTag]
    lost: frozenset[Tag]
    gained: frozenset[Tag]


NO_DIFFERENCE: Final = TagDifference(frozenset(), frozenset(), frozenset(), frozenset())


def compare_tags(before: frozenset[DatedTag], after: frozenset[DatedTag]) -> TagDifference:
    """Return the difference between all tags of some dimensions and those of a later state."""
    ended, begun = before - after, after - before
    had, has = (frozenset(each.tag for each in tags if each.end_day == FOREVER) for tags in (before, after))
    return TagDifference(ended, begun, had - has, has - had)


def diff_tags(before: Timeline, after: Timeline, paths: Iterable[str]) -> TagDifference:
    """Return the difference between the tags of two states that differ at most at the given paths.

    Only the rules that depend on these paths are applied: deriving tags is the greater part of a projection.
    """
    if not (rules := _RULES.get(after.aggregate.type, ())):
        return NO_DIFFERENCE
    if not code_of(before.aggregate) or not code_of(after.aggregate):
        return compare_tags(compute_tags(before), compute_tags(after))
    touched = {ANY_PATH, *(path.partition("/")[0] for path in paths)}
    affected = [rule for rule in rules if not rule.segments.isdisjoint(touched)]
    old = _apply_rules(before, affected)
    _derived_tags(after.aggregate).update(_derived_tags(before.aggregate))
    for rule in affected:
        _derived_tags(after.aggregate).pop(rule, None)
    return compare_tags(old, _apply_rules(after, affected))


def _apply_rules(timeline: Timeline, rules: Iterable[TagRule]) -> frozenset[DatedTag]:
    derived = _derived_tags(timeline.aggregate)
    for rule in rules:
        if rule not in derived:
            derived[rule] = frozenset(_derive_dated(rule, timeline))
    return frozenset().union(*(derived[rule] for rule in rules))


def _derived_tags(aggregate: Aggregate) -> dict[TagRule, frozenset[DatedTag]]:
    """Return the tags derived from a state so far, by rule; they are cached with the state, which never changes."""
    derived: dict[TagRule, frozenset[DatedTag]] = aggregate.cache.setdefault("tags", {})
    return derived


def _derive_dated(rule: TagRule, timeline: Timeline) -> Iterator[DatedTag]:
    """Yield the tags of a rule, each with the days on which an aggregate has it without interruption."""
    part = _restrict(timeline, rule.segments) if rule.is_dated else timeline
    days = sorted({FIRST_DAY, *(day for path in _dated_paths(rule, part) for day in turning_days(part, path))})
    open_since: dict[Tag, int] = {}
    for day in days:
        is_last = day == days[-1]
        tags = _tags_as_of(rule, AggregateAsOf(part.aggregate) if is_last else cut(part, last_instant(day)))
        for tag in [each for each in open_since if each not in tags]:
            yield DatedTag(*tag, open_since.pop(tag), day)
        for tag in tags:
            open_since.setdefault(tag, day)
    for tag, since in open_since.items():
        yield DatedTag(*tag, since, FOREVER)


def _restrict(timeline: Timeline, segments: frozenset[str]) -> Timeline:
    """Return what a timeline has at the paths that begin with some segments."""
    aggregate, earlier = timeline.aggregate, timeline.earlier
    paths = [path for segment in sorted(segments) for path in _paths_by_segment(aggregate).get(segment, ())]
    claims = {path: aggregate.claims[path] for path in paths}
    known = {path: earlier[path] for path in paths if path in earlier}
    return Timeline(Aggregate(aggregate.id, aggregate.revision, claims), known)


def _paths_by_segment(aggregate: Aggregate) -> dict[str, list[str]]:
    """Return the paths of an aggregate by their first segments, for all rules at once."""
    if "paths" not in aggregate.cache:
        found: dict[str, list[str]] = defaultdict(list)
        for path in aggregate.claims:
            found[path.partition("/")[0]].append(path)
        aggregate.cache["paths"] = found
    paths: dict[str, list[str]] = aggregate.cache["paths"]
    return paths


def _dated_paths(rule: TagRule, timeline: Timeline) -> list[str]:
    if not rule.is_dated or timeline.aggregate.type not in DATED_TYPES:
        return []
    return [path for path in timeline.aggregate.claims if is_dated(path)]


def _tags_as_of(rule: TagRule, as_of: AggregateAsOf) -> frozenset[Tag]:
    """Return the tags that an aggregate certainly has, and one for each dimension of which it may have others.

    A reference is required, and so has a value where that is unknown: a thing is always listed under its parent.
    """
    if not as_of.unknown or rule.is_reference:
        return frozenset(rule.derive(as_of.aggregate))
    possible = [frozenset(rule.derive(state)) for state in possible_states(as_of)]
    certain = frozenset.intersection(*possible)
    unclear = {dimension for dimension, _ in frozenset.union(*possible) - certain}
    return certain | {(unknown_dimension(dimension), "") for dimension in unclear}


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
        *(
            TagRule(
                frozenset(groups[dimension]), _tags_of(field, dimension), bool(field.refers_to and field.is_required)
            )
            for field, dimension in fields
        ),
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


CODED_TYPES: Final = frozenset(
    name
    for name, aggregate_type in AGGREGATE_TYPES.items()
    if any(field.index_dimension == "code" for field in aggregate_type.fields)
)
"""The types of aggregates that have codes; the code of a state is one of its tags."""
_RULES: Final = {name: build_rules(aggregate_type) for name, aggregate_type in AGGREGATE_TYPES.items()}
"""The rules of each aggregate type; a type without dimensions has no tags."""
