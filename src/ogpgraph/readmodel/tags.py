"""Tags: the (dimension, value) pairs by which an aggregate is filtered, sorted and counted, derived from its state.

A tag is valid on some days: an aggregate has those of the present from the last change on. `AggregateTags` follows the
changes of an aggregate, and derives the tags of those groups of paths anew that a change is about (`tag_rules`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Final

from ogpgraph.domain.aggregate import Aggregate, Claim
from ogpgraph.domain.field import Tag
from ogpgraph.domain.readings import Readings
from ogpgraph.domain.timeline import DATED_TYPES, FIRST_DAY, Timeline, is_dated, turning_days_of
from ogpgraph.readmodel.dimension_tags import FOREVER, DatedTag, TagDifference
from ogpgraph.readmodel.rule_tags import RuleTags
from ogpgraph.readmodel.tag_rules import RULES, TagRule
from ogpgraph.readmodel.whole_tags import WholeTags

OBSERVED: Final[Tag] = ("observed", "")
CHANGED: Final[Tag] = ("changedOn", "")
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


NO_DIFFERENCE: Final = TagDifference((), ())


def compute_tags(timeline: Timeline) -> frozenset[DatedTag]:
    """Return all tags of an aggregate; an aggregate that no list shows has none."""
    aggregate = timeline.aggregate
    return frozenset(AggregateTags(aggregate.type).list_all(Readings(timeline)) if code_of(aggregate) else ())


class AggregateTags:
    """The tags of an aggregate, which follow its changes; those of a rule are derived when they are first needed."""

    def __init__(self, aggregate_type: str) -> None:
        self._rules = RULES[aggregate_type]
        self._by_rule: dict[TagRule, RuleTags] = {}
        self._whole = WholeTags(self._rules.whole)

    def list_all(self, readings: Readings) -> list[DatedTag]:
        """Return all tags of the present state if lists show it."""
        groups = self._rules.group_all(readings.timeline.aggregate.claims)
        by_groups = (tag for rule, own in groups.items() for tag in self._tags_of(rule).list_all(readings, own))
        return [*by_groups, *map(_undated, self._whole.list_all(readings.timeline.aggregate))]

    def move(
        self, before: Readings, after: Readings, paths: Collection[str], *, was_listed: bool, is_listed: bool
    ) -> TagDifference:
        """Follow a change at some paths, and return the difference; an aggregate that no list shows has no tags."""
        if was_listed and is_listed:
            return self._move(before, after, paths)
        ended = self.list_all(before) if was_listed else []
        self._by_rule, self._whole = {}, WholeTags(self._rules.whole)
        return TagDifference(ended, self.list_all(after) if is_listed else [])

    def _move(self, before: Readings, after: Readings, paths: Collection[str]) -> TagDifference:
        whole = self._whole.move(before.timeline.aggregate, after.timeline.aggregate, paths)
        ended, begun = (list(map(_undated, tags)) for tags in whole)
        for rule, groups in self._rules.group(paths).items():
            for difference in self._tags_of(rule).move(before, after, groups):
                ended += difference.ended
                begun += difference.begun
        return TagDifference(ended, begun)

    def _tags_of(self, rule: TagRule) -> RuleTags:
        if (tags := self._by_rule.get(rule)) is None:
            tags = self._by_rule[rule] = RuleTags(self._rules, rule)
        return tags


def _undated(tag: Tag) -> DatedTag:
    return DatedTag(*tag, FIRST_DAY, FOREVER)


# Days


class DayCounter:
    """Counts the claims of an aggregate by the days on which they begin and by those on which its state changes.

    The aggregate has a tag that begins when it was first observed, and one for each day on which it changed. The latter
    are found by the day, and in no index: they are valid on none.
    """

    def __init__(self, timeline: Timeline) -> None:
        self._observed: dict[int, int] = {}
        self._turning: dict[int, int] = {}
        if timeline.aggregate.type in DATED_TYPES:
            _count_days(timeline, timeline.aggregate.claims, 1, self._observed, self._turning)

    def tags(self) -> frozenset[DatedTag]:
        """Return all tags."""
        return frozenset([*self._first_observed(), *map(_changed_on, self._turning)])

    def move(self, before: Timeline, after: Timeline, paths: Iterable[str]) -> TagDifference:
        """Follow a change at some paths, and return the difference."""
        if after.aggregate.type not in DATED_TYPES:
            return NO_DIFFERENCE
        observed: dict[int, int] = {}
        turning: dict[int, int] = {}
        _count_days(before, paths, -1, observed, turning)
        _count_days(after, paths, 1, observed, turning)
        first = min(self._observed, default=None)
        _add(self._observed, observed)
        ended, begun = _add(self._turning, turning)
        if min(self._observed, default=None) == first:  # nearly always
            return TagDifference(list(map(_changed_on, ended)), list(map(_changed_on, begun)))
        former = [] if first is None else [_observed_since(first)]
        return TagDifference([*map(_changed_on, ended), *former], [*map(_changed_on, begun), *self._first_observed()])

    def _first_observed(self) -> list[DatedTag]:
        return [_observed_since(min(self._observed))] if self._observed else []


def _count_days(
    timeline: Timeline, paths: Iterable[str], step: int, observed: dict[int, int], turning: dict[int, int]
) -> None:
    """Count the claims at some paths by the day of the observation, and by the days on which the state changes."""
    latest, earlier = timeline.aggregate.claims, timeline.earlier
    last: Claim | None = None
    days = (FIRST_DAY, FIRST_DAY, FIRST_DAY)
    dated: dict[tuple[int, int, int], int] = {}
    undated: dict[tuple[int, int, int], int] = {}
    for path in paths:
        claims = latest.get(path, ())
        if not claims and path not in earlier:
            continue
        by_days = dated if is_dated(path) else undated
        for claim in (*claims, *earlier[path]) if path in earlier else claims:
            if last is None or claim.before is not last.before or claim.after is not last.after:
                days = turning_days_of(claim.after, claim.before)  # those of one event are the same
            last = claim
            by_days[days] = by_days.get(days, 0) + step
    for by_days in (dated, undated):
        for days, number in by_days.items():
            observed[days[1]] = observed.get(days[1], 0) + number
            for day in days if by_days is dated else ():
                if day != FIRST_DAY:
                    turning[day] = turning.get(day, 0) + number


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


def _observed_since(day: int) -> DatedTag:
    return DatedTag(*OBSERVED, day, FOREVER)


def _changed_on(day: int) -> DatedTag:
    return DatedTag(*CHANGED, day, day)
