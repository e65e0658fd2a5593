"""Observations of a source: what a sight of it means for the record, given every sight before."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from ogpgraph.application import Basis, Session
from ogpgraph.clock import timestamp
from ogpgraph.domain.event import Cause, Evidence, Facts, Origin
from ogpgraph.domain.source import last_observed_at, observations, source_id
from ogpgraph.domain.values import Interval, Observation


@dataclass(frozen=True)
class Sight:
    """A source as it was found: what sort, of what code and language, when, which bytes, which canonical text."""

    type: str
    code: str
    language: str
    observed_at: datetime
    content_hash: str
    text: str
    reader: str
    url: str | None = None

    @property
    def source(self) -> str:
        """Return the id of the source."""
        return source_id(self.type, self.code, self.language)


@dataclass(frozen=True)
class News:
    """What a sight allows to be said: for what cause, in which interval, on which evidence, and whether late."""

    sight: Sight
    cause: Cause
    interval: Interval
    text: str
    late: bool = False
    former: Observation | None = None

    def basis(self, origin: Origin, spans: dict[str, tuple[int, int]]) -> Basis:
        """Return the basis of facts that one zone of the source states."""
        sight = self.sight
        return Basis(
            origin=origin,
            cause=self.cause,
            language=sight.language,
            source=sight.source,
            evidence=(Evidence(sight.source, sight.content_hash, self.text, spans),),
            changed_between=self.interval,
            late=self.late,
        )


def observe(session: Session, sight: Sight) -> News | None:
    """Record a sight of a source; returns what it allows to be said, or None where it shows nothing new."""
    known = observations(session.subject(sight.source))
    if not known:
        return _first(session, sight)
    latest_at, latest = known[-1]
    if any(time == sight.observed_at and _same(seen, sight) for time, seen in known):
        return None
    if sight.observed_at < latest_at:
        return _noted(session, sight, Cause.SOURCE_CHANGED, Interval(before=sight.observed_at), late=True)
    if _same(latest, sight):
        _seen_again(session, sight)
        return None
    seen_until = last_observed_at(session.subject(sight.source)) or latest_at
    if latest.content_hash == sight.content_hash:
        # The same bytes say something else only because the reader is another: the world did not change.
        return _noted(session, sight, Cause.EXTRACTION, Interval(before=latest_at))
    after = min(seen_until, sight.observed_at)
    return _noted(session, sight, Cause.SOURCE_CHANGED, Interval(before=sight.observed_at, after=after))


def previous_text(session: Session, sight: Sight) -> Observation | None:
    """Return the latest observation before a sight, where its bytes differ and another reader read them."""
    known = [seen for time, seen in observations(session.subject(sight.source)) if time <= sight.observed_at]
    latest = known[-1] if known else None
    if latest and latest.content_hash != sight.content_hash and latest.reader != sight.reader:
        return latest
    return None


def _same(seen: Observation, sight: Sight) -> bool:
    return (seen.content_hash, seen.reader) == (sight.content_hash, sight.reader)


def _first(session: Session, sight: Sight) -> News:
    facts: Facts = {"type": sight.type, "code": sight.code, "language": sight.language}
    if sight.url:
        facts["url"] = sight.url
    return _noted(
        session, sight, Cause.REPORTED, Interval(before=sight.observed_at), name="SourceRegistered", facts=facts
    )


def _noted(
    session: Session,
    sight: Sight,
    cause: Cause,
    interval: Interval,
    *,
    late: bool = False,
    name: str = "SourceObserved",
    facts: Facts | None = None,
) -> News:
    known = observations(session.subject(sight.source))
    text = session.word(sight.text)
    seen = Observation(content_hash=sight.content_hash, text=text, reader=sight.reader)
    said: Facts = {**(facts or {}), f"observations/{timestamp(sight.observed_at)}": seen}
    former = next((each for time, each in reversed(known) if time <= sight.observed_at), None)
    session.say(sight.source, name, said, Basis(origin=Origin.HEADER, cause=cause))
    return News(sight, cause, interval, text, late, former)


def _seen_again(session: Session, sight: Sight) -> None:
    source = session.subject(sight.source)
    before = source.text("seenAgain")
    same_day = before and before[:10] == timestamp(sight.observed_at)[:10]
    if not same_day and sight.observed_at > (last_observed_at(source) or sight.observed_at.min):
        facts: Facts = {"seenAgain": timestamp(sight.observed_at)}
        session.say(sight.source, "SourceSeenAgain", facts, Basis(origin=Origin.HEADER))
