"""The history of an aggregate's claims: its state, and the claims that its sources made before their latest.

A source makes its claims in the order of time, and the latest is in the aggregate; a `Timeline` has the earlier ones,
too. Dates are days at the finest, and stand for their last instant in UTC. So of the claims that a source made on one
day the first matters (as what was to come) and the last (as what was decided); a timeline has no others.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from functools import lru_cache
from operator import attrgetter
from types import MappingProxyType
from typing import Final, NamedTuple

from ogpgraph.clock import MICROSECOND
from ogpgraph.domain.aggregate import Aggregate, Claim
from ogpgraph.domain.delta import Delta, apply_delta
from ogpgraph.domain.event import Event
from ogpgraph.domain.fold import Fold, derive_first_claims, states_only_new
from ogpgraph.domain.live_statements import ReadEvents
from ogpgraph.domain.values import day_of

DATED_TYPES: Final = frozenset({"member", "plan", "commitment"})
"""The aggregate types whose state depends on a date; the others describe sources, codes and rights."""
FIRST_DAY: Final = 0
"""Before all days, which are counted as `date.toordinal` does."""
_UNDATED: Final = frozenset({"code", "codes", "prefix", "key", "member", "mergedInto"})
"""The first segments of paths that depend on the position alone: a code means the same thing at every date, and nothing
passes from one member to another."""
by_source = attrgetter("key")
"""Returns the source key of a claim, by which earlier claims are sorted and grouped."""
EarlierClaims = Mapping[str, tuple[Claim, ...]]
"""Path → the claims that are no longer their source's latest, by source and then by time."""


class Timeline(NamedTuple):
    """An aggregate, and the claims that its sources made earlier."""

    aggregate: Aggregate
    earlier: EarlierClaims = MappingProxyType({})


class Advance(NamedTuple):
    """What one more event of its stream changes: the delta, the timeline after it, and the paths that it touches."""

    delta: Delta
    timeline: Timeline
    paths: frozenset[str]


def advance_timeline(timeline: Timeline, event: Event, read: ReadEvents) -> Advance:
    """Return what one more event of its stream changes in an aggregate and its earlier claims."""
    if states_only_new(timeline.aggregate, event):
        delta = derive_first_claims(event)
        after = apply_delta(timeline.aggregate, delta)
        return Advance(delta, Timeline(after, timeline.earlier), frozenset(event.facts))
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


def last_instant(day: int) -> datetime:
    """Return the last instant of a day in UTC; of FIRST_DAY, one before all statements."""
    return datetime.combine(date.fromordinal(max(day, 1)), time.max, UTC)


@lru_cache(maxsize=10_000)  # claims of one event have them in common
def turning_days_of(after: datetime | None, before: datetime) -> tuple[int, int, int]:
    """Return the days on which a claim of an interval changes a state; FIRST_DAY where it is not known since when."""
    since = FIRST_DAY if after is None else day_of(after + MICROSECOND)
    return since, day_of(before), day_of(before + MICROSECOND)


@lru_cache(maxsize=20_000)  # most aggregates have the same paths
def is_dated(path: str) -> bool:
    """Return whether the state at a path depends on the date."""
    return path.partition("/")[0] not in _UNDATED
