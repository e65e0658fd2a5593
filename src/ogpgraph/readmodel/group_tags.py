"""What one group of paths contributes to the tags of an aggregate: the values of dimensions, each on some days.

On a day a group has certainly what follows from all that may be current there, and perhaps what follows from some of
it. For a rule of several paths this is remembered: it follows from the values there alone, which are often the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple, TypeVar

from ogpgraph.domain.aggregate import Aggregate, Claim, can_be_current
from ogpgraph.domain.readings import Reading, Readings, reading_on
from ogpgraph.domain.timeline import FIRST_DAY, turning_days_of
from ogpgraph.domain.values import Rating, TextListValue, TextValue
from ogpgraph.readmodel.dimension_tags import FOREVER, NO_SPANS
from ogpgraph.readmodel.tag_rules import DerivedRule, FieldRule, PossibleTag, Span, Spans, TagRule

T = TypeVar("T")
_MAX_REMEMBERED = 20_000
"""Of a rule. Then all are forgotten: those that are frequent are soon there again."""
_MAX_REMEMBERED_PATHS = 24
"""A group of more paths is not remembered: what they have is hardly ever the same."""


def derive_field(rule: FieldRule, path: str, readings: Sequence[Reading]) -> Spans:
    """Return what follows from one path."""
    spans: list[Span] = []
    end = FOREVER
    for reading in reversed(readings):
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
    return {rule.dimension: tuple(spans)} if spans else NO_SPANS


def derive_group(rule: DerivedRule, readings: Readings, paths: Sequence[str]) -> Spans:
    """Return what follows from the paths of a group, which are sorted; what goes on for several days may be split."""
    names = rule.shorten(paths)
    if len(names) > _MAX_REMEMBERED_PATHS:
        return _derive_spans(rule, readings, paths, names)
    key = names, tuple([contents_at(rule, readings, path) for path in paths])
    if (found := rule.remembered_spans.get(key)) is None:
        found = _derive_spans(rule, readings, paths, names)
        _remember(rule.remembered_spans, key, found)
    return found


def contents_at(rule: DerivedRule, readings: Readings, path: str) -> object:
    """Return what a path reads as far as a rule can tell: equal only where the same tags follow from it."""
    timeline = readings.timeline
    claims = timeline.aggregate.claims.get(path, ())
    if len(claims) == 1 and path not in timeline.earlier:  # nearly always
        claim = claims[0]
        since, day, _ = turning_days_of(claim.after, claim.before)
        return since, day, _content_of(claim, rule) if can_be_current(path, claim) else None
    found: list[tuple[int, object]] = []
    for reading in readings[path]:
        contents = [content for content, _ in groupby(_list_contents(reading, rule))]  # the first and last count
        if not found or found[-1][1] != tuple(contents):
            found.append((reading.first_day, tuple(contents)))
    return tuple(found)


def _remember(known: dict[object, T], key: object, found: T) -> None:
    if len(known) >= _MAX_REMEMBERED:
        known.clear()
    known[key] = found


def _derive_spans(rule: DerivedRule, readings: Readings, paths: Sequence[str], names: tuple[str, ...]) -> Spans:
    spans: dict[str, list[Span]] = {}
    group = Group(readings.timeline.aggregate, paths, names)
    end = FOREVER
    for day, at_day in _list_days(rule, [readings[path] for path in paths]):
        for dimension, value, is_certain in _find_possible(rule, group, at_day):
            spans.setdefault(dimension, []).append((value, is_certain, day, end))
        end = day
    return {dimension: tuple(own) for dimension, own in spans.items()}


class Group(NamedTuple):
    """A group of paths of an aggregate, with what the rule's tags depend on of these."""

    aggregate: Aggregate
    paths: Sequence[str]
    names: tuple[str, ...]


def _list_days(rule: TagRule, readings: Sequence[Sequence[Reading]]) -> list[tuple[int, list[Reading]]]:
    """Return the days from which on some paths read something, the last one first, each with what they read."""
    if not rule.is_dated:
        return [(FIRST_DAY, [each[-1] for each in readings])]
    if len(readings) == 1:
        return [(reading.first_day, [reading]) for reading in reversed(readings[0])]
    days = {FIRST_DAY, *(reading.first_day for each in readings for reading in each)}
    return [(day, [reading_on(each, day) for each in readings]) for day in sorted(days, reverse=True)]


def _find_possible(rule: DerivedRule, group: Group, at_day: Sequence[Reading]) -> Sequence[PossibleTag]:
    """Return the tags that follow from what the paths of a group read on a day, as remembered or derived."""
    if len(group.names) > _MAX_REMEMBERED_PATHS:
        return _derive_possible(rule, group, at_day)
    key = group.names, tuple([_list_contents(each, rule) for each in at_day])
    if (found := rule.remembered.get(key)) is None:
        found = _derive_possible(rule, group, at_day)
        _remember(rule.remembered, key, found)
    return found


def _list_contents(reading: Reading, rule: DerivedRule) -> tuple[object, ...]:
    """Return what may be current: equal for two readings only where no rule can tell these apart."""
    return tuple([claim and _content_of(claim, rule) for claim in reading.possible])


def _content_of(claim: Claim, rule: DerivedRule) -> object:
    value = claim.value
    if isinstance(value, str | Rating):
        return value
    kind = type(value)
    return kind if kind in (TextValue, TextListValue) and not rule.reads_texts else (kind, value)  # True equals 1


def _derive_possible(rule: DerivedRule, group: Group, at_day: Sequence[Reading]) -> Sequence[PossibleTag]:
    possible = [
        frozenset(rule.derive(_build_state(group.aggregate, group.paths, claims)))
        for claims in _possible_claims(at_day)
    ]
    certain = possible[0].intersection(*possible)
    return [(*tag, tag in certain) for tag in possible[0].union(*possible)]


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
