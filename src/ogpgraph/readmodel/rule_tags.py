"""The tags that one rule gives to one aggregate. They follow the changes of the paths that the rule depends on.

A change has the groups of the changed paths derived anew, and nothing else: the other groups are needed, once, where a
group contributes something else than before, because several groups may contribute the same tag.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from msgspec import Struct

from ogpgraph.domain.aggregate import Aggregate, Claim
from ogpgraph.domain.field import Tag
from ogpgraph.domain.readings import Reading, list_readings, reading_on
from ogpgraph.domain.timeline import FIRST_DAY, Timeline
from ogpgraph.domain.values import TextListValue, TextValue
from ogpgraph.readmodel.tag_rules import FieldRule, TagRule, TypeRules

FOREVER: Final = 2**31 - 1
"""The end of what is still valid, as a position and as a day. Positions and days are below it: four bytes at most."""


class DatedTag(Struct, frozen=True, gc=False):
    """A tag that an aggregate has from one day until before another; until FOREVER where nothing later is stated."""

    dimension: str
    value: str
    first_day: int
    end_day: int

    @property
    def tag(self) -> Tag:
        """Return the tag without the days."""
        return self.dimension, self.value


class TagDifference(NamedTuple):
    """The tags that end and that begin between two states; one that goes on with other days ends and begins."""

    ended: Collection[DatedTag]
    begun: Collection[DatedTag]


class Readings:
    """What the paths of a timeline read, derived when it is first needed."""

    def __init__(self, timeline: Timeline, known: dict[str, list[Reading]] | None = None) -> None:
        self.timeline = timeline
        self._known: dict[str, list[Reading]] = {} if known is None else known

    def move(self, timeline: Timeline, paths: Iterable[str]) -> Readings:
        """Return what is read after a change at some paths."""
        known = dict(self._known)
        for path in paths:
            known.pop(path, None)
        return Readings(timeline, known)

    def __getitem__(self, path: str) -> list[Reading]:
        """Return what a path reads, from FIRST_DAY on, by day."""
        if (found := self._known.get(path)) is None:
            found = self._known[path] = list_readings(self.timeline, path)
        return found


def _is_changed(before: Readings, after: Readings, paths: Iterable[str]) -> bool:
    """Return whether some paths do not only read other texts, on days on which they had a text before, too."""
    return any(_list_texts(before[path]) != _list_texts(after[path]) for path in paths)


def _list_texts(readings: Iterable[Reading]) -> list[tuple[int, Sequence[object]]]:
    """Return what a path reads by day, with the type of a text in place of it."""
    found: list[tuple[int, Sequence[object]]] = []
    for reading in readings:
        possible = tuple(dict.fromkeys(_without_text(claim) for claim in reading.possible))
        if not found or found[-1][1] != possible:
            found.append((reading.first_day, possible))
    return found


def _without_text(claim: Claim | None) -> object:
    return type(claim.value) if claim and isinstance(claim.value, TextValue | TextListValue) else claim


def unknown_dimension(dimension: str) -> str:
    """Return the dimension that an aggregate has a tag of while it is unknown what tags of another it has."""
    return f"unknown/{dimension}"


Groups = Mapping[str, Sequence[str]]
"""Some groups of a rule, each with its paths, or those of them that changed."""
_Span = tuple[str, bool, int, int]
"""A value of a dimension that a group has, whether certainly or perhaps, from which day, and until before which."""
_Spans = Mapping[str, Sequence[_Span]]
"""Dimension → what a group has of it."""
_NO_SPANS: Final[_Spans] = {}
_NO_TAGS: Final[frozenset[Tag]] = frozenset()


class RuleTags:
    """The tags of one rule for one aggregate. Groups are derived when they are first needed."""

    def __init__(self, rules: TypeRules, rule: TagRule) -> None:
        self._rules = rules
        self._rule = rule
        self._paths: dict[str, list[str]] | None = None
        self._groups: dict[str, _Spans] = {}
        self._dimensions: dict[str, _DimensionTags] | None = None

    def list_all(self, readings: Readings, groups: Groups) -> Iterator[DatedTag]:
        """Yield all tags of the present state, whose readings and groups are given."""
        return (tag for dimension in self._complete(readings, groups).values() for tag in dimension.list_all())

    def move(self, before: Readings, after: Readings, touched: Groups) -> Iterator[TagDifference]:
        """Follow a change from one state to the next, at the given paths; yields the difference by dimension."""
        changed: dict[str, _Spans] = {}
        if not self._rule.reads_texts:
            touched = {group: paths for group, paths in touched.items() if _is_changed(before, after, paths)}
        for group, paths in touched.items():
            own = self._paths_of(before, group)
            all_paths = [*own, *(path for path in paths if path not in own)]
            spans = self._derive(after, group, all_paths)
            if spans != self._spans_of(before, group):
                changed[group] = spans
            if self._paths is not None:
                self._paths[group] = all_paths
        if changed:
            yield from self._replace(self._complete(before, None), changed)

    def _replace(self, dimensions: dict[str, _DimensionTags], changed: Mapping[str, _Spans]) -> Iterator[TagDifference]:
        ended: dict[str, list[_Span]] = {}
        begun: dict[str, list[_Span]] = {}
        for group, spans in changed.items():
            for dimension, own in self._groups.get(group, _NO_SPANS).items():
                ended.setdefault(dimension, []).extend(own)
            for dimension, own in spans.items():
                begun.setdefault(dimension, []).extend(own)
            self._groups[group] = spans
        for dimension in ended | begun:
            tags = _dimension_of(dimensions, dimension)
            yield tags.replace(ended.get(dimension, ()), begun.get(dimension, ()))

    def _complete(self, readings: Readings, groups: Groups | None) -> dict[str, _DimensionTags]:
        """Return the tags of all dimensions, of all groups, which are listed unless they are given."""
        if self._dimensions is None:
            dimensions = self._dimensions = dict[str, _DimensionTags]()
            for group, paths in (groups or self._list_groups(readings)).items():
                if group not in self._groups:
                    self._groups[group] = self._derive(readings, group, paths)
            for spans in self._groups.values():
                for dimension, own in spans.items():
                    _dimension_of(dimensions, dimension).add(own)
        return self._dimensions

    def _spans_of(self, readings: Readings, group: str) -> _Spans:
        if (spans := self._groups.get(group)) is None and self._dimensions is not None:
            return _NO_SPANS  # all groups are derived that have a path
        if spans is None:
            paths = self._paths_of(readings, group)
            is_there = bool(paths) or self._rule.has_one_group
            spans = self._groups[group] = self._derive(readings, group, paths) if is_there else _NO_SPANS
        return spans

    def _paths_of(self, readings: Readings, group: str) -> Sequence[str]:
        if isinstance(self._rule, FieldRule):
            return (group,)
        if self._paths is None:
            self._paths = self._list_groups(readings)
        return self._paths.get(group, ())

    def _list_groups(self, readings: Readings) -> dict[str, list[str]]:
        return self._rules.list_groups(self._rule, readings.timeline.aggregate.claims)

    def _derive(self, readings: Readings, group: str, paths: Sequence[str]) -> _Spans:
        if isinstance(self._rule, FieldRule):
            return _derive_field(self._rule, readings, group)
        return _derive_group(self._rule, readings, paths)


def _dimension_of(dimensions: dict[str, _DimensionTags], name: str) -> _DimensionTags:
    if (found := dimensions.get(name)) is None:
        found = dimensions[name] = _DimensionTags(name)
    return found


# What a group contributes


def _derive_field(rule: FieldRule, readings: Readings, path: str) -> _Spans:
    """Return the spans that follow from one path."""
    spans: list[_Span] = []
    end = FOREVER
    for reading in reversed(readings[path]):
        day = reading.first_day if rule.depends_on_date(path) else FIRST_DAY
        claims = (reading.required,) if rule.is_reference else reading.possible
        possible = [rule.list_values(path, claim.value) if claim else () for claim in claims]
        if len(possible) == 1:  # nearly always
            spans += [(value, True, day, end) for value in dict.fromkeys(possible[0])]
        else:
            values = dict.fromkeys(value for each in possible for value in each)
            spans += [(value, all(value in each for each in possible), day, end) for value in values]
        if day == FIRST_DAY:
            break
        end = day
    return {rule.dimension: spans} if spans else _NO_SPANS


def _derive_group(rule: TagRule, readings: Readings, paths: Sequence[str]) -> _Spans:
    """Return the spans that follow from several paths; what goes on from day to day is several."""
    spans: dict[str, list[_Span]] = {}
    derived: dict[tuple[int, ...], frozenset[Tag]] = {}
    aggregate = readings.timeline.aggregate
    end = FOREVER
    for day, at_day in _list_days(rule, [readings[path] for path in paths]):
        possible = []
        for claims in _possible_claims(at_day):
            key = tuple(map(id, claims))  # the claims live as long as the timeline
            if (tags := derived.get(key)) is None:
                tags = derived[key] = frozenset(rule.derive(_build_state(aggregate, paths, claims)))
            possible.append(tags)
        certain, perhaps = possible[0], _NO_TAGS
        if len(possible) > 1:
            certain = certain.intersection(*possible)
            perhaps = certain.union(*possible) - certain
        for dimension, value in certain:
            spans.setdefault(dimension, []).append((value, True, day, end))
        for dimension, value in perhaps:
            spans.setdefault(dimension, []).append((value, False, day, end))
        end = day
    return spans


def _list_days(rule: TagRule, readings: Sequence[Sequence[Reading]]) -> list[tuple[int, list[Reading]]]:
    """Return the days from which on some paths read something, the last one first, each with what they read."""
    if not rule.is_dated:
        return [(FIRST_DAY, [each[-1] for each in readings])]
    if len(readings) == 1:
        return [(reading.first_day, [reading]) for reading in reversed(readings[0])]
    each_days = [[reading.first_day for reading in each] for each in readings]
    if each_days and all(days == each_days[0] for days in each_days):  # as where one event states them all
        return [(at_day[0].first_day, list(at_day)) for at_day in reversed(list(zip(*readings, strict=True)))]
    days = {FIRST_DAY, *(reading.first_day for each in readings for reading in each)}
    return [(day, [reading_on(each, day) for each in readings]) for day in sorted(days, reverse=True)]


def _possible_claims(readings: Sequence[Reading]) -> list[tuple[Claim | None, ...]]:
    """Return what may be current together, as `possible_states` does."""
    firsts = tuple([each.possible[0] for each in readings])
    choices = [firsts]
    unknown = [number for number, each in enumerate(readings) if len(each.possible) > 1]
    for number in unknown:
        choices += ((*firsts[:number], claim, *firsts[number + 1 :]) for claim in readings[number].possible[1:])
    if len(unknown) > 1:
        choices.append(tuple([each.possible[-1] for each in readings]))
    return choices


def _build_state(aggregate: Aggregate, paths: Sequence[str], claims: Sequence[Claim | None]) -> Aggregate:
    current = {path: claim for path, claim in zip(paths, claims, strict=True) if claim is not None}
    state = Aggregate(aggregate.id, aggregate.revision, {path: (claim,) for path, claim in current.items()})
    state.__dict__["current_claims"] = current
    return state


# What follows from all groups

_Days = tuple[int, int]
"""A first day, and the day after the last one."""


class _DimensionTags:
    """The tags of a dimension, from the days on which the groups have its values, certainly or perhaps.

    A tag is certain on the days on which it is for one group. Others that it may have make the dimension unknown.
    """

    def __init__(self, dimension: str) -> None:
        self._dimension = dimension
        self._certain: dict[str, list[_Days]] = {}
        self._perhaps: dict[str, list[_Days]] = {}
        self._unknown: dict[str, Sequence[_Days]] = {}
        """Value → the days on which only perhaps a group has it."""
        self._unknown_tags: Sequence[DatedTag] | None = ()

    def list_all(self) -> set[DatedTag]:
        """Return all tags."""
        return self._list(self._certain)

    def add(self, begun: Sequence[_Span]) -> None:
        """Add some spans."""
        self._add(begun)
        self._update_unknown({span[0] for span in begun})

    def replace(self, ended: Sequence[_Span], begun: Sequence[_Span]) -> TagDifference:
        """Take some spans away and add others; returns the difference."""
        values = {span[0] for span in (*ended, *begun)}
        before = self._list(values)
        for value, is_certain, first, end in ended:
            by_value = self._certain if is_certain else self._perhaps
            by_value[value].remove((first, end))
            if not by_value[value]:
                del by_value[value]
        self._add(begun)
        self._update_unknown(values)
        after = self._list(values)
        return TagDifference(before - after, after - before) if before else TagDifference((), after)

    def _add(self, begun: Sequence[_Span]) -> None:
        for value, is_certain, first, end in begun:
            (self._certain if is_certain else self._perhaps).setdefault(value, []).append((first, end))

    def _update_unknown(self, values: Iterable[str]) -> None:
        if not self._perhaps and not self._unknown:
            return
        for value in values:
            self._unknown.pop(value, None)
            if (perhaps := self._perhaps.get(value)) and (left := _subtract(perhaps, self._certain.get(value, ()))):
                self._unknown[value] = left
        self._unknown_tags = None

    def _list(self, values: Iterable[str]) -> set[DatedTag]:
        """Return the tags of some values, and where the dimension is unknown."""
        dimension, certain = self._dimension, self._certain
        tags = {
            DatedTag(dimension, value, first, end)
            for value in values
            if value in certain
            for first, end in _merge(certain[value])
        }
        tags.update(self._list_unknown())
        return tags

    def _list_unknown(self) -> Sequence[DatedTag]:
        if self._unknown_tags is None:
            days = [each for spans in self._unknown.values() for each in spans]
            unknown = unknown_dimension(self._dimension)
            self._unknown_tags = [DatedTag(unknown, "", first, end) for first, end in _merge(days)]
        return self._unknown_tags


def _merge(spans: Sequence[_Days]) -> Sequence[_Days]:
    """Return days as the fewest spans without a gap."""
    if len(spans) <= 1:
        return spans
    merged: list[_Days] = []
    for first, end in sorted(spans):
        if merged and first <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(merged[-1][1], end)
        else:
            merged.append((first, end))
    return merged


def _subtract(spans: Sequence[_Days], others: Iterable[_Days]) -> Sequence[_Days]:
    """Return days without others."""
    for first, end in others:
        left: list[_Days] = []
        for a, b in spans:
            if a < first:
                left.append((a, min(b, first)))
            if end < b:
                left.append((max(a, end), b))
        spans = left
    return spans
