"""Restatement: what sources claim is stated again at other paths or of another aggregate."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import NamedTuple

from msgspec import structs

from ogpgraph.domain.aggregate import Aggregate, Claim, SourceKey, aggregate_type_of
from ogpgraph.domain.event import Event, Facts, Origin
from ogpgraph.domain.fold import amended_value, replay
from ogpgraph.domain.milestone_number import is_renumbering
from ogpgraph.domain.statement import source_key
from ogpgraph.domain.unit_of_work import Provenance, UnitOfWork
from ogpgraph.domain.values import Interval, Value


def restated_claims(claims: Iterable[tuple[str, Claim]], provenance: Provenance) -> Iterator[tuple[Facts, Provenance]]:
    """Yield claims by path as facts, with the provenance under which each source states them again.

    The origin, the source, the language and the interval are those of the claims, so a restated claim competes with
    others as the original did. Claims without a value are left out.
    """
    grouped: dict[tuple[Origin, str | None, str | None, Interval], Facts] = defaultdict(dict)
    for path, claim in claims:
        if claim.value is not None:
            interval = Interval(before=claim.before, after=claim.after)
            grouped[claim.origin, claim.source, claim.language, interval][path] = claim.value
    for (origin, source, language, interval), facts in grouped.items():
        yield (
            facts,
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
    events = uow.read_events(stream, range(1, restating.revision + 1))
    history = [events[revision] for revision in range(1, restating.revision + 1)]
    amended = uow.aggregate(stream)
    then = replay(stream, history)
    now = replay(stream, (_as_amended(uow, amended, event) for event in history))
    event, facts = restating.event, Facts()
    stated = _as_amended(uow, uow.aggregate(event.stream), event).facts
    for path, claimed_at in restating.claimed_at.items():
        key = source_key(event) if restating.is_by_source else None
        if event.facts[path] is not None and _value_at(then, claimed_at, key) == event.facts[path]:
            expected = _value_at(now, claimed_at, key)
            if expected != stated.get(path):
                facts[path] = expected
    return facts


def _value_at(aggregate: Aggregate, path: str, key: SourceKey | None) -> Value | None:
    return aggregate.value(path) if key is None else aggregate.value_from(path, Origin(key[0]), key[1])


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
    for revision in range(1, commitment.revision + 1):
        event = uow.read_events(commitment.id, [revision])[revision]
        if event.name == "MilestoneRenumbered" and revision not in commitment.withdrawn:
            # The former paths are emptied by the same event.
            former = {path.split("/", 2)[2]: path for path, value in event.facts.items() if value is None}
            rests = {path: path.split("/", 2)[2] for path, value in event.facts.items() if value is not None}
            claimed_at = {path: former[rest] for path, rest in rests.items() if rest in former}
            yield _Restating(event, revision - 1, claimed_at)


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
