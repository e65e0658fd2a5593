"""What one group of paths contributes to the tags of an aggregate: the values of dimensions, each on some days.

On a day a group has certainly what follows from all that may be current there, and perhaps what follows from some of
it. For a rule of several paths this is remembered: it follows from the values there alone, which are often the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ogpgraph.domain.aggregate import Aggregate, Claim
from ogpgraph.domain.readings import Reading, reading_on
from ogpgraph.domain.timeline import FIRST_DAY
from ogpgraph.domain.values import Rating, TextListValue, TextValue
from ogpgraph.readmodel.dimension_tags import FOREVER, NO_SPANS, Span, Spans
from ogpgraph.readmodel.tag_rules import DerivedRule, FieldRule, PossibleTag, TagRule

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
    return {rule.dimension: spans} if spans else NO_SPANS


class Group(NamedTuple):
    """A group of paths of an aggregate, with what each of them reads."""

    aggregate: Aggregate
    paths: Sequence[str]
    readings: Sequence[Sequence[Reading]]


def derive_group(rule: DerivedRule, group: Group) -> Spans:
    """Return what follows from several paths; what goes on from day to day is several spans."""
    spans: dict[str, list[Span]] = {}
    names = tuple(map(rule.shorten, group.paths))
    end = FOREVER
    for day, at_day in _list_days(rule, group.readings):
        for dimension, value, is_certain in _find_possible(rule, group, names, at_day):
            spans.setdefault(dimension, []).append((value, is_certain, day, end))
        end = day
    return spans


def is_read_alike(rule: DerivedRule, before: Sequence[Reading], after: Sequence[Reading]) -> bool:
    """Return whether a rule can tell nothing that a path reads after a change from what it read before."""
    return _list_changes(rule, before) == _list_changes(rule, after)


def _list_changes(rule: DerivedRule, readings: Sequence[Reading]) -> list[tuple[int, object]]:
    """Return the days from which on a path reads something that a rule can tell from what it read before."""
    found: list[tuple[int, object]] = []
    for reading in readings:
        contents = tuple(dict.fromkeys(_list_contents(reading, reads_texts=rule.reads_texts)))
        if not found or found[-1][1] != contents:
            found.append((reading.first_day, contents))
    return found


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


def _find_possible(
    rule: DerivedRule, group: Group, names: tuple[str, ...], at_day: Sequence[Reading]
) -> Sequence[PossibleTag]:
    """Return the tags that follow from what the paths of a group read on a day, as remembered or derived."""
    if len(names) > _MAX_REMEMBERED_PATHS:
        return _derive_possible(rule, group, at_day)
    key = names, tuple([_list_contents(each, reads_texts=rule.reads_texts) for each in at_day])
    if (found := rule.remembered.get(key)) is None:
        if len(rule.remembered) >= _MAX_REMEMBERED:
            rule.remembered.clear()
        found = rule.remembered[key] = _derive_possible(rule, group, at_day)
    return found


def _list_contents(reading: Reading, *, reads_texts: bool) -> tuple[object, ...]:
    """Return what may be current: equal for two readings only where no rule can tell these apart."""
    return tuple([claim and _content_of(claim, reads_texts=reads_texts) for claim in reading.possible])


def _content_of(claim: Claim, *, reads_texts: bool) -> object:
    value = claim.value
    if isinstance(value, str | Rating):
        return value
    kind = type(value)
    return kind if kind in (TextValue, TextListValue) and not reads_texts else (kind, value)  # True equals 1


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
