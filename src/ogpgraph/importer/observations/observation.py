"""Records observations of a source, and determines which of its facts an observation changes.

A source is observed again and again, in any order: an archive may be imported after the present page. The order makes
no difference to the result. An observation newer than all others changes the present; an older one (a late one) only
adds to the past, or narrows the interval in which a known change happened.

Two observations differ by their bytes or only by the version of the reader. The second kind is no change of the
source: such facts have the cause EXTRACTION.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from ogpgraph.clock import format_timestamp
from ogpgraph.domain.aggregate import Aggregate, Claim
from ogpgraph.domain.event import Cause, Evidence, Facts, Origin
from ogpgraph.domain.source import last_observed_at, observations, source_id
from ogpgraph.domain.unit_of_work import Provenance, UnitOfWork
from ogpgraph.domain.values import Interval, Observation

ObservationHistory = list[tuple[datetime, Observation]]
"""The recorded observations of a source with their times, oldest first."""

Spans = dict[str, tuple[int, int]]
"""Path → the characters of the source's canonical text that state its value."""

_SMALLEST_STEP = timedelta(microseconds=1)
_IDENTITY_GROUPS = frozenset({"code", "codes", "member"})
"""The groups of fields by which a commitment is known; no source withdraws them."""


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
    """The provenance that facts read from an observation get.

    `interval` is when changes it shows happened, `text` the reference of its canonical text, `adjacent` the recorded
    observations next to it in time. A late observation is `already_recorded` where another one of the same bytes and
    reader is recorded; it can then only narrow intervals.
    """

    observation: SourceObservation
    cause: Cause
    interval: Interval
    text: str
    late: bool = False
    already_recorded: bool = False
    adjacent: tuple[Observation, ...] = ()

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
            late=self.late,
        )


# Observations


def record_observation(
    uow: UnitOfWork, observation: SourceObservation, *, same_bytes_until: datetime | None = None
) -> ObservationOutcome | None:
    """Record an observation; return the provenance of facts read from it, None where it shows nothing new.

    `same_bytes_until` is for a source that is part of a page: the last time the page was observed with these very
    bytes, by another reader.
    """
    source = uow.aggregate(observation.source)
    known = observations(source)
    if not known:
        return _record_first(uow, observation)
    # The latest bytes may have been seen again after their own observation; that time counts as observed, too.
    last_at = last_observed_at(source) or known[-1][0]
    observation = _separate_times(observation, [*known, (last_at, known[-1][1])])
    if _confirms_latest(observation, known[-1]):
        if _has_same_content(known[-1][1], observation):
            _record_unchanged(uow, observation, source)
            return None
    elif observation.observed_at < last_at:
        return _record_late(uow, observation, known, last_at)
    return _record_newest(uow, observation, known, last_at, same_bytes_until)


def find_observation_to_reread(uow: UnitOfWork, observation: SourceObservation) -> tuple[datetime, Observation] | None:
    """Return the latest observation of a source, with its time, if its text must be read again before this one.

    That is so where another version of the reader read it, and this observation shows other bytes or is older.
    Otherwise a difference between the two readers would be recorded as a change of the page.
    """
    known = observations(uow.aggregate(observation.source))
    if not known or known[-1][1].reader == observation.reader:
        return None
    return None if _confirms_latest(observation, known[-1]) else known[-1]


def _confirms_latest(observation: SourceObservation, latest: tuple[datetime, Observation]) -> bool:
    """Return whether an observation shows the latest bytes, not before their first observation."""
    return latest[1].content_hash == observation.content_hash and observation.observed_at >= latest[0]


def _has_same_content(recorded: Observation, observation: SourceObservation) -> bool:
    return (recorded.content_hash, recorded.reader) == (observation.content_hash, observation.reader)


def _separate_times(observation: SourceObservation, known: ObservationHistory) -> SourceObservation:
    """Return the observation at a time at which no other bytes were observed, a few microseconds later if need be."""
    hashes = {time: recorded.content_hash for time, recorded in known}
    while hashes.get(observation.observed_at, observation.content_hash) != observation.content_hash:
        observation = replace(observation, observed_at=observation.observed_at + _SMALLEST_STEP)
    return observation


def _record_first(uow: UnitOfWork, observation: SourceObservation) -> ObservationOutcome:
    facts: Facts = {"type": observation.type, "code": observation.code, "language": observation.language}
    if observation.url:
        facts["url"] = uow.text_value(observation.url)
    outcome = ObservationOutcome(
        observation, Cause.REPORTED, Interval(before=observation.observed_at), uow.text_ref(observation.text)
    )
    _append_observation(uow, outcome, "SourceRegistered", facts)
    return outcome


def _record_newest(
    uow: UnitOfWork,
    observation: SourceObservation,
    known: ObservationHistory,
    last_at: datetime,
    same_bytes_until: datetime | None,
) -> ObservationOutcome:
    """Record an observation that is not older than any other and differs from the latest."""
    latest_at, latest = known[-1]
    if latest.content_hash == observation.content_hash or (
        same_bytes_until is not None and latest_at <= same_bytes_until
    ):
        # The same bytes state something else only because the reader is another one.
        cause, interval = Cause.EXTRACTION, Interval(before=_first_observed_at(known))
    else:
        cause, interval = Cause.SOURCE_CHANGED, Interval(before=observation.observed_at, after=last_at)
    outcome = ObservationOutcome(observation, cause, interval, uow.text_ref(observation.text), adjacent=(latest,))
    _append_observation(uow, outcome)
    return outcome


def _record_late(
    uow: UnitOfWork, observation: SourceObservation, known: ObservationHistory, last_at: datetime
) -> ObservationOutcome | None:
    """Record an observation older than the last; None where the observations before and after it show the same."""
    history = {**dict(known), last_at: known[-1][1]}
    recorded_then = history.get(observation.observed_at)
    adjacent = _adjacent_observations(observation.observed_at, history)
    is_between = recorded_then is not None or len(adjacent) > 1
    if is_between and all(_has_same_content(recorded, observation) for recorded in adjacent):
        return None
    is_reread = recorded_then is not None and recorded_then.content_hash == observation.content_hash
    outcome = ObservationOutcome(
        observation,
        Cause.EXTRACTION if is_reread else Cause.SOURCE_CHANGED,
        Interval(before=observation.observed_at),
        uow.text_ref(observation.text),
        late=True,
        already_recorded=any(_has_same_content(recorded, observation) for _, recorded in known),
        adjacent=adjacent,
    )
    facts: Facts = {}
    if observation.observed_at > known[-1][0]:
        # The latest bytes were seen again after this observation of others: that becomes an observation of its own.
        facts[_observation_path(last_at)] = known[-1][1]
    _append_observation(uow, outcome, facts=facts)
    return outcome


def _adjacent_observations(moment: datetime, history: dict[datetime, Observation]) -> tuple[Observation, ...]:
    """Return the observation at a moment, or else those just before and just after it."""
    if moment in history:
        return (history[moment],)
    before = max((time for time in history if time < moment), default=None)
    after = min((time for time in history if time > moment), default=None)
    return tuple(history[time] for time in (before, after) if time is not None)


def _first_observed_at(known: ObservationHistory) -> datetime:
    """Return the time since which the latest bytes have been observed, by whatever reader."""
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
    """Record that the latest bytes were seen again, once a day: a page is fetched far more often than it changes."""
    now, before = format_timestamp(observation.observed_at), source.string("observedUnchanged") or ""
    last_at = last_observed_at(source)
    if before[:10] != now[:10] and (last_at is None or observation.observed_at > last_at):
        uow.append(
            observation.source, "SourceObservedUnchanged", {"observedUnchanged": now}, Provenance(origin=Origin.HEADER)
        )


# Facts of an observation


def changed_source_facts(aggregate: Aggregate, origin: Origin, source: str, facts: Facts) -> Facts:
    """Return the facts that differ from the source's earlier claims, with None for those it no longer states."""
    before = {path: claim.value for path, claim in aggregate.claims_from(origin, source).items()}
    changed: Facts = {path: value for path, value in facts.items() if before.get(path) != value}
    # A claim of None is a withdrawal already. Sorted, so that events do not depend on the order of a set.
    withdrawn = (path for path, value in before.items() if value is not None and path not in facts)
    return changed | dict.fromkeys(sorted(path for path in withdrawn if not _is_identity(path)))


def late_source_facts(aggregate: Aggregate, facts: Facts, provenance: Provenance, *, already_recorded: bool) -> Facts:
    """Return the facts of a late observation that add to the past: values that differed then, and narrower intervals.

    `facts` are all that the source stated then; a path that it has claimed since is None where they lack it.
    """
    own = aggregate.claims_from(provenance.origin, provenance.source)
    stated_then = {path: facts.get(path) for path in own if not _is_identity(path)}
    narrowing = narrowing_facts(aggregate, stated_then, provenance)
    if already_recorded:
        return narrowing
    different = {path: value for path, value in stated_then.items() if value != own[path].value}
    return narrowing | different | {path: value for path, value in facts.items() if path not in own}


def _is_identity(path: str) -> bool:
    return path.partition("/")[0] in _IDENTITY_GROUPS


def narrowing_facts(aggregate: Aggregate, facts: Facts, provenance: Provenance) -> Facts:
    """Return the facts whose claims changed in an interval that contains the time of the observation."""
    own, interval = aggregate.claims_from(provenance.origin, provenance.source), provenance.changed_between
    if interval is None:
        return {}
    return {path: value for path, value in facts.items() if _changed_around(own[path], interval.before)}


def _changed_around(claim: Claim, moment: datetime) -> bool:
    return moment < claim.before and (claim.after is None or claim.after < moment)
