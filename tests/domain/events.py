"""Short constructors of events and aggregates for the tests of the domain."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from ogpgraph.domain.aggregate import Aggregate
from ogpgraph.domain.event import Cause, Envelope, Event, Facts, Origin
from ogpgraph.domain.fold import replay
from ogpgraph.domain.timeline import Timeline, advance_timeline
from ogpgraph.domain.values import Interval, TextValue, TranslationKind

HEADER, NARRATIVE, PERSON = Origin.HEADER, Origin.NARRATIVE, Origin.PERSON
SIBLING_LIST, REFERENCE, DATABASE = Origin.SIBLING_LIST, Origin.REFERENCE, Origin.DATABASE


def day(number: int) -> datetime:
    return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=number)


def text_value(letter: str, made: TranslationKind = TranslationKind.ORIGINAL) -> TextValue:
    """Return a text whose reference consists of one letter."""
    return TextValue(letter * 64, made)


def envelope(on: int = 0, **given: Any) -> Envelope:
    """Return the envelope of a statement of a day; `seen=(a, b)` is the interval between observations of two days."""
    seen = given.pop("seen", None)
    after = day(seen[0]) if seen and seen[0] is not None else None
    between = {"changed_between": Interval(before=day(seen[1]), after=after)} if seen else {}
    defaults = {"id": "e", "actor": "a", "role": "r", "cause": Cause.REPORTED, "origin": PERSON, "correlation": "c"}
    return Envelope(**{**defaults, "time": day(on), **between, **given})


def event(
    revision: int, facts: Facts, stream: str = "commitment-1", name: str = "CommitmentRevised", **given: Any
) -> Event:
    return Event(stream, revision, name, envelope(**given), facts)


def build_aggregate(*statements: tuple[dict[str, Any], dict[str, Any]], stream: str = "commitment-1") -> Aggregate:
    """Return the aggregate after statements, each of facts and the fields of its envelope."""
    return replay(stream, (event(n, facts, stream, **given) for n, (facts, given) in enumerate(statements, start=1)))


def replay_timeline(stream: str, events: Iterable[Event]) -> Timeline:
    """Return the timeline of a stream after these events, which begin with its first."""
    timeline, replayed = Timeline(Aggregate(stream)), dict[int, Event]()
    for each in events:
        timeline = advance_timeline(timeline, each, lambda _: replayed).timeline
        replayed[each.revision] = each
    return timeline
