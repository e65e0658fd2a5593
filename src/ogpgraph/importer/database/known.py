"""What the record knows before a file is read: the commitments its rows may speak of, and how far it was read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from ogpgraph.application import Session
from ogpgraph.clock import timestamp
from ogpgraph.domain.event import Cause
from ogpgraph.domain.source import observations
from ogpgraph.domain.subject import Subject
from ogpgraph.domain.text import Wording
from ogpgraph.domain.values import Interval
from ogpgraph.importer.database.matching import Known
from ogpgraph.importer.database.respelled import title_spelling
from ogpgraph.importer.observing import News, Observed, Sight, observe
from ogpgraph.importer.recording import Recording


def commitments_of(recording: Recording, members: Mapping[str, str]) -> Iterator[Known]:
    """Yield what it takes to know the commitments of some members again; `members` is code → stream."""
    codes = {stream: code for code, stream in members.items()}
    for found in recording.commitments_of(codes):
        words = recording.stored_texts({ref for subject in found for ref in _titles(subject)})
        yield from (_known(subject, codes, words) for subject in found if subject.text("mergedInto") is None)


def _titles(subject: Subject) -> Iterator[str]:
    for path, claims in subject.claims.items():
        if path.startswith(("title/", "shortTitle/")):
            yield from (claim.value.text for claim in claims if isinstance(claim.value, Wording))


def _known(subject: Subject, codes: dict[str, str], words: dict[str, str]) -> Known:
    number, cycle = subject.value("planNumber"), subject.value("cycle")
    return Known(
        subject.id,
        subject.text("code"),
        codes.get(subject.text("member") or "", ""),
        number if isinstance(number, int) else None,
        cycle if isinstance(cycle, int) else None,
        subject.text("number"),
        frozenset(title_spelling(words[ref]) for ref in _titles(subject) if ref in words),
    )


# How far the file was read before


def opened(session: Session, sight: Sight) -> News | None:
    """Record a sight of the file; where an import of these bytes stopped half-way, go on with what it began with."""
    source = session.subject(sight.source)
    known = observations(source)
    for place, (time, seen) in enumerate(known):
        if _same(sight, seen.content_hash, seen.reader) and not _is_whole(source, time):
            return _resumed(sight, known, place)
    return observe(session, sight)


def _resumed(sight: Sight, known: Observed, place: int) -> News:
    time, seen = known[place]
    former = known[place - 1] if place else None
    cause, interval = Cause.REPORTED, Interval(before=time)
    if former and former[1].content_hash == seen.content_hash:
        cause, interval = Cause.EXTRACTION, Interval(before=former[0])
    elif former:
        cause, interval = Cause.SOURCE_CHANGED, Interval(before=time, after=former[0])
    again = Sight(sight.type, sight.code, sight.language, time, sight.content_hash, sight.text, sight.reader, sight.url)
    return News(again, cause, interval, seen.text, late=place < len(known) - 1)


def whole_path(news: News) -> str:
    """Return the path that says how many rows the file had at a sight, once all are in the record."""
    return f"readToEnd/{timestamp(news.sight.observed_at)}"


def former_reader(source: Subject, news: News) -> str:
    """Return what read the state of the file before a sight, empty where there is none."""
    before = [seen.reader for time, seen in observations(source) if time < news.sight.observed_at]
    return before[-1] if before else ""


def _same(sight: Sight, content_hash: str, reader: str) -> bool:
    return (sight.content_hash, sight.reader) == (content_hash, reader)


def _is_whole(source: Subject, time: datetime) -> bool:
    return source.value(f"readToEnd/{timestamp(time)}") is not None
