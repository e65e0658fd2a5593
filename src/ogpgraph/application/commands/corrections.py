"""Corrections: withdraw what people stated, correct an entry that was wrong, and revert a whole import or request."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from msgspec import structs

from ogpgraph.application.unit_of_work import REPORTED_BY_PERSON, Provenance, UnitOfWork
from ogpgraph.domain.aggregate import Aggregate, Claim, aggregate_type_of, replay
from ogpgraph.domain.commitment import decide_correction, reserved_codes
from ogpgraph.domain.errors import Conflict, Invalid, NotFound
from ogpgraph.domain.event import Cause, Event, Facts, Origin
from ogpgraph.domain.values import Interval

CORRECTION_EVENTS = {
    "commitment": "CommitmentCorrected",
    "plan": "ActionPlanCorrected",
    "member": "MemberCorrected",
    "source": "SourceCorrected",
    "code": "CodeAssigned",
}
"""Aggregate type → the event that corrects it; rights are granted and revoked instead."""
IDENTITY_PATHS = frozenset({"code", "key", "prefix", "type", "member", "cycle"})
"""What identifies an aggregate; it outlives other facts of it that are reverted."""
ClaimOrigin = tuple[Origin, str | None, str | None, Interval | None]
"""Origin, source and language of a claim, and the interval in which its value came to be so."""


def withdraw(uow: UnitOfWork, stream: str, name: str, paths: Iterable[str], provenance: Provenance) -> None:
    """Withdraw everything that people stated at some paths.

    Raises NotFound where nothing is stated, and Conflict where a published page states it, which only that page can
    withdraw.
    """
    withdrawn: dict[str | None, Facts] = defaultdict(dict)
    for path in paths:
        _require_withdrawable(uow, stream, path)
        for claim in uow.aggregate(stream).claims[path]:
            if claim.origin == Origin.PERSON and claim.value is not None:
                withdrawn[claim.source][path] = None
    for source, facts in withdrawn.items():
        uow.append(stream, name, facts, structs.replace(provenance, source=source))


def _require_withdrawable(uow: UnitOfWork, stream: str, path: str) -> None:
    claims = [claim for claim in uow.aggregate(stream).claims.get(path, ()) if claim.value is not None]
    if not claims:
        raise NotFound(f"nothing is recorded at {path}", path)
    if any(claim.origin != Origin.PERSON for claim in claims):
        raise Conflict(f"a published page states {path}: record what is so instead of withdrawing it", path)


def correct(
    uow: UnitOfWork, commitment: Aggregate, facts: Facts, corrects: str, provenance: Provenance = REPORTED_BY_PERSON
) -> None:
    """Correct facts of a commitment that an event recorded wrongly; raises Conflict for no change."""
    correcting = structs.replace(provenance, cause=Cause.CORRECTION, corrects=corrects)
    uow.append_all(commitment.id, [decide_correction(commitment, facts)], correcting)


def correct_event(
    uow: UnitOfWork, stream: str, corrects: str, facts: Facts, provenance: Provenance = REPORTED_BY_PERSON
) -> None:
    """Correct what one event of a stream recorded wrongly; None withdraws what people stated.

    Raises NotFound for an event that the stream does not have, Invalid for a path that the event does not state,
    Conflict where the record already says so or a published page states what is to be withdrawn.
    """
    event = next((each for each in uow.events(stream) if each.envelope.id == corrects), None)
    if event is None or aggregate_type_of(stream) not in CORRECTION_EVENTS:
        raise NotFound("there is no such entry that could be corrected", "entry")
    aggregate, name = uow.aggregate(stream), CORRECTION_EVENTS[aggregate_type_of(stream)]
    for path, value in facts.items():
        if path not in event.facts:
            raise Invalid(f"the entry does not speak of {path}, but of {', '.join(event.facts)}", path)
        if aggregate.value(path) == value:
            raise Conflict(f"{path} already is as the correction would have it", path)
    correcting = structs.replace(provenance, cause=Cause.CORRECTION, corrects=corrects)
    uow.append(stream, name, {path: value for path, value in facts.items() if value is not None}, correcting)
    withdraw(uow, stream, name, [path for path, value in facts.items() if value is None], correcting)


def revert(
    uow: UnitOfWork, correlation: str, streams: Iterable[str], provenance: Provenance = REPORTED_BY_PERSON
) -> None:
    """Revert in some streams what one import or request stated, as if it had never been; later statements stay.

    Raises NotFound where none of the streams has an event of it, Invalid where it changed rights, and Conflict where a
    later merge prevents a commitment from coming back.
    """
    found, merged = False, list[str]()
    for stream in streams:
        events = uow.events(stream)
        reverted = [event for event in events if event.envelope.correlation == correlation]
        if not reverted:
            continue
        if aggregate_type_of(stream) not in CORRECTION_EVENTS:
            raise Invalid("rights are granted and revoked, not reverted", "correlationId")
        found = True
        merged += [stream] if any("mergedInto" in each.facts for each in reverted) else []
        if not _is_code_still_needed(uow, stream, correlation):
            without = replay(stream, (each for each in events if each not in reverted))
            _revert_stream(uow, stream, reverted, without, provenance)
    if not found:
        raise NotFound(f"nothing was recorded under {correlation}", "correlationId")
    for stream in merged:
        _restore_codes(uow, uow.aggregate(stream))


def _restore_codes(uow: UnitOfWork, commitment: Aggregate) -> None:
    """Let the codes of a commitment mean it again, unless it is still or again merged into another one.

    Raises Conflict where that one would be merged into it in turn.
    """
    into = commitment.string("mergedInto")
    visited = {commitment.id}
    while into:
        if into in visited:
            raise Conflict("that would merge commitments into each other: take back first what was merged since")
        visited.add(into)
        into = uow.aggregate(into).string("mergedInto")
    if len(visited) == 1:
        for code in reserved_codes(commitment):
            uow.assign_code("commitment", code, commitment.id)


def _is_code_still_needed(uow: UnitOfWork, stream: str, correlation: str) -> bool:
    """Tell whether a stream is a code of an aggregate that stays, so that the code must go on meaning it."""
    meant = uow.aggregate(stream).string("means") if aggregate_type_of(stream) == "code" else None
    return meant is not None and _stays(uow, meant, correlation)


def _stays(uow: UnitOfWork, stream: str, correlation: str) -> bool:
    """Tell whether an aggregate stays when what one import recorded of it is reverted.

    Members and plans stay: commitments that others recorded may belong to them. So does all that has other events.
    """
    others = (event.envelope.correlation != correlation for event in uow.events(stream))
    return aggregate_type_of(stream) in ("member", "plan") or any(others)


def _revert_stream(
    uow: UnitOfWork, stream: str, reverted: list[Event], without: Aggregate, provenance: Provenance
) -> None:
    """Append the events that make the claims of a stream what they would be `without` the reverted events."""
    protected = IDENTITY_PATHS if _stays(uow, stream, reverted[0].envelope.correlation) else frozenset()
    restored: dict[ClaimOrigin, Facts] = defaultdict(dict)
    for path, claims in uow.aggregate(stream).claims.items():
        if path in protected:
            continue
        remaining = {claim.key: claim for claim in without.claims.get(path, ())}
        for claim in claims:
            former = remaining.get(claim.key)
            if _content(former) != _content(claim):
                claim_origin = _origin_of(former or claim, known=former is not None)
                restored[claim_origin][path] = former.value if former else None
    for (origin, source, language, between), facts in restored.items():
        correcting = structs.replace(
            provenance,
            origin=origin,
            source=source,
            language=language,
            cause=Cause.CORRECTION,
            corrects=reverted[-1].envelope.id,
            changed_between=between,
        )
        uow.append(stream, CORRECTION_EVENTS[aggregate_type_of(stream)], facts, correcting)


def _content(claim: Claim | None) -> tuple[object, ...] | None:
    return (claim.value, claim.after, claim.before) if claim and claim.value is not None else None


def _origin_of(claim: Claim, *, known: bool) -> ClaimOrigin:
    between = Interval(before=claim.before, after=claim.after) if known else None
    return claim.origin, claim.source, claim.language, between
