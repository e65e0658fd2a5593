"""Observations of a source: what a sight of it means for the record, given every sight before."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from ogpgraph.application import Basis, Session
from ogpgraph.clock import timestamp
from ogpgraph.domain.event import Cause, Evidence, Facts, Origin
from ogpgraph.domain.source import last_observed_at, observations, source_id
from ogpgraph.domain.subject import Subject
from ogpgraph.domain.values import Interval, Observation

Observed = list[tuple[datetime, Observation]]
_INSTANT = timedelta(microseconds=1)


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
    """What a sight allows to be said: for what cause, in which interval, on which evidence, and whether late.

    `beside` are the observations just before and after it; `told` says that the same bytes, read by the same reader,
    were recorded before, so that an older sight of them can only narrow intervals.
    """

    sight: Sight
    cause: Cause
    interval: Interval
    text: str
    late: bool = False
    told: bool = False
    beside: tuple[Observation, ...] = ()

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


def observe(session: Session, sight: Sight, *, same_bytes_until: datetime | None = None) -> News | None:
    """Record a sight of a source; returns what it allows to be said, or None where it shows nothing new.

    Sights come in any order. One that is older than the last tells of the past and leaves the present alone. Where the
    source is a part of a page, `same_bytes_until` is when the page's very bytes were last seen, read by another reader.
    """
    source = session.subject(sight.source)
    known = observations(source)
    if not known:
        return _first(session, sight)
    last_at = last_observed_at(source) or known[-1][0]
    sight = _apart(sight, [*known, (last_at, known[-1][1])])
    if _stands_for(sight, known[-1]):
        if _same(known[-1][1], sight):
            _seen_again(session, sight, source)
            return None
    elif sight.observed_at < last_at:
        return _earlier(session, sight, known, last_at)
    return _later(session, sight, known, last_at, same_bytes_until)


def previous_text(session: Session, sight: Sight) -> tuple[datetime, Observation] | None:
    """Return the latest observation of a source and its time, where today's reader has to read it before the sight.

    That is where another reader read it and the sight cannot stand for it, since its bytes are others or it is older:
    what the two readers read differently must not pass for a change of the page.
    """
    known = observations(session.subject(sight.source))
    if not known or known[-1][1].reader == sight.reader:
        return None
    return None if _stands_for(sight, known[-1]) else known[-1]


def _stands_for(sight: Sight, latest: tuple[datetime, Observation]) -> bool:
    """Tell whether a sight shows the latest bytes, not before they were first seen."""
    return latest[1].content_hash == sight.content_hash and sight.observed_at >= latest[0]


def _same(seen: Observation, sight: Sight) -> bool:
    return (seen.content_hash, seen.reader) == (sight.content_hash, sight.reader)


def _apart(sight: Sight, known: Observed) -> Sight:
    """Return the sight, an instant later for every other content that was observed at the very same time."""
    hashes = {time: seen.content_hash for time, seen in known}
    while hashes.get(sight.observed_at, sight.content_hash) != sight.content_hash:
        sight = replace(sight, observed_at=sight.observed_at + _INSTANT)
    return sight


def _first(session: Session, sight: Sight) -> News:
    facts: Facts = {"type": sight.type, "code": sight.code, "language": sight.language}
    if sight.url:
        facts["url"] = sight.url
    news = News(sight, Cause.REPORTED, Interval(before=sight.observed_at), session.word(sight.text))
    _note(session, news, "SourceRegistered", facts)
    return news


def _later(
    session: Session, sight: Sight, known: Observed, last_at: datetime, same_bytes_until: datetime | None
) -> News:
    """Record what is not older than anything seen so far, and differs from it."""
    latest_at, latest = known[-1]
    if latest.content_hash == sight.content_hash or (same_bytes_until is not None and latest_at <= same_bytes_until):
        # The same bytes say something else only because the reader is another: the world did not change.
        cause, interval = Cause.EXTRACTION, Interval(before=_first_seen(known))
    else:
        cause, interval = Cause.SOURCE_CHANGED, Interval(before=sight.observed_at, after=last_at)
    news = News(sight, cause, interval, session.word(sight.text), beside=(latest,))
    _note(session, news)
    return news


def _earlier(session: Session, sight: Sight, known: Observed, last_at: datetime) -> News | None:
    """Record what is older than the last sight; None where the sights before and after it show the same."""
    then = {**dict(known), last_at: known[-1][1]}
    beside, seen_then = _beside(sight.observed_at, then), then.get(sight.observed_at)
    is_between = seen_then is not None or len(beside) > 1
    if is_between and all(_same(seen, sight) for seen in beside):
        return None
    reread = seen_then is not None and seen_then.content_hash == sight.content_hash
    cause = Cause.EXTRACTION if reread else Cause.SOURCE_CHANGED
    told = any(_same(seen, sight) for _, seen in known)
    interval = Interval(before=sight.observed_at)
    news = News(sight, cause, interval, session.word(sight.text), late=True, told=told, beside=beside)
    later: Facts = {}
    if sight.observed_at > known[-1][0]:
        # What was only "seen again" comes after other bytes now, so it is an observation of its own.
        later[_path(last_at)] = known[-1][1]
    _note(session, news, facts=later)
    return news


def _beside(moment: datetime, then: dict[datetime, Observation]) -> tuple[Observation, ...]:
    """Return what was observed at a moment, or else just before and just after it."""
    if moment in then:
        return (then[moment],)
    before = max((time for time in then if time < moment), default=None)
    after = min((time for time in then if time > moment), default=None)
    return tuple(then[time] for time in (before, after) if time is not None)


def _first_seen(known: Observed) -> datetime:
    """Return since when the latest bytes have been observed, whoever read them."""
    first = known[-1]
    for time, seen in reversed(known):
        if seen.content_hash != first[1].content_hash:
            break
        first = (time, seen)
    return first[0]


def _path(time: datetime) -> str:
    return f"observations/{timestamp(time)}"


def _note(session: Session, news: News, name: str = "SourceObserved", facts: Facts | None = None) -> None:
    sight = news.sight
    seen = Observation(content_hash=sight.content_hash, text=news.text, reader=sight.reader)
    said: Facts = {**(facts or {}), _path(sight.observed_at): seen}
    session.say(sight.source, name, said, Basis(origin=Origin.HEADER, cause=news.cause))


def _seen_again(session: Session, sight: Sight, source: Subject) -> None:
    """Record a sight of unchanged bytes, once a day."""
    now, before = timestamp(sight.observed_at), source.text("seenAgain") or ""
    last_at = last_observed_at(source)
    if before[:10] != now[:10] and (last_at is None or sight.observed_at > last_at):
        session.say(sight.source, "SourceSeenAgain", {"seenAgain": now}, Basis(origin=Origin.HEADER))
