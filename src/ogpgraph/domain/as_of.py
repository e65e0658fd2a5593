"""The state of an aggregate as of a date: the same fold with the statements cut there.

There are two axes of time. The position says what had been recorded, the date when it was so. A source makes its claims
in the order of time, and the latest is in the aggregate; a `Timeline` has the earlier ones, too. At an instant a source
has decided for its last claim with `before` not after it. The source is undecided while the instant is inside the
interval of the claim that follows: the value may have become so by then, or not. A field whose value depends on that is
`Unknown` at the instant.

Dates are days at the finest, and stand for their last instant in UTC. So of the claims that a source made on one day
the first matters (as what was to come) and the last (as what was decided); a timeline has no others.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache, partial
from itertools import groupby
from operator import attrgetter
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from msgspec import Struct

from ogpgraph.domain.aggregate import Aggregate, Claim, can_be_current, rank, rank_at, select_current
from ogpgraph.domain.aggregate_types import AGGREGATE_TYPES
from ogpgraph.domain.delta import Delta, apply_delta
from ogpgraph.domain.event import Event
from ogpgraph.domain.field import Field
from ogpgraph.domain.fold import Fold, ReadEvents
from ogpgraph.domain.values import Rating, TextListValue, TextValue, Value, day_of

DATED_TYPES: Final = frozenset({"member", "plan", "commitment"})
"""The aggregate types whose state depends on a date; the others describe sources, codes and rights."""
FIRST_DAY: Final = 0
"""Before all days, which are counted as `date.toordinal` does."""
_UNDATED: Final = frozenset({"code", "codes", "key", "member", "mergedInto"})
"""The first segments of paths that depend on the position alone: a code means the same thing at every date, and nothing
passes from one member to another."""
_MICROSECOND = timedelta(microseconds=1)
by_source = attrgetter("key")
"""Returns the source key of a claim, by which earlier claims are sorted and grouped."""
EarlierClaims = Mapping[str, tuple[Claim, ...]]
"""Path → the claims that are no longer their source's latest, by source and then by time."""


class Timeline(NamedTuple):
    """An aggregate, and the claims that its sources made earlier."""

    aggregate: Aggregate
    earlier: EarlierClaims = MappingProxyType({})


class Unknown(Struct, frozen=True):
    """A value that changed somewhere after `after` (None: not known since when) and not later than `before`.

    `claims` has for each value that is possible in between the first claim of it, by time; None stands for no value.
    """

    after: datetime | None
    before: datetime
    claims: tuple[Claim | None, ...]

    @property
    def candidates(self) -> tuple[Value | None, ...]:
        """Return the possible values, by time; None where there may be none."""
        return tuple(claim.value if claim else None for claim in self.claims)


class AggregateAsOf(NamedTuple):
    """The state of an aggregate as of an instant, and path → what is unknown there.

    At a path that is unknown the state has no value, except for a required field: that has the value decided last. If
    it has none, in no language, it has the next. `is_observed` is whether a source had stated anything by then.
    """

    aggregate: Aggregate
    unknown: Mapping[str, Unknown] = MappingProxyType({})
    is_observed: bool = True


# Timelines


class Advance(NamedTuple):
    """What one more event of its stream changes: the delta, the timeline after it, and the paths that it touches."""

    delta: Delta
    timeline: Timeline
    paths: frozenset[str]


def advance_timeline(timeline: Timeline, event: Event, read: ReadEvents) -> Advance:
    """Return what one more event of its stream changes in an aggregate and its earlier claims."""
    fold = Fold(timeline.aggregate, event, read)
    fold.activate()
    delta, touched = fold.delta(), fold.touched()
    after = apply_delta(timeline.aggregate, delta)
    paths = frozenset(path for path, _ in touched)
    if after.type not in DATED_TYPES:
        return Advance(delta, Timeline(after), paths)
    if all(newest and not newest.is_later_claim for newest in touched.values()):
        return Advance(delta, Timeline(after, timeline.earlier), paths)
    earlier = dict(timeline.earlier)
    for path, key in touched:
        others = tuple(claim for claim in earlier.get(path, ()) if claim.key != key)
        known = tuple(claim for claim in earlier.get(path, ()) if claim.key == key)
        found = fold.earlier_claims(path, key, known)
        if found == known:
            continue
        if at_path := tuple(sorted((*others, *found), key=by_source)):
            earlier[path] = at_path
        else:
            del earlier[path]
    return Advance(delta, Timeline(after, earlier), paths)


# Days


def last_instant(day: int) -> datetime:
    """Return the last instant of a day in UTC; of FIRST_DAY, one before all statements."""
    return datetime.combine(date.fromordinal(max(day, 1)), time.max, UTC)


@lru_cache(maxsize=10_000)  # claims of one event have them in common
def turning_days_of(after: datetime | None, before: datetime) -> tuple[int, int, int]:
    """Return the days on which a claim of an interval changes a state; FIRST_DAY where it is not known since when."""
    since = FIRST_DAY if after is None else day_of(after + _MICROSECOND)
    return since, day_of(before), day_of(before + _MICROSECOND)


def turning_days(timeline: Timeline, path: str) -> Iterator[int]:
    """Yield the days on which the state at a path changes, in no order; FIRST_DAY where it is not known since when."""
    for claim in (*timeline.aggregate.claims.get(path, ()), *timeline.earlier.get(path, ())):
        yield from turning_days_of(claim.after, claim.before)


@lru_cache(maxsize=20_000)  # most aggregates have the same paths
def is_dated(path: str) -> bool:
    """Return whether the state at a path depends on the date."""
    return path.partition("/")[0] not in _UNDATED


# The readings of a path


class Reading(Struct, frozen=True, gc=False):
    """What a path reads from a day on: what is current of what sources had decided, and what may be current.

    None stands for no value. Nothing is unknown where only one is possible.
    """

    first_day: int
    decided: Claim | None
    possible: tuple[Claim | None, ...]

    @property
    def known(self) -> Claim | None:
        """Return the only claim that is possible; None where a value is unknown, or there is none."""
        return self.decided if len(self.possible) == 1 else None

    @property
    def required(self) -> Claim | None:
        """Return what a required field reads: the claim decided last or, without one, the next."""
        return self.decided or next(filter(None, self.possible), None)


_NO_VALUE: Final = Reading(FIRST_DAY, None, (None,))


def list_readings(timeline: Timeline, path: str) -> list[Reading]:
    """Return what a path reads, from FIRST_DAY on, by day: what `cut` finds there at the last instant of each day."""
    latest, earlier = timeline.aggregate.claims.get(path, ()), timeline.earlier.get(path, ())
    if len(latest) == 1 and not earlier:  # nearly always
        return _list_readings_of_first(path, latest[0])
    if len(latest) == 1:
        return _list_readings_of_one(path, (*earlier, *latest))
    if not latest:
        return [_NO_VALUE]
    by_source = [_dated_options(claims) for claims in _by_source(latest, earlier)]
    days = sorted({day for dated in by_source for day, _ in dated})
    return [_read_options(path, day, [_last_options(dated, day) for dated in by_source]) for day in days]


def reading_on(readings: Sequence[Reading], day: int) -> Reading:
    """Return what a path reads on a day, from all that it reads."""
    for each in reversed(readings):
        if each.first_day <= day:
            return each
    raise LookupError("nothing is known of the days before FIRST_DAY")


def _list_readings_of_first(path: str, claim: Claim) -> list[Reading]:
    """Return what a path reads where one source states something, and has stated nothing else."""
    following = claim if can_be_current(path, claim) else None
    since, day, _ = turning_days_of(claim.after, claim.before)
    stated = Reading(day, following, (following,))
    possible = (None, following) if following else (None,)
    if since == FIRST_DAY:
        return [Reading(FIRST_DAY, None, possible), stated]
    return [_NO_VALUE, Reading(since, None, possible), stated] if since < day else [_NO_VALUE, stated]


def _list_readings_of_one(path: str, claims: Sequence[Claim]) -> list[Reading]:
    """Return what a path reads where one source states something, from its claims by time."""
    readings = {FIRST_DAY: _NO_VALUE}
    decided: Claim | None = None
    decided_at: datetime | None = None
    for claim in claims:
        following = claim if can_be_current(path, claim) else None
        after = max(filter(None, (decided_at, claim.after)), default=None)
        since, day, _ = turning_days_of(after, claim.before)
        if since < day:
            readings[since] = Reading(since, decided, _possible_of_one(decided, following))
        readings[day] = Reading(day, following, (following,))
        decided, decided_at = following, claim.before
    return list(readings.values())


def _possible_of_one(decided: Claim | None, following: Claim | None) -> tuple[Claim | None, ...]:
    """Return what may be current while a source may state something else already, by time."""
    if _finding(decided) == _finding(following):
        return (decided,)
    return (decided, following) if following else (following, decided)


def _dated_options(claims: Sequence[Claim]) -> list[tuple[int, _Options]]:
    """Return what a source may say, with the day from which on it may, from its claims by time."""
    found = {FIRST_DAY: _NOTHING}
    decided: Claim | None = None
    for following in claims:
        options, day = _Options(decided, following), day_of(following.before)
        after, _ = _bounds(options)
        undecided_since = FIRST_DAY if after is None else day_of(after + _MICROSECOND)
        if undecided_since < day:
            found[undecided_since] = options
        found[day] = _Options(following, None)
        decided = following
    return list(found.items())


def _last_options(dated: Sequence[tuple[int, _Options]], day: int) -> _Options:
    return next(options for since, options in reversed(dated) if since <= day)


def _read_options(path: str, day: int, options: Sequence[_Options]) -> Reading:
    decided = select_current(path, tuple(each.decided for each in options if each.decided))
    return Reading(day, decided, _list_possible(path, options) or (decided,))


# The state


def cut(timeline: Timeline, instant: datetime) -> AggregateAsOf:
    """Return the state of an aggregate as of an instant; the same object where nothing happened later."""
    aggregate = timeline.aggregate
    if aggregate.type not in DATED_TYPES:
        return AggregateAsOf(aggregate)
    later = {path for path, claims in aggregate.claims.items() if any(claim.before > instant for claim in claims)}
    dated = [path for path in later if is_dated(path)]
    if not dated:
        return AggregateAsOf(aggregate, {}, len(later) < len(aggregate.claims))
    claims, current, unknown = dict(aggregate.claims), dict(aggregate.current_claims), dict[str, Unknown]()
    for path in dated:
        options = _list_options(claims.pop(path), timeline.earlier.get(path, ()), instant)
        current.pop(path, None)
        if decided := tuple(each.decided for each in options if each.decided):
            claims[path] = decided
        found = _find_unknown(path, options)
        if found is not None:
            unknown[path] = found
        claim = select_current(path, decided)
        if claim is not None and (found is None or _field_of(aggregate, path).is_required):
            current[path] = claim
    current |= _next_of_required(aggregate, current, unknown)
    is_observed = any(claim.before <= instant for at_path in claims.values() for claim in at_path)
    return AggregateAsOf(_build_state(aggregate, claims, current), dict(sorted(unknown.items())), is_observed)


def possible_states(as_of: AggregateAsOf) -> list[Aggregate]:
    """Return states that an aggregate may have had.

    Of the unknown fields all have their first candidate, all their last, or one of them has another than the others. So
    what depends on one field, or on which of several fields has a value, differs between them wherever it may differ.
    """
    firsts = {path: each.claims[0] for path, each in as_of.unknown.items()}
    lasts = {path: each.claims[-1] for path, each in as_of.unknown.items()}
    alone = [firsts | {path: claim} for path, each in as_of.unknown.items() for claim in each.claims[1:]]
    return [_choose(as_of.aggregate, chosen) for chosen in (firsts, *alone, *([lasts] if len(lasts) > 1 else []))]


def last_decided(state: Aggregate) -> Aggregate:
    """Return a state as of an instant in which unknown fields have the value decided last, for what is never null."""
    return Aggregate(state.id, state.revision, state.claims)


def _choose(aggregate: Aggregate, chosen: Mapping[str, Claim | None]) -> Aggregate:
    """Return a state in which some paths have these claims, or none."""
    current = {path: claim for path, claim in aggregate.current_claims.items() if path not in chosen}
    current |= {path: claim for path, claim in chosen.items() if claim is not None}
    return _build_state(aggregate, aggregate.claims, current)


def _build_state(aggregate: Aggregate, claims: dict[str, tuple[Claim, ...]], current: Mapping[str, Claim]) -> Aggregate:
    """Return a state with these claims, of which other ones are current than `select_current` would choose."""
    state = Aggregate(aggregate.id, aggregate.revision, claims)
    state.__dict__["current_claims"] = dict(sorted(current.items()))
    return state


class _Options(NamedTuple):
    """What a source may say at a path: the claim it has decided for, and one that it may have made by then."""

    decided: Claim | None
    following: Claim | None


_NOTHING: Final = _Options(None, None)


def _list_options(latest: tuple[Claim, ...], earlier: tuple[Claim, ...], instant: datetime) -> list[_Options]:
    return [_options_of(claims, instant) for claims in _by_source(latest, earlier)]


def _by_source(latest: tuple[Claim, ...], earlier: tuple[Claim, ...]) -> list[list[Claim]]:
    """Return the claims of each source at a path, by time."""
    by_key = {key: list(claims) for key, claims in groupby(earlier, key=by_source)}
    return [[*by_key.get(claim.key, ()), claim] for claim in latest]


def _options_of(claims: list[Claim], instant: datetime) -> _Options:
    number = bisect_right(claims, instant, key=attrgetter("before"))
    decided = claims[number - 1] if number else None
    if number == len(claims):
        return _Options(decided, None)
    after, _ = _bounds(options := _Options(decided, claims[number]))
    return options if after is None or after < instant else _Options(decided, None)


_Strength = tuple[Any, ...]


class _Choice(NamedTuple):
    """A claim that a source may make at a path, and by what it is compared with those of others.

    One that cannot be current is like none: its strength is empty, less than any other.
    """

    strength: _Strength = ()
    claim: Claim | None = None


def _build_choice(path: str, number: int, claim: Claim | None) -> _Choice:
    """Return the choice of a source, by its number; choices compare as in `select_current`, ties go by source."""
    if claim is None or not can_be_current(path, claim):
        return _Choice()
    return _Choice((*rank_at(path, claim), -number), claim)


def _list_possible(path: str, options: Sequence[_Options]) -> tuple[Claim | None, ...]:
    """Return the first claim of each value that is possible at a path, by time; none where there is only one.

    None stands for no value.
    """
    if not any(each.following for each in options):
        return ()
    if len(options) == 1:  # nearly always
        possible_of_one = _possible_of_one(
            *(each if each and can_be_current(path, each) else None for each in options[0])
        )
        return possible_of_one if len(possible_of_one) > 1 else ()
    possible: dict[object, Claim | None] = {}
    winners = (each.claim for each in _possible_winners(_list_choices(path, options)))
    for claim in sorted(winners, key=_time_of):
        possible.setdefault(_finding(claim), claim)
    return tuple(possible.values()) if len(possible) > 1 else ()


def _find_unknown(path: str, options: Sequence[_Options]) -> Unknown | None:
    """Return what is unknown at a path, None if every choice that the sources have gives the same value."""
    possible = _list_possible(path, options)
    if not possible:
        return None
    if len(options) == 1:
        return Unknown(*_bounds(options[0]), possible)
    choices = _list_choices(path, options)
    decisive = [each.following for number, each in enumerate(options) if _is_decisive(choices, number)]
    strongest = max(filter(None, decisive), key=partial(rank_at, path))
    (of_strongest,) = (each for each in options if each.following is strongest)
    return Unknown(*_bounds(of_strongest), possible)


def _list_choices(path: str, options: Sequence[_Options]) -> list[list[_Choice]]:
    return [
        [_build_choice(path, number, claim) for claim in (each if each.following else each[:1])]
        for number, each in enumerate(options)
    ]


def _possible_winners(choices: Sequence[Sequence[_Choice]]) -> Iterator[_Choice]:
    """Yield what can be current for some choice of all sources."""
    floors = [min(each.strength for each in of_source) for of_source in choices]
    if not any(floors):
        yield _Choice()
    for number, of_source in enumerate(choices):
        others = max((floor for n, floor in enumerate(floors) if n != number), default=())
        yield from (each for each in of_source if each.strength > others)


def _is_decisive(choices: Sequence[Sequence[_Choice]], number: int) -> bool:
    """Return whether it may depend on the choice of one source what is current."""
    others = [each for n, each in enumerate(choices) if n != number]
    return any(
        len({_finding(max(each, other, key=_strength_of).claim) for each in choices[number]}) > 1
        for other in _possible_winners(others)
    )


def _strength_of(choice: _Choice) -> _Strength:
    return choice.strength


def _time_of(claim: Claim | None) -> tuple[Any, ...]:
    return (claim.before, rank(claim)) if claim else ()


def _finding(claim: Claim | None) -> object:
    """Return what a claim says, without how it is cited or who translated it."""
    match value := claim and claim.value:
        case Rating(state=state, value=found):
            return state, found
        case TextValue(text=text):
            return text
        case TextListValue(texts=texts):
            return texts
        case _:
            return value


def _bounds(options: _Options) -> tuple[datetime | None, datetime]:
    """Return the interval of what follows, which begins no earlier than the source said something else."""
    decided, following = options
    assert following is not None
    moments = [each for each in (decided and decided.before, following.after) if each]
    return max(moments, default=None), following.before


def _field_of(aggregate: Aggregate, path: str) -> Field:
    return AGGREGATE_TYPES[aggregate.type].find_field(path)


def _next_of_required(
    aggregate: Aggregate, current: Mapping[str, Claim], unknown: Mapping[str, Unknown]
) -> dict[str, Claim]:
    """Return path → the next claim of each required field without a value; of a localized one in the first language."""
    found: dict[str, tuple[datetime, str, Claim]] = {}
    for path, each in unknown.items():
        field = _field_of(aggregate, path)
        if field.is_required and not _has_value(current, path, field):
            claim = next(filter(None, each.claims))
            following = claim.before, path, claim
            found[field.pattern] = min(found.get(field.pattern, following), following)
    return {path: claim for _, path, claim in found.values()}


def _has_value(current: Mapping[str, Claim], path: str, field: Field) -> bool:
    return path in current or (field.is_localized and any(other.startswith(field.prefix) for other in current))
