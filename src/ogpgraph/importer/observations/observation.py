"""Records observations of a source, and determines which period the facts of each are about.

A source is observed again and again, in any order: an archive may be imported after the present page. Every statement
has the time of its observation, so the order of imports makes no difference to the result.

Two observations differ by their bytes or only by the version of the reader. The second kind is no change of the
source: such facts have the cause EXTRACTION, and the time of the observation whose bytes are read again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from msgspec import structs

from ogpgraph.clock import MICROSECOND, format_timestamp
from ogpgraph.domain.aggregate import Aggregate
from ogpgraph.domain.event import Cause, Evidence, Facts, Origin
from ogpgraph.domain.source import observations, source_id
from ogpgraph.domain.source_statements import statement_times
from ogpgraph.domain.unit_of_work import Provenance, UnitOfWork
from ogpgraph.domain.values import Interval, Observation

ObservationHistory = list[tuple[datetime, Observation]]
"""The observations of a source with their times, oldest first, those of unchanged bytes included."""

Spans = dict[str, tuple[int, int]]
"""Path → the characters of the source's canonical text that state its value."""

Says = Callable[[str, datetime, Observation], bool]
"""Returns whether an observation, made at a time, says something, or that there is nothing, at a path."""


def says_all(_path: str, _time: datetime, _observation: Observation) -> bool:
    """Tell of sources that each observation of them says something, or that there is nothing, at every path."""
    return True


@dataclass(frozen=True)
class SourceObservation:
    """An observation of a source: its type, code and language, the time, the hash of the bytes, the canonical text."""

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
    """The provenance that facts read from an observation get, and the recorded observations around it.

    `interval` is when changes it shows happened, `text` the reference of its canonical text. `earlier` and `later` are
    the observations before and after it; of the later ones those that directly follow with the same bytes are left out.
    An observation that `is_late` is older than the newest of its source.
    """

    observation: SourceObservation
    cause: Cause
    interval: Interval
    text: str
    earlier: ObservationHistory
    later: ObservationHistory
    is_late: bool

    @property
    def moment(self) -> datetime:
        """Return the time of the statements that are read from the observation."""
        return self.interval.before

    @property
    def adjacent(self) -> tuple[Observation, ...]:
        """Return the recorded observations just before and just after it."""
        return tuple(recorded for _, recorded in (*self.earlier[-1:], *self.later[:1]))

    def interval_of(self, path: str, says: Says) -> Interval:
        """Return when a change at a path happened: since the last earlier observation that says anything there."""
        after = next((time for time, recorded in reversed(self.earlier) if says(path, time, recorded)), None)
        return Interval(before=self.moment, after=after)

    def provenance(self, origin: Origin, spans: Spans) -> Provenance:
        """Return the provenance of facts that one zone of the source states."""
        observation = self.observation
        return Provenance(
            origin=origin,
            cause=self.cause,
            language=observation.language,
            source=observation.source,
            evidence=(Evidence(observation.source, observation.content_hash, self.text, spans),),
            changed_between=self.interval,
        )

    def provenance_of(
        self, origin: Origin, later: tuple[datetime, Observation], evidence: tuple[Evidence, ...]
    ) -> Provenance:
        """Return the provenance of facts that a later observation says again, since this one says something else."""
        return structs.replace(
            self.provenance(origin, {}),
            cause=Cause.SOURCE_CHANGED,
            evidence=evidence,
            changed_between=Interval(before=later[0], after=self.moment),
        )


# Observations


def record_observation(
    uow: UnitOfWork, observation: SourceObservation, *, same_bytes_until: datetime | None = None
) -> ObservationOutcome | None:
    """Record an observation; return the provenance of facts read from it, None where it shows nothing new.

    `same_bytes_until` is for a source that is part of a page: the last time the page was observed with these very
    bytes, by another reader.
    """
    history = observation_history(uow, observation.source, observation.observed_at)
    if not history:
        return _record_first(uow, observation)
    observation = _separate_times(observation, history)
    earlier = [each for each in history if each[0] <= observation.observed_at]
    if earlier and earlier[-1][1].content_hash == observation.content_hash:
        if earlier[-1][1].reader == observation.reader:
            return _record_unchanged(uow, observation, history, earlier)
        return _record_reread(uow, observation, history, earlier)
    if earlier and same_bytes_until is not None and earlier[-1][0] <= same_bytes_until:
        return _record_reread(uow, observation, history, earlier)
    return _record_changed(uow, observation, history)


def observation_history(uow: UnitOfWork, source: str, moment: datetime) -> ObservationHistory:
    """Return the observations of a source; unchanged bytes are those of the observation before.

    Of those of unchanged bytes, earlier ones than the last before the moment may be missing.
    Where an import was reverted, an observation of unchanged bytes that were those of a reverted one is left out.
    """
    aggregate = uow.aggregate(source)
    explicit = observations(aggregate)
    read = partial(uow.read_events, source)
    times = statement_times(aggregate, "observedUnchanged", (Origin.HEADER, ""), moment, read)
    history, known = list(explicit), dict(explicit)
    unchanged_hashes: dict[int, str] = {}
    if times and _has_reverted(aggregate):
        events = read([revision for _, revision in times])
        unchanged_hashes = {
            revision: item.content_hash for revision, event in events.items() for item in event.envelope.evidence
        }
    for time, revision in times:
        shown = next((recorded for seen, recorded in reversed(explicit) if seen < time), None)
        if shown is None or time in known or unchanged_hashes.get(revision, shown.content_hash) != shown.content_hash:
            continue
        history.append((time, shown))
    return sorted(history, key=lambda each: each[0])


def find_observation_to_reread(uow: UnitOfWork, observation: SourceObservation) -> tuple[datetime, Observation] | None:
    """Return the latest observation of a source, with its time, if its text must be read again before this one.

    That is so where another version of the reader read it, and this observation shows other bytes or is older.
    Otherwise a difference between the two readers would be recorded as a change of the page.
    """
    known = observations(uow.aggregate(observation.source))
    if not known or known[-1][1].reader == observation.reader:
        return None
    is_latest = known[-1][1].content_hash == observation.content_hash and observation.observed_at >= known[-1][0]
    return None if is_latest else known[-1]


def _separate_times(observation: SourceObservation, history: ObservationHistory) -> SourceObservation:
    """Return the observation at a time at which no other bytes were observed, a few microseconds later if need be."""
    hashes = {time: recorded.content_hash for time, recorded in history}
    while hashes.get(observation.observed_at, observation.content_hash) != observation.content_hash:
        observation = replace(observation, observed_at=observation.observed_at + MICROSECOND)
    return observation


def _record_first(uow: UnitOfWork, observation: SourceObservation) -> ObservationOutcome:
    facts: Facts = {"type": observation.type, "code": observation.code, "language": observation.language}
    if observation.url:
        facts["url"] = uow.text_value(observation.url)
    outcome = _outcome(uow, observation, [], Cause.REPORTED, observation.observed_at)
    name = "SourceObserved" if uow.aggregate(observation.source).string("type") else "SourceRegistered"
    _append_observation(uow, outcome, name, facts)
    return outcome


def _record_changed(uow: UnitOfWork, observation: SourceObservation, history: ObservationHistory) -> ObservationOutcome:
    """Record an observation of other bytes than those observed before it."""
    outcome = _outcome(uow, observation, history, Cause.SOURCE_CHANGED, observation.observed_at)
    after = next((each for each in history if each[0] > observation.observed_at), None)
    # Unchanged bytes are those of the observation before them, which now would be this one.
    _append_observation(uow, outcome, facts={_observation_path(after[0]): after[1]} if after else {})
    return outcome


def _record_reread(
    uow: UnitOfWork, observation: SourceObservation, history: ObservationHistory, earlier: ObservationHistory
) -> ObservationOutcome:
    """Record an observation of the bytes observed before it, which say something else only to another reader."""
    outcome = _outcome(uow, observation, history, Cause.EXTRACTION, first_observed_at(earlier))
    _append_observation(uow, outcome)
    return outcome


def _record_unchanged(
    uow: UnitOfWork, observation: SourceObservation, history: ObservationHistory, earlier: ObservationHistory
) -> ObservationOutcome | None:
    """Record that the bytes observed before were seen again; return the provenance of facts where they add something.

    That is so where other bytes were observed later, the change to which can be dated more exactly now, and where an
    import was reverted that had stated what the others only repeated.
    """
    now, last_at = observation.observed_at, earlier[-1][0]
    later = [each for each in history if each[0] > now]
    is_before_change = bool(later) and later[0][1].content_hash != observation.content_hash
    is_repaired = _has_reverted(uow.aggregate(observation.source))
    # Once a day: a page is fetched far more often than it changes.
    is_same_day = any(_is_unchanged(uow, observation.source, time) and time.date() == now.date() for time, _ in earlier)
    if now != last_at and (is_before_change or not is_same_day):
        evidence = (Evidence(observation.source, observation.content_hash),)
        provenance = structs.replace(_observed(now, Cause.REPORTED), evidence=evidence)
        facts: Facts = {"observedUnchanged": format_timestamp(now)}
        uow.append(observation.source, "SourceObservedUnchanged", facts, provenance)
    if is_repaired:
        return _outcome(uow, observation, history, Cause.SOURCE_CHANGED, first_observed_at(earlier))
    if is_before_change and now != last_at:
        return _outcome(uow, observation, history, Cause.SOURCE_CHANGED, now)
    return None


def _has_reverted(source: Aggregate) -> bool:
    """Return whether observations of a source were reverted; the event that registered it stays, without the others."""
    return bool(source.withdrawn or source.amended)


def _is_unchanged(uow: UnitOfWork, source: str, time: datetime) -> bool:
    return uow.aggregate(source).value(_observation_path(time)) is None


def _outcome(
    uow: UnitOfWork, observation: SourceObservation, history: ObservationHistory, cause: Cause, moment: datetime
) -> ObservationOutcome:
    text = uow.text_ref(observation.text)
    return outcome_at(observation, history, cause, moment, text)


def outcome_at(
    observation: SourceObservation, history: ObservationHistory, cause: Cause, moment: datetime, text: str
) -> ObservationOutcome:
    """Return the outcome of an observation in a history, whose statements have the time of `moment`."""
    earlier = [each for each in history if each[0] < moment]
    following = [each for each in history if each[0] > max(moment, observation.observed_at)]
    later = list(following)
    while later and later[0][1].content_hash == observation.content_hash:
        later.pop(0)
    return ObservationOutcome(
        observation,
        cause,
        Interval(before=moment, after=earlier[-1][0] if earlier else None),
        text,
        earlier,
        later,
        is_late=bool(later if cause is Cause.EXTRACTION else following),
    )


def first_observed_at(earlier: ObservationHistory) -> datetime:
    """Return the time since which the latest of these bytes have been observed, by whatever reader."""
    first = earlier[-1]
    for time, recorded in reversed(earlier):
        if recorded.content_hash != first[1].content_hash:
            break
        first = (time, recorded)
    return first[0]


def _observation_path(time: datetime) -> str:
    return f"observations/{format_timestamp(time)}"


def _observed(time: datetime, cause: Cause) -> Provenance:
    return Provenance(origin=Origin.HEADER, cause=cause, changed_between=Interval(before=time))


def _append_observation(
    uow: UnitOfWork, outcome: ObservationOutcome, name: str = "SourceObserved", facts: Facts | None = None
) -> None:
    observation = outcome.observation
    recorded = Observation(content_hash=observation.content_hash, text=outcome.text, reader=observation.reader)
    observed: Facts = {**(facts or {}), _observation_path(observation.observed_at): recorded}
    uow.append(observation.source, name, observed, _observed(observation.observed_at, outcome.cause))
