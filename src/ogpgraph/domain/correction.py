"""Corrections: withdraw what people stated, correct what an event recorded wrongly, revert an import or request."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Annotated

from msgspec import Meta, Struct, structs

from ogpgraph.domain.aggregate import Aggregate, Claim, aggregate_type_of, replay
from ogpgraph.domain.code import reserved_codes
from ogpgraph.domain.command import Command, CommandType, ReferenceTo, Refusals
from ogpgraph.domain.errors import Conflict, Invalid, NotFound
from ogpgraph.domain.event import Cause, Facts, Origin
from ogpgraph.domain.roles import ADMINISTRATORS, WRITERS
from ogpgraph.domain.unit_of_work import REPORTED_BY_PERSON, Provenance, UnitOfWork
from ogpgraph.domain.values import Interval, Value

CORRECTION_EVENTS = {
    "commitment": "CommitmentCorrected",
    "plan": "ActionPlanCorrected",
    "member": "MemberCorrected",
    "source": "SourceCorrected",
    "code": "CodeAssigned",
}
"""Aggregate type → the event that corrects it; rights are granted and revoked instead."""


IDENTITY_PATHS = frozenset({"code", "key", "prefix", "type", "member", "cycle"})
"""The facts that identify an aggregate; they outlive other facts of it that are reverted."""


ClaimOrigin = tuple[Origin, str | None, str | None, Interval | None]
"""Origin, source and language of a claim, and the interval in which its value came to be so."""


def withdraw(uow: UnitOfWork, aggregate: Aggregate, name: str, paths: Iterable[str], provenance: Provenance) -> None:
    """Withdraw all values that people stated at some paths, by events of the given name.

    Raises NotFound for a path without a value, and Conflict for a value that a published page states: only a later
    version of the page can withdraw it.
    """
    withdrawn: dict[str | None, Facts] = defaultdict(dict)
    for path in paths:
        for claim in _withdrawable_claims(aggregate, path):
            withdrawn[claim.source][path] = None
    for source, facts in withdrawn.items():
        uow.append(aggregate.id, name, facts, structs.replace(provenance, source=source))


def _withdrawable_claims(aggregate: Aggregate, path: str) -> list[Claim]:
    claims = [claim for claim in aggregate.claims.get(path, ()) if claim.value is not None]
    if not claims:
        raise NotFound(f"nothing is recorded at {path}", path)
    if any(claim.origin is not Origin.PERSON for claim in claims):
        raise Conflict(f"a published page states {path}: record the right value instead of withdrawing this one", path)
    return claims


def correct(
    uow: UnitOfWork, aggregate: Aggregate, event_id: str, facts: Facts, provenance: Provenance = REPORTED_BY_PERSON
) -> None:
    """Correct facts that one event of an aggregate recorded wrongly; None withdraws what people stated.

    Raises NotFound if the aggregate has no such event, Invalid for a path that the event does not state and where
    nothing would be left of a field that every such aggregate has, and Conflict for a value that is recorded already,
    or that cannot be withdrawn because a published page states it.
    """
    event = next((event for event in uow.events(aggregate.id) if event.envelope.id == event_id), None)
    if event is None or aggregate.type not in CORRECTION_EVENTS:
        raise NotFound("there is no entry with this id that could be corrected", "entry")
    for path, value in facts.items():
        if path not in event.facts:
            raise Invalid(f"the entry does not state {path}, but {', '.join(event.facts)}", path)
        if aggregate.value(path) == value:
            raise Conflict(f"{path} already has the corrected value", path)
    name = CORRECTION_EVENTS[aggregate.type]
    correcting = structs.replace(provenance, cause=Cause.CORRECTION, corrects=event_id)
    uow.append(aggregate.id, name, {path: value for path, value in facts.items() if value is not None}, correcting)
    withdraw(uow, aggregate, name, [path for path, value in facts.items() if value is None], correcting)
    uow.validate_kept(aggregate, facts)


def revert(
    uow: UnitOfWork, correlation: str, streams: Iterable[str], provenance: Provenance = REPORTED_BY_PERSON
) -> None:
    """Revert everything that one import or request stated in some streams; later statements are not affected.

    Raises NotFound if none of the streams has an event of it, Invalid if it changed rights, and Conflict if a later
    merge prevents a commitment from being restored.
    """
    found, restored = False, list[str]()
    for stream in streams:
        reverted = [event for event in uow.events(stream) if event.envelope.correlation == correlation]
        if not reverted:
            continue
        if aggregate_type_of(stream) not in CORRECTION_EVENTS:
            raise Invalid("rights are granted and revoked, not reverted", "correlationId")
        found = True
        if any("mergedInto" in event.facts for event in reverted):
            restored.append(stream)
        if not _is_code_still_needed(uow, stream, correlation):
            correcting = structs.replace(provenance, cause=Cause.CORRECTION, corrects=reverted[-1].envelope.id)
            _revert_stream(uow, stream, correlation, correcting)
    if not found:
        raise NotFound(f"nothing was recorded under {correlation}", "correlationId")
    # Only after all streams are reverted is it known whether a commitment is still merged into another.
    for stream in restored:
        _restore_codes(uow, uow.aggregate(stream))


def _revert_stream(uow: UnitOfWork, stream: str, correlation: str, correcting: Provenance) -> None:
    """Append the events that make the claims of a stream what they would be without the events of a correlation."""
    without = replay(stream, (event for event in uow.events(stream) if event.envelope.correlation != correlation))
    protected = IDENTITY_PATHS if _remains(uow, stream, correlation) else frozenset()
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
        claim_provenance = structs.replace(
            correcting, origin=origin, source=source, language=language, changed_between=between
        )
        uow.append(stream, CORRECTION_EVENTS[aggregate_type_of(stream)], facts, claim_provenance)


def _content(claim: Claim | None) -> tuple[object, ...] | None:
    return (claim.value, claim.after, claim.before) if claim and claim.value is not None else None


def _origin_of(claim: Claim, *, known: bool) -> ClaimOrigin:
    between = Interval(before=claim.before, after=claim.after) if known else None
    return claim.origin, claim.source, claim.language, between


def _is_code_still_needed(uow: UnitOfWork, stream: str, correlation: str) -> bool:
    """Return whether a stream is the code of an aggregate that remains, so that the code must go on meaning it."""
    meant = uow.aggregate(stream).string("means") if aggregate_type_of(stream) == "code" else None
    return meant is not None and _remains(uow, meant, correlation)


def _remains(uow: UnitOfWork, stream: str, correlation: str) -> bool:
    """Return whether an aggregate remains if what one import recorded of it is reverted.

    Members and plans remain, since other commitments may belong to them, and so does every aggregate with other events.
    """
    has_other_events = any(event.envelope.correlation != correlation for event in uow.events(stream))
    return aggregate_type_of(stream) in ("member", "plan") or has_other_events


def _restore_codes(uow: UnitOfWork, commitment: Aggregate) -> None:
    """Assign the codes of a commitment to it again, unless it is merged into another one by some other event.

    Raises Conflict if that one would be merged into it in turn.
    """
    into = commitment.string("mergedInto")
    visited = {commitment.id}
    while into:
        if into in visited:
            raise Conflict("that would merge commitments into each other: revert the later merge first")
        visited.add(into)
        into = uow.aggregate(into).string("mergedInto")
    if len(visited) == 1:
        for code in reserved_codes(commitment):
            uow.assign_code("commitment", code, commitment.id)


# Commands

MAX_CORRECTED_FIELDS = 200
MAX_REVERTED_ENTRIES = 20_000


class RecordedEntry(Struct, frozen=True):
    """An entry of the log: the event, and the stream of the aggregate that it belongs to."""

    stream: str
    event_id: str


class CorrelatedStreams(Struct, frozen=True):
    """The streams with entries that one import or request recorded, and the correlation id of these."""

    correlation: str
    streams: tuple[str, ...]


class CorrectedField(Struct, frozen=True):
    """A field that an entry recorded wrongly, and its correct value."""

    path: Annotated[
        str,
        Meta(
            description="The path of the field, as in `blame` and in the `changes` of the entry: `title/en`, `endsOn`, "
            "`milestones/14.1/status`, `ratings/COMPLETION/RESULTS`."
        ),
    ]
    value: Annotated[
        Value | None,
        Meta(
            description="The correct value, in the form in which `blame` shows it: a text, a list of texts, a date, an "
            'enum value; for a rating its value, or `{"state": …, "value": …, "statedAs": …, "irmReport": …}`'
            ". It can be null, but is not omitted: null drops what the entry stated, and what was said before applies "
            "again."
        ),
    ] = None


class Correct(Command, frozen=True):
    """A correction of one entry; it needs a `reason`."""

    entry: Annotated[
        RecordedEntry,
        Meta(description="The wrong entry, by its id or its position."),
        ReferenceTo("entry", is_id=True),
    ]
    changes: Annotated[
        tuple[CorrectedField, ...],
        Meta(description="The fields that the entry recorded wrongly: 1 to 200."),
    ]

    def decide(self, uow: UnitOfWork, provenance: Provenance) -> None:
        """Record the correct values, and withdraw those that are None; raises Invalid without a reason or a field."""
        _require_reason(uow, "a correction")
        if not self.changes:
            raise Invalid(f"a correction changes 1 to {MAX_CORRECTED_FIELDS} fields", "changes")
        facts: Facts = {change.path: change.value for change in self.changes}
        correct(uow, uow.aggregate(self.entry.stream), self.entry.event_id, facts, provenance)


CORRECT = CommandType(
    command=Correct,
    description="Corrects fields that one entry recorded wrongly. The history shows both entries, `blame` leads to the "
    "correction, and the wrong values stay readable at their positions. A field can be corrected by whoever may "
    "record it: a government's fields by reporters, the IRM's by reviewers, all by administrators.",
    permitted=WRITERS,
    events=tuple(CORRECTION_EVENTS.values()),
    returns="subject",
    refusals=Refusals(
        not_found="if the entry is unknown",
        invalid="if there is no reason, the entry does not state one of the fields, or a value does not fit its field",
        conflict="if a value is recorded already, or null is sent for a value that a published page states",
    ),
)


class RevertImport(Command, frozen=True):
    """The import or request to revert; it needs a `reason`."""

    correlation_id: Annotated[
        CorrelatedStreams,
        Meta(description="The `correlationId` that all entries of the import or request have in common."),
        ReferenceTo("correlation", is_id=True),
    ]

    def decide(self, uow: UnitOfWork, provenance: Provenance) -> None:
        """Revert all entries of the import; raises Invalid without a reason, NotFound if there are none."""
        _require_reason(uow, "reverting an import")
        revert(uow, self.correlation_id.correlation, self.correlation_id.streams, provenance)


REVERT_IMPORT = CommandType(
    command=RevertImport,
    description="Reverts everything that one import or request recorded, as if it had never been recorded: what its "
    "sources stated before applies again, and what was recorded later stays. The reverted entries stay readable at "
    "their positions.",
    permitted=ADMINISTRATORS,
    events=tuple(CORRECTION_EVENTS.values()),
    returns="subjects",
    refusals=Refusals(
        not_found="if no entry has this `correlationId`",
        invalid=f"if there is no reason, the import has more than {MAX_REVERTED_ENTRIES:,} entries, or it changed the "
        "rights of accounts",
        conflict="if a later merger prevents a commitment from being separate again, or not all entries can be shown "
        "at the moment",
    ),
)


def _require_reason(uow: UnitOfWork, action: str) -> None:
    if not uow.context.reason:
        raise Invalid(f"{action} needs a reason", "reason")


CORRECTION_COMMANDS = (CORRECT, REVERT_IMPORT)
