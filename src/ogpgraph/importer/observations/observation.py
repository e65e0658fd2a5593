"""Observations of a source: what a sight of it means for the record, given every sight before."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from ogpgraph.application import Provenance, UnitOfWork
from ogpgraph.clock import format_timestamp
from ogpgraph.domain.aggregate import Aggregate
from ogpgraph.domain.event import Cause, Evidence, Facts, Origin
from ogpgraph.domain.source import last_observed_at, observations, source_id
from ogpgraph.domain.values import Interval, Observation

ObservationHistory = list[tuple[datetime, Observation]]
_INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True)
class SourceObservation:
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
class ObservationOutcome:
    """What may be recorded from an observation: the cause, the interval, the evidence, and whether it came late.

    `adjacent` are the observations just before and after it. `already_recorded`: the same bytes, read by the same
    reader, were recorded before, so an older observation of them can only narrow intervals.
    """

    observation: SourceObservation
    cause: Cause
    interval: Interval
    text: str
    late: bool = False
    already_recorded: bool = False
    adjacent: tuple[Observation, ...] = ()

    def provenance(self, origin: Origin, spans: dict[str, tuple[int, int]]) -> Provenance:
        """Return the basis of facts that one zone of the source states."""
        observation = self.observation
        return Provenance(
            origin=origin,
            cause=self.cause,
            language=observation.language,
            source=observation.source,
            evidence=(Evidence(observation.source, observation.content_hash, self.text, spans),),
            changed_between=self.interval,
            late=self.late,
        )


def record_observation(
    uow: UnitOfWork, observation: SourceObservation, *, same_bytes_until: datetime | None = None
) -> ObservationOutcome | None:
    """Record a sight of a source; returns what it allows to be said, or None where it shows nothing new.

    Sights come in any order. One that is older than the last tells of the past and leaves the present alone. Where the
    source is a part of a page, `same_bytes_until` is when the page's very bytes were last seen, read by another reader.
    """
    source = uow.aggregate(observation.source)
    known = observations(source)
    if not known:
        return _record_first(uow, observation)
    last_at = last_observed_at(source) or known[-1][0]
    observation = _separate_times(observation, [*known, (last_at, known[-1][1])])
    if _confirms_latest(observation, known[-1]):
        if _is_same_content(known[-1][1], observation):
            _record_unchanged(uow, observation, source)
            return None
    elif observation.observed_at < last_at:
        return _record_earlier(uow, observation, known, last_at)
    return _record_later(uow, observation, known, last_at, same_bytes_until)


def find_observation_to_reread(uow: UnitOfWork, observation: SourceObservation) -> tuple[datetime, Observation] | None:
    """Return the latest observation of a source and its time, where today's reader has to read it before the sight.

    That is where another reader read it and the sight cannot stand for it, since its bytes are others or it is older:
    what the two readers read differently must not pass for a change of the page.
    """
    known = observations(uow.aggregate(observation.source))
    if not known or known[-1][1].reader == observation.reader:
        return None
    return None if _confirms_latest(observation, known[-1]) else known[-1]


def _confirms_latest(observation: SourceObservation, latest: tuple[datetime, Observation]) -> bool:
    """Tell whether a sight shows the latest bytes, not before they were first seen."""
    return latest[1].content_hash == observation.content_hash and observation.observed_at >= latest[0]


def _is_same_content(recorded: Observation, observation: SourceObservation) -> bool:
    return (recorded.content_hash, recorded.reader) == (observation.content_hash, observation.reader)


def _separate_times(observation: SourceObservation, known: ObservationHistory) -> SourceObservation:
    """Return the sight, an instant later for every other content that was observed at the very same time."""
    hashes = {time: recorded.content_hash for time, recorded in known}
    while hashes.get(observation.observed_at, observation.content_hash) != observation.content_hash:
        observation = replace(observation, observed_at=observation.observed_at + _INSTANT)
    return observation


def _record_first(uow: UnitOfWork, observation: SourceObservation) -> ObservationOutcome:
    facts: Facts = {"type": observation.type, "code": observation.code, "language": observation.language}
    if observation.url:
        facts["url"] = observation.url
    outcome = ObservationOutcome(
        observation, Cause.REPORTED, Interval(before=observation.observed_at), uow.text_ref(observation.text)
    )
    _append_observation(uow, outcome, "SourceRegistered", facts)
    return outcome


def _record_later(
    uow: UnitOfWork,
    observation: SourceObservation,
    known: ObservationHistory,
    last_at: datetime,
    same_bytes_until: datetime | None,
) -> ObservationOutcome:
    """Record what is not older than anything seen so far, and differs from it."""
    latest_at, latest = known[-1]
    if latest.content_hash == observation.content_hash or (
        same_bytes_until is not None and latest_at <= same_bytes_until
    ):
        # The same bytes say something else only because the reader is another: the world did not change.
        cause, interval = Cause.EXTRACTION, Interval(before=_first_observed_at(known))
    else:
        cause, interval = Cause.SOURCE_CHANGED, Interval(before=observation.observed_at, after=last_at)
    outcome = ObservationOutcome(observation, cause, interval, uow.text_ref(observation.text), adjacent=(latest,))
    _append_observation(uow, outcome)
    return outcome


def _record_earlier(
    uow: UnitOfWork, observation: SourceObservation, known: ObservationHistory, last_at: datetime
) -> ObservationOutcome | None:
    """Record what is older than the last sight; None where the sights before and after it show the same."""
    history = {**dict(known), last_at: known[-1][1]}
    adjacent, recorded_then = (
        _adjacent_observations(observation.observed_at, history),
        history.get(observation.observed_at),
    )
    is_between = recorded_then is not None or len(adjacent) > 1
    if is_between and all(_is_same_content(recorded, observation) for recorded in adjacent):
        return None
    reread = recorded_then is not None and recorded_then.content_hash == observation.content_hash
    cause = Cause.EXTRACTION if reread else Cause.SOURCE_CHANGED
    already_recorded = any(_is_same_content(recorded, observation) for _, recorded in known)
    interval = Interval(before=observation.observed_at)
    outcome = ObservationOutcome(
        observation,
        cause,
        interval,
        uow.text_ref(observation.text),
        late=True,
        already_recorded=already_recorded,
        adjacent=adjacent,
    )
    later: Facts = {}
    if observation.observed_at > known[-1][0]:
        # What was only "seen again" comes after other bytes now, so it is an observation of its own.
        later[_observation_path(last_at)] = known[-1][1]
    _append_observation(uow, outcome, facts=later)
    return outcome


def _adjacent_observations(moment: datetime, history: dict[datetime, Observation]) -> tuple[Observation, ...]:
    """Return what was observed at a moment, or else just before and just after it."""
    if moment in history:
        return (history[moment],)
    before = max((time for time in history if time < moment), default=None)
    after = min((time for time in history if time > moment), default=None)
    return tuple(history[time] for time in (before, after) if time is not None)


def _first_observed_at(known: ObservationHistory) -> datetime:
    """Return since when the latest bytes have been observed, whoever read them."""
    first = known[-1]
    for time, recorded in reversed(known):
        if recorded.content_hash != first[1].content_hash:
            break
        first = (time, recorded)
    return first[0]


def _observation_path(time: datetime) -> str:
    return f"observations/{format_timestamp(time)}"


def _append_observation(
    uow: UnitOfWork, outcome: ObservationOutcome, name: str = "SourceObserved", facts: Facts | None = None
) -> None:
    observation = outcome.observation
    recorded = Observation(content_hash=observation.content_hash, text=outcome.text, reader=observation.reader)
    observed: Facts = {**(facts or {}), _observation_path(observation.observed_at): recorded}
    uow.append(observation.source, name, observed, Provenance(origin=Origin.HEADER, cause=outcome.cause))


def _record_unchanged(uow: UnitOfWork, observation: SourceObservation, source: Aggregate) -> None:
    """Record a sight of unchanged bytes, once a day."""
    now, before = format_timestamp(observation.observed_at), source.string("seenAgain") or ""
    last_at = last_observed_at(source)
    if before[:10] != now[:10] and (last_at is None or observation.observed_at > last_at):
        uow.append(observation.source, "SourceSeenAgain", {"seenAgain": now}, Provenance(origin=Origin.HEADER))
