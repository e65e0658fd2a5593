"""Tags: the (dimension, value) pairs by which an aggregate is filtered, sorted and counted, derived from its state.

A tag is valid on some days: an aggregate has those of the present from the last change on. `AggregateTags` follows the
changes of an aggregate, and derives the tags of those groups of paths anew that a change is about (`tag_rules`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from msgspec import Struct, structs

from ogpgraph.domain.aggregate import Aggregate, Claim
from ogpgraph.domain.as_of import (
    DATED_TYPES,
    FIRST_DAY,
    Reading,
    Timeline,
    is_dated,
    list_readings,
    reading_on,
    turning_days_of,
)
from ogpgraph.domain.field import Tag
from ogpgraph.readmodel.tag_rules import CODED_TYPES, RULES, FieldRule, TagRule

__all__ = [
    "CODED_TYPES",
    "CODE_PATHS",
    "FOREVER",
    "OBSERVED",
    "AggregateTags",
    "DatedTag",
    "DayCounter",
    "TagDifference",
    "code_of",
    "compute_tags",
]

OBSERVED: Final[Tag] = ("observed", "")
CHANGED: Final[Tag] = ("changedOn", "")
FOREVER: Final = 2**31 - 1
"""The end of what is still valid, as a position and as a day. Positions and days are below it: four bytes at most."""


CODE_PATHS: Final = frozenset({"type", "code", "language", "mergedInto", "key"})
"""The paths that the code of an aggregate depends on."""


def code_of(aggregate: Aggregate) -> str:
    """Return the natural key by which lists of its type are sorted; empty for an aggregate that no list shows."""
    match aggregate.type:
        case "source":
            return "/".join(filter(None, (aggregate.string(path) for path in ("type", "code", "language"))))
        case "code":
            return aggregate.id.partition("-")[2]
        case _:
            return "" if aggregate.string("mergedInto") else aggregate.string("code") or aggregate.string("key") or ""


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


NO_DIFFERENCE: Final = TagDifference((), ())


def unknown_dimension(dimension: str) -> str:
    """Return the dimension that an aggregate has a tag of while it is unknown what tags of another it has."""
    return f"unknown/{dimension}"


def compute_tags(timeline: Timeline) -> frozenset[DatedTag]:
    """Return all tags of an aggregate; an aggregate that no list shows has none."""
    return frozenset(AggregateTags(timeline).list_all())


class AggregateTags:
    """The tags of an aggregate, which follow its changes; those of a rule are derived when they are first needed."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self._is_listed = bool(code_of(timeline.aggregate))
        self._rules = RULES[timeline.aggregate.type]
        self._by_rule: dict[TagRule, _RuleTags] = {}
        self._whole: frozenset[Tag] | None = None

    def list_all(self) -> list[DatedTag]:
        """Return all tags; an aggregate that no list shows has none."""
        if not self._is_listed:
            return []
        groups = self._rules.group_all(self._timeline.aggregate)
        for rule in self._rules.by_groups:
            if rule not in self._by_rule:
                self._by_rule[rule] = _RuleTags(rule, self._timeline, groups.get(rule, {}))
        by_groups = (tag for tags in self._by_rule.values() for tag in tags)
        return [*by_groups, *map(_undated, self._derive_whole())]

    def move(self, after: Timeline, paths: Iterable[str], *, is_listed: bool) -> TagDifference:
        """Follow a change at some paths, and return the difference; `is_listed` says whether lists show the state."""
        was_listed = self._is_listed
        if was_listed and is_listed:
            return self._move(after, paths)
        ended = self.list_all()
        self._timeline, self._is_listed, self._by_rule, self._whole = after, is_listed, {}, None
        return TagDifference(ended, self.list_all())

    def _move(self, after: Timeline, paths: Iterable[str]) -> TagDifference:
        whole, before, self._timeline = self._derive_whole(), self._timeline, after
        self._whole = None
        ended = [*map(_undated, whole - self._derive_whole())]
        begun = [*map(_undated, self._derive_whole() - whole)]
        for rule, groups in self._rules.group(paths).items():
            if (tags := self._by_rule.get(rule)) is None:
                own = self._rules.group_all(before.aggregate).get(rule, {})
                tags = self._by_rule[rule] = _RuleTags(rule, before, own)
            for old, new in tags.move(after, groups):
                ended += old - new
                begun += new - old
        return TagDifference(ended, begun)

    def _derive_whole(self) -> frozenset[Tag]:
        """Return the tags of the rules that depend on all paths."""
        if self._whole is None:
            aggregate = self._timeline.aggregate
            self._whole = frozenset(tag for rule in self._rules.whole for tag in rule.derive(aggregate))
        return self._whole


def _undated(tag: Tag) -> DatedTag:
    return DatedTag(*tag, FIRST_DAY, FOREVER)


_Span = tuple[str, bool, int, int]
"""A value of a dimension that a group has, whether certainly or perhaps, from which day, and until before which."""
_Spans = Mapping[str, Sequence[_Span]]
"""Dimension → what a group has of it."""
_NO_TAGS: Final[frozenset[DatedTag]] = frozenset()
_NO_SPANS: Final[_Spans] = {}


class _RuleTags:
    """The tags of one rule for one aggregate, by dimension, and what each group of paths contributes to them."""

    def __init__(self, rule: TagRule, timeline: Timeline, groups: Mapping[str, Sequence[str]]) -> None:
        """Derive the tags from all groups, given with their paths."""
        self._rule = rule
        self._paths: dict[str, list[str]] = {}
        self._groups: dict[str, _Spans] = {}
        self._tags: dict[str, frozenset[DatedTag]] = {}
        for _ in self.move(timeline, groups):
            pass

    def __iter__(self) -> Iterator[DatedTag]:
        return (tag for tags in self._tags.values() for tag in tags)

    def move(
        self, after: Timeline, touched: Mapping[str, Sequence[str]]
    ) -> Iterator[tuple[frozenset[DatedTag], frozenset[DatedTag]]]:
        """Derive groups anew that changed at some paths; yields former and present tags of each other dimension."""
        dimensions: dict[str, None] = {}
        for group, paths in touched.items():
            before, spans = self._groups.get(group, _NO_SPANS), self._derive(after, group, paths)
            if spans != before:
                self._groups[group] = spans
                dimensions |= dict.fromkeys((*before, *spans))
        for dimension in dimensions:
            old = self._tags.get(dimension, _NO_TAGS)
            groups = [own for each in self._groups.values() if (own := each.get(dimension))]
            new = self._tags[dimension] = _combine(dimension, groups)
            yield old, new

    def _derive(self, timeline: Timeline, group: str, touched: Sequence[str]) -> _Spans:
        rule = self._rule
        if isinstance(rule, FieldRule):
            return _derive_field(rule, timeline, group)
        paths = self._paths.setdefault(group, [])
        paths += [path for path in touched if path not in paths]
        return _list_spans(_iter_group(rule, timeline, paths))


_Possible = tuple[int, Iterable[Tag], Iterable[Tag]]
"""A day, and from then on the tags that an aggregate certainly has, and those that it may have."""


def _derive_field(rule: FieldRule, timeline: Timeline, path: str) -> _Spans:
    """Return the spans that follow from one path."""
    spans: list[_Span] = []
    readings = list_readings(timeline, path)
    if not (rule.is_dated and is_dated(path)):
        readings = [structs.replace(readings[-1], first_day=FIRST_DAY)]
    end = FOREVER
    for reading in reversed(readings):
        day = reading.first_day
        claims = (reading.required,) if rule.is_reference else reading.possible
        possible = [rule.list_values(path, claim.value) if claim else () for claim in claims]
        values = dict.fromkeys(value for each in possible for value in each)
        spans += [(value, all(value in each for each in possible), day, end) for value in values]
        end = day
    return {rule.dimension: spans} if spans else _NO_SPANS


def _iter_group(rule: TagRule, timeline: Timeline, paths: Sequence[str]) -> Iterator[_Possible]:
    """Yield the tags that follow from several paths."""
    readings = [list_readings(timeline, path) for path in paths]
    if not rule.is_dated:
        readings = [[structs.replace(each[-1], first_day=FIRST_DAY)] for each in readings]
    derived: dict[tuple[int, ...], frozenset[Tag]] = {}
    for day in sorted({FIRST_DAY, *(each.first_day for at_path in readings for each in at_path)}):
        possible = []
        for claims in _possible_claims([reading_on(at_path, day) for at_path in readings]):
            key = tuple(map(id, claims))  # the claims live as long as the timeline
            if key not in derived:
                derived[key] = frozenset(rule.derive(_build_state(timeline.aggregate, paths, claims)))
            possible.append(derived[key])
        certain = possible[0].intersection(*possible[1:])
        yield day, certain, possible[0].union(*possible[1:]) - certain


def _possible_claims(readings: Sequence[Reading]) -> list[tuple[Claim | None, ...]]:
    """Return what may be current together, as `possible_states` does."""
    firsts = tuple(each.possible[0] for each in readings)
    unknown = [number for number, each in enumerate(readings) if len(each.possible) > 1]
    choices = [firsts]
    for number in unknown:
        choices += ((*firsts[:number], claim, *firsts[number + 1 :]) for claim in readings[number].possible[1:])
    if len(unknown) > 1:
        choices.append(tuple(each.possible[-1] for each in readings))
    return choices


def _build_state(aggregate: Aggregate, paths: Sequence[str], claims: Sequence[Claim | None]) -> Aggregate:
    current = {path: claim for path, claim in zip(paths, claims, strict=True) if claim}
    state = Aggregate(aggregate.id, aggregate.revision, {path: (claim,) for path, claim in current.items()})
    state.__dict__["current_claims"] = current
    return state


def _list_spans(by_day: Iterable[_Possible]) -> _Spans:
    """Return the spans in which a group has tags, by dimension; one that goes on from day to day is several."""
    spans: dict[str, list[_Span]] = {}
    end = FOREVER
    for day, certain, perhaps in reversed(list(by_day)):
        for tags, is_certain in ((certain, True), (perhaps, False)):
            for dimension, value in tags:
                spans.setdefault(dimension, []).append((value, is_certain, day, end))
        end = day
    return spans


_Days = tuple[int, int]
"""A first day, and the day after the last one."""


def _combine(dimension: str, groups: Sequence[Sequence[_Span]]) -> frozenset[DatedTag]:
    """Return the tags of a dimension, from what all groups have of it.

    A tag is certain on the days on which it is for one group. Others that it may have make the dimension unknown.
    """
    if len(groups) == 1 and len(groups[0]) == 1:  # nearly half of all
        ((value, is_certain, first, end),) = groups[0]
        own = (dimension, value) if is_certain else (unknown_dimension(dimension), "")
        return frozenset([DatedTag(*own, first, end)])
    certain: dict[str, list[_Days]] = {}
    perhaps: dict[str, list[_Days]] = {}
    for spans in groups:
        for value, is_certain, first, end in spans:
            (certain if is_certain else perhaps).setdefault(value, []).append((first, end))
    tags = [DatedTag(dimension, value, *days) for value, spans in certain.items() for days in _merge(spans)]
    unknown: list[_Days] = []
    for value, possible in perhaps.items():
        unknown += _subtract(possible, certain[value]) if value in certain else possible
    if unknown:
        tags += [DatedTag(unknown_dimension(dimension), "", *days) for days in _merge(unknown)]
    return frozenset(tags)


def _merge(spans: Sequence[_Days]) -> Sequence[_Days]:
    """Return days as the fewest spans without a gap."""
    if len(spans) == 1:
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
        pieces = (piece for a, b in spans for piece in ((a, min(b, first)), (max(a, end), b)))
        spans = [(a, b) for a, b in pieces if a < b]
    return spans


# Days


class DayCounter:
    """Counts the claims of an aggregate by the days on which they begin and by those on which its state changes.

    The aggregate has a tag that begins when it was first observed, and one for each day on which it changed. The latter
    are found by the day, and in no index: they are valid on none.
    """

    def __init__(self, timeline: Timeline) -> None:
        self._observed: dict[int, int] = {}
        self._turning: dict[int, int] = {}
        self.move(Timeline(Aggregate(timeline.aggregate.id)), timeline, timeline.aggregate.claims)

    def tags(self) -> frozenset[DatedTag]:
        """Return all tags."""
        return frozenset([*self._first_observed(), *map(_changed_on, self._turning)])

    def move(self, before: Timeline, after: Timeline, paths: Iterable[str]) -> TagDifference:
        """Follow a change at some paths, and return the difference."""
        if after.aggregate.type not in DATED_TYPES:
            return NO_DIFFERENCE
        observed: dict[int, int] = {}
        turning: dict[int, int] = {}
        for path in paths:
            _count_days(before, path, -1, observed, turning)
            _count_days(after, path, 1, observed, turning)
        turning.pop(FIRST_DAY, None)
        first = self._first_observed()
        _add(self._observed, observed)
        ended, begun = _add(self._turning, turning)
        now_first = self._first_observed()
        if now_first == first:
            first = now_first = []
        return TagDifference([*map(_changed_on, ended), *first], [*map(_changed_on, begun), *now_first])

    def _first_observed(self) -> list[DatedTag]:
        return [DatedTag(*OBSERVED, min(self._observed), FOREVER)] if self._observed else []


def _count_days(timeline: Timeline, path: str, step: int, observed: dict[int, int], turning: dict[int, int]) -> None:
    """Count the claims at a path by the day of the observation, and by the days on which the state changes."""
    is_path_dated = is_dated(path)
    for claim in (*timeline.aggregate.claims.get(path, ()), *timeline.earlier.get(path, ())):
        days = turning_days_of(claim.after, claim.before)
        observed[days[1]] = observed.get(days[1], 0) + step
        for day in days if is_path_dated else ():
            turning[day] = turning.get(day, 0) + step


def _add(counts: dict[int, int], added: Mapping[int, int]) -> tuple[list[int], list[int]]:
    """Add to the numbers of days; returns the days that are gone, and those that are new."""
    ended, begun = [], []
    for day, number in added.items():
        if not number:
            continue
        before = counts.pop(day, 0)
        if after := before + number:
            counts[day] = after
        else:
            ended.append(day)
        if not before:
            begun.append(day)
    return ended, begun


def _changed_on(day: int) -> DatedTag:
    return DatedTag(*CHANGED, day, day)
