"""Statements: what one event states at one path for one source, when it became so, and what follows from several."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from msgspec import structs

from ogpgraph.clock import from_microseconds
from ogpgraph.domain.aggregate import Claim, SourceKey
from ogpgraph.domain.event import Event, Origin
from ogpgraph.domain.values import FIRST_YEAR, Interval, Value, day_of, period_interval

_ALWAYS = datetime(FIRST_YEAR, 1, 1, tzinfo=UTC)
"""When what the tables of this program say became so: they give no time, and are read when a source happens to name a
member for the first time, so it holds from the first year on that a date may have."""


def statement_interval(event: Event) -> Interval:
    """Return when what an event states became so: after `after` (None: not known), not later than `before`."""
    envelope = event.envelope
    if envelope.origin is Origin.REFERENCE:
        return Interval(before=_ALWAYS)
    if envelope.effective_on is not None:
        return period_interval(envelope.effective_on, envelope.time)
    return envelope.changed_between or Interval(before=envelope.time)


def claim_of(event: Event, value: Value | None, interval: Interval, revision: int) -> Claim:
    """Return a value as what the source of an event states since an interval, and since the event of a revision."""
    envelope = event.envelope
    return Claim(value, envelope.origin, envelope.source, envelope.language, interval.after, interval.before, revision)


def source_key(event: Event) -> SourceKey:
    """Return the origin and the source of an event."""
    return event.envelope.origin, event.envelope.source or ""


def narrow(first: Claim, previous: Claim | None) -> Claim:
    """Return a claim whose interval begins no earlier than the source was seen to state another value."""
    if previous is None or previous.before >= first.before:
        return first
    if first.after is not None and first.after >= previous.before:
        return first
    return structs.replace(first, after=previous.before)


def select_visible_claims(claims: Sequence[Claim]) -> tuple[Claim, ...]:
    """Return the claims before the last one, without those that no date shows."""
    days = [0, *(day_of(claim.before) for claim in claims)]
    return tuple(claim for n, claim in enumerate(claims[:-1]) if days[n] < days[n + 2])


def is_within_day(time: int, claims: Sequence[Claim]) -> bool:
    """Return whether of the claims of the day of a time one is earlier and one is later."""
    moment = from_microseconds(time)
    same_day = [claim.before for claim in claims if day_of(claim.before) == day_of(moment)]
    return bool(same_day) and min(same_day) < moment < max(same_day)
