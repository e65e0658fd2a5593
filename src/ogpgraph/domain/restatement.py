"""Restatement: what sources claim is stated again at other paths or of another aggregate."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import NamedTuple

from msgspec import structs

from ogpgraph.domain.aggregate import Aggregate, Claim, aggregate_type_of
from ogpgraph.domain.event import Event, Facts, Origin
from ogpgraph.domain.fold import amended_value, replay
from ogpgraph.domain.live_statements import LiveStatements
from ogpgraph.domain.milestone_number import is_renumbering, renumberings
from ogpgraph.domain.statement import source_key, statement_interval
from ogpgraph.domain.unit_of_work import Provenance, UnitOfWork
from ogpgraph.domain.values import Interval, Value


def read_statements(uow: UnitOfWork, aggregate: Aggregate) -> LiveStatements:
    """Return the statements of an aggregate that are live, with all of its events, which are read at once."""
    return _live_statements(aggregate, uow.read_events(aggregate.id, range(1, aggregate.revision + 1)))


def _live_statements(aggregate: Aggregate, events: Mapping[int, Event]) -> LiveStatements:
    return LiveStatements(
        aggregate, events[aggregate.revision], lambda revisions: {each: events[each] for each in revisions}
    )


def group_claims(
    claims: Iterable[tuple[str, Claim]], provenance: Provenance
) -> Iterator[tuple[dict[str, Claim], Provenance]]:
    """Yield claims by path, with the provenance under which each source states them again, the latest ones first.

    The origin, the source, the language and the interval are those of the claims, so a restated claim competes with
    others as the original did. A statement that precedes others never repeats what is current, so none is left out.
    """
    grouped: dict[tuple[Origin, str | None, str | None, Interval], dict[str, Claim]] = defaultdict(dict)
    for path, claim in claims:
        grouped[claim.origin, claim.source, claim.language, Interval(claim.before, claim.after)][path] = claim
    for stated, by_path in sorted(grouped.items(), key=lambda group: group[0][3].before, reverse=True):
        origin, source, language, interval = stated
        yield (
            by_path,
            structs.replace(
                provenance,
                origin=origin,
                source=source,
                language=language,
                changed_between=interval,
                effective_on=None,
                evidence=(),
            ),
        )


class _Restating(NamedTuple):
    """An event that states again what a commitment claimed at a revision: path → the path that it was claimed at.

    A part of a split commitment begins with its current values; everything else is restated source by source.
    """

    event: Event
    revision: int
    claimed_at: Mapping[str, str]
    is_by_source: bool = True


def amend_restatements(uow: UnitOfWork, stream: str, provenance: Provenance) -> None:
    """Amend what was restated from a commitment whose older events were amended, as if it had been so from the start.

    A milestone with another number, a commitment that it was merged into, and those that it was split into have stated
    again what it claimed. The amendments of these are followed in turn.
    """
    if aggregate_type_of(stream) != "commitment":
        return
    followed = dict[str, None]()
    for restating in _iter_restating(uow, uow.aggregate(stream)):
        facts = _restated_anew(uow, stream, restating)
        if facts:
            target = restating.event.stream
            uow.withdraw(target, "CommitmentCorrected", (), {restating.event.revision: facts}, provenance)
            followed |= dict.fromkeys([target] if target != stream else [])
    for target in followed:
        amend_restatements(uow, target, provenance)


def _restated_anew(uow: UnitOfWork, stream: str, restating: _Restating) -> Facts:
    """Return the restated facts that would be others now; None where nothing would be restated."""
    history = uow.read_events(stream, range(1, restating.revision + 1))
    amended = uow.aggregate(stream)
    then = _Stated(stream, history)
    now = _Stated(stream, {revision: _as_amended(uow, amended, event) for revision, event in history.items()})
    event, facts = restating.event, Facts()
    stated = _as_amended(uow, uow.aggregate(event.stream), event).facts
    for path, claimed_at in restating.claimed_at.items():
        by = event if restating.is_by_source else None
        if then.value(claimed_at, by) == event.facts[path]:
            expected = now.value(claimed_at, by)
            if expected != stated.get(path):
                facts[path] = expected
    return facts


class _Stated:
    """What is stated by some events, which are the first ones of a stream."""

    def __init__(self, stream: str, events: Mapping[int, Event]) -> None:
        self._aggregate = replay(stream, (events[revision] for revision in sorted(events)))
        self._live = _live_statements(self._aggregate, events)

    def value(self, path: str, restated_by: Event | None) -> Value | None:
        """Return what the source of an event had stated last when what the event states became so, or the current
        value; None if nothing was stated.
        """
        if restated_by is None:
            return self._aggregate.value(path)
        moment = statement_interval(restated_by).before
        earlier = [each for each in self._live.list_statements(path, source_key(restated_by)) if each.before <= moment]
        return earlier[-1].value if earlier else None


def _as_amended(uow: UnitOfWork, aggregate: Aggregate, event: Event) -> Event:
    """Return an event with the facts that it counts as having, after the amendments that are live."""
    facts = {} if event.revision in aggregate.withdrawn else dict(event.facts)
    for path in facts.keys() & aggregate.amended.get(event.revision, {}).keys():
        value = amended_value(aggregate, event, path, partial(uow.read_events, aggregate.id))
        if value is None:
            del facts[path]
        else:
            facts[path] = value
    return structs.replace(event, facts=facts, withdraws=(), amends={})


def _iter_restating(uow: UnitOfWork, commitment: Aggregate) -> Iterator[_Restating]:
    yield from _iter_renumbering(uow, commitment)
    if (into := commitment.current_claim("mergedInto")) is not None:
        yield from _iter_in_other(uow, commitment, into.revision, [str(into.value)], "CommitmentMerged")
    for path, claim in commitment.claims_under("splitInto/"):
        part = path.partition("/")[2]
        for restating in _iter_in_other(uow, commitment, claim.revision, [part], "CommitmentRegistered"):
            yield restating._replace(is_by_source=False)


def _iter_renumbering(uow: UnitOfWork, commitment: Aggregate) -> Iterator[_Restating]:
    if not any(map(is_renumbering, commitment.claims)):
        return
    events, former = uow.read_events(commitment.id, range(1, commitment.revision + 1)), dict[str, str]()
    for revision, event in sorted(events.items()):
        if event.name != "MilestoneRenumbered":
            continue
        # Each renumbering first links the two numbers.
        former = {new: number for number, new in renumberings(event)} or former
        if revision not in commitment.withdrawn:
            yield _Restating(event, revision - 1, dict(_former_paths(event, former)))


def _former_paths(event: Event, former: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield the paths of milestones that have new numbers, each with its path under the former number."""
    for path in event.facts:
        milestones, number, rest = path.split("/", 2)
        if number in former and not is_renumbering(path):
            yield path, f"{milestones}/{former[number]}/{rest}"


def _iter_in_other(
    uow: UnitOfWork, commitment: Aggregate, revision: int, streams: Iterable[str], name: str
) -> Iterator[_Restating]:
    """Yield the events of other commitments of the request that recorded a revision of this one."""
    correlation = uow.read_events(commitment.id, [revision])[revision].envelope.correlation
    for stream in streams:
        other = uow.aggregate(stream)
        for event in uow.read_events(stream, range(1, other.revision + 1)).values():
            is_same_request = event.envelope.correlation == correlation and event.revision not in other.withdrawn
            if is_same_request and event.name == name:
                yield _Restating(event, revision - 1, {path: path for path in event.facts})
