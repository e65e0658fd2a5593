"""What a path reads on each day: the days on which that changes, with what is current and what may be from each on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from msgspec import Struct

from ogpgraph.domain.aggregate import Claim, can_be_current, select_current
from ogpgraph.domain.claim_options import NOTHING_SAID, ClaimOptions, claims_by_source, list_possible, possible_of_one
from ogpgraph.domain.timeline import FIRST_DAY, Timeline, turning_days_of


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
    by_source = [_dated_options(claims) for claims in claims_by_source(latest, earlier)]
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
            readings[since] = Reading(since, decided, possible_of_one(decided, following))
        readings[day] = Reading(day, following, (following,))
        decided, decided_at = following, claim.before
    return list(readings.values())


def _dated_options(claims: Sequence[Claim]) -> list[tuple[int, ClaimOptions]]:
    """Return what a source may say, with the day from which on it may, from its claims by time."""
    found = {FIRST_DAY: NOTHING_SAID}
    decided: Claim | None = None
    for following in claims:
        options = ClaimOptions(decided, following)
        undecided_since, day, _ = turning_days_of(*options.interval)
        if undecided_since < day:
            found[undecided_since] = options
        found[day] = ClaimOptions(following, None)
        decided = following
    return list(found.items())


def _last_options(dated: Sequence[tuple[int, ClaimOptions]], day: int) -> ClaimOptions:
    return next(options for since, options in reversed(dated) if since <= day)


def _read_options(path: str, day: int, options: Sequence[ClaimOptions]) -> Reading:
    decided = select_current(path, tuple(each.decided for each in options if each.decided))
    return Reading(day, decided, list_possible(path, options) or (decided,))
