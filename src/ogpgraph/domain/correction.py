"""Corrections: withdraw what people stated, amend what an event recorded wrongly, revert an import or request."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Annotated, Final

from msgspec import Meta, Struct, structs

from ogpgraph.domain.aggregate import Aggregate, Claim, aggregate_type_of
from ogpgraph.domain.code import code_stream, reserved_codes
from ogpgraph.domain.command import Command, CommandType, ReferenceTo, Refusals
from ogpgraph.domain.errors import Conflict, Invalid, NotFound
from ogpgraph.domain.event import Amendments, Cause, Event, Facts, Origin
from ogpgraph.domain.fold import amended_value, evolve
from ogpgraph.domain.live_statements import ReadEvents
from ogpgraph.domain.restatement import amend_restatements
from ogpgraph.domain.reversal_rules import require_consistent
from ogpgraph.domain.roles import ADMINISTRATORS, WRITERS
from ogpgraph.domain.unit_of_work import REPORTED_BY_PERSON, Provenance, UnitOfWork
from ogpgraph.domain.values import Value

CORRECTION_EVENTS = {
    "commitment": "CommitmentCorrected",
    "plan": "ActionPlanCorrected",
    "member": "MemberCorrected",
    "source": "SourceCorrected",
}
"""Aggregate type → the event by which people correct it."""
REVERSAL_EVENTS = {
    "commitment": "CommitmentReverted",
    "plan": "ActionPlanReverted",
    "member": "MemberReverted",
    "source": "SourceReverted",
    "code": "CodeReverted",
}
"""Aggregate type → the event that reverts what was recorded; rights are granted and revoked instead."""

IDENTITY_PATHS = ("code", "key", "prefix", "type", "language", "member", "cycle")
"""The paths that identify an aggregate: it does not lose them while others state something about it."""


class CorrelatedEvents(Struct, frozen=True):
    """The events that one import or request recorded: stream → revisions, and the correlation id of these."""

    correlation: str
    events: Mapping[str, tuple[int, ...]]


# What people stated is withdrawn by a later statement

ONLY_REPLACED: Final = "if a published page states it: it can be replaced, but not withdrawn"
"""When a command that withdraws something is refused with `CONFLICT`."""


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


# Corrections


def correct(
    uow: UnitOfWork, aggregate: Aggregate, revision: int, facts: Facts, provenance: Provenance = REPORTED_BY_PERSON
) -> None:
    """Correct facts that one event of an aggregate recorded wrongly; None drops what it stated.

    The event keeps its place: what was stated later stays current. To correct a correction is to correct the event that
    it corrects, once more. Raises NotFound for an aggregate that cannot be corrected, Invalid for a path that the event
    does not state, and Conflict for a value that it states already, and for an event that was reverted.
    """
    if aggregate.type not in CORRECTION_EVENTS:
        raise NotFound("there is no entry with this id that could be corrected", "entry")
    if revision in aggregate.withdrawn:
        raise Conflict("the entry was reverted: it states nothing that could be corrected", "entry")
    read = partial(uow.read_events, aggregate.id)
    event = read([revision])[revision]
    amends: Amendments = defaultdict(dict)
    for path, value in facts.items():
        stating = _stating_event(uow, event, path)
        if is_reverted(aggregate, stating.revision, path, read):
            raise Conflict(f"what the entry stated at {path} was reverted: there is nothing to correct", "entry")
        if amended_value(aggregate, stating, path, read) == value:
            raise Conflict(f"{path} already has the corrected value in this entry", path)
        amends[stating.revision][path] = value
    correcting = provenance.with_cause(Cause.CORRECTION)
    uow.amend(aggregate.id, CORRECTION_EVENTS[aggregate.type], dict(amends), correcting)
    amend_restatements(uow, aggregate.id, correcting)


def _stating_event(uow: UnitOfWork, event: Event, path: str) -> Event:
    """Return the event whose statement at a path an event makes or amends; raises Invalid if it does neither."""
    while path not in event.facts:
        older = next((revision for revision, facts in event.amends.items() if path in facts), None)
        if older is None:
            paths = (*event.facts, *(each for facts in event.amends.values() for each in facts))
            raise Invalid(f"the entry does not state {path}, but {', '.join(paths) or 'nothing'}", path)
        event = uow.read_events(event.stream, [older])[older]
    return event


def is_reverted(aggregate: Aggregate, revision: int, path: str, read: ReadEvents) -> bool:
    """Return whether a reversal dropped what an event stated at a path, and the event has to stay for its other facts.

    Corrections are different: they leave what the source was read to state.
    """
    amending = aggregate.amended.get(revision, {}).get(path)
    if not amending:
        return False
    last = read([amending[-1]])[amending[-1]]
    return last.name in REVERSAL_EVENTS.values()


def _is_dropped(uow: UnitOfWork, aggregate: Aggregate, event: Event, path: str) -> bool:
    read = partial(uow.read_events, aggregate.id)
    is_amended = path in aggregate.amended.get(event.revision, {})
    return is_amended and amended_value(aggregate, event, path, read) is None


# Reversals


def revert(uow: UnitOfWork, found: CorrelatedEvents, provenance: Provenance = REPORTED_BY_PERSON) -> None:
    """Revert everything that one import or request recorded, as if it had never been: later statements are unaffected.

    To revert a reversal brings everything back. Raises Invalid if rights were changed, and Conflict if a code would
    mean two aggregates, or a rule of `reversal_rules` would not hold.
    """
    if any(aggregate_type_of(stream) not in REVERSAL_EVENTS for stream in found.events):
        raise Invalid("rights are granted and revoked, not reverted", "correlationId")
    reverting = provenance.with_cause(Cause.CORRECTION)
    # Codes last: whether one is still needed depends on the aggregate that it means.
    streams = sorted(found.events, key=lambda stream: aggregate_type_of(stream) == "code")
    commitments = {each: uow.aggregate(each) for each in streams if aggregate_type_of(each) == "commitment"}
    for stream in streams:
        _revert_stream(uow, stream, found.events[stream], reverting)
    for stream in streams:
        amend_restatements(uow, stream, reverting)
    require_consistent(uow, commitments)
    for stream in streams:
        _regain_codes(uow, uow.aggregate(stream))


def _revert_stream(uow: UnitOfWork, stream: str, revisions: tuple[int, ...], provenance: Provenance) -> None:
    aggregate = uow.aggregate(stream)
    live = [revision for revision in revisions if revision not in aggregate.withdrawn]
    if not live or _is_code_in_use(uow, aggregate):
        return
    name = REVERSAL_EVENTS[aggregate.type]
    kept = _kept_identity(uow, aggregate, live) if aggregate.type != "code" else {}
    withdrawn = [revision for revision in live if revision not in kept]
    if withdrawn or any(kept.values()):
        uow.withdraw(stream, name, withdrawn, {rev: facts for rev, facts in kept.items() if facts}, provenance)


def _is_code_in_use(uow: UnitOfWork, code: Aggregate) -> bool:
    """Return whether an aggregate of the type `code` is a code of the aggregate that it means."""
    meant = code.string("aggregate") if code.type == "code" else None
    if meant is None:
        return False
    aggregate = uow.aggregate(meant)
    return any(code_stream(aggregate.type, each) == code.id for each in reserved_codes(aggregate))


def _kept_identity(uow: UnitOfWork, aggregate: Aggregate, live: list[int]) -> Amendments:
    """Return the events that identify an aggregate which remains, each with amendments that drop all else it stated.

    Members and plans remain, since commitments may belong to them, and so does every aggregate about which others have
    stated something.
    """
    if aggregate.type not in ("member", "plan") and not _has_other_statements(uow, aggregate, live):
        return {}
    events = uow.read_events(aggregate.id, live)
    trial = Event(aggregate.id, aggregate.revision + 1, "", next(iter(events.values())).envelope, withdraws=tuple(live))
    without = evolve(aggregate, trial, partial(uow.read_events, aggregate.id))
    lost = {path for path in IDENTITY_PATHS if aggregate.value(path) is not None and without.value(path) is None}
    lost |= {f"codes/{aggregate.value(path)}" for path in lost & {"code", "key"}}
    identifying = {revision: event for revision, event in events.items() if event.facts.keys() & lost}
    return {
        revision: {
            path: None for path in event.facts if path not in lost and not _is_dropped(uow, aggregate, event, path)
        }
        for revision, event in identifying.items()
    }


def _has_other_statements(uow: UnitOfWork, aggregate: Aggregate, live: list[int]) -> bool:
    others = sorted(set(range(1, aggregate.revision + 1)) - set(live) - aggregate.withdrawn.keys(), reverse=True)
    return any(uow.read_events(aggregate.id, [revision])[revision].facts for revision in others)


def _regain_codes(uow: UnitOfWork, aggregate: Aggregate) -> None:
    """Let the codes of an aggregate mean it again, unless it is merged into another.

    A later merger may have given them to a third one. Raises Conflict for a code that is that of another one by now.
    """
    if aggregate.string("mergedInto") is not None:
        return
    for code in reserved_codes(aggregate):
        meant = uow.resolve_code(aggregate.type, code)
        if meant == aggregate.id:
            continue
        if meant is not None and code in (uow.aggregate(meant).string("code"), uow.aggregate(meant).string("key")):
            raise Conflict(f"{code} is the code of another {aggregate.type} by now: revert that first", "correlationId")
        uow.assign_code(aggregate.type, code, aggregate.id)


# Commands

MAX_CORRECTED_FIELDS = 200
MAX_REVERTED_ENTRIES = 20_000


class RecordedEntry(Struct, frozen=True):
    """An entry of the log: the stream of the aggregate that it belongs to, and the revision that it made."""

    stream: str
    revision: int


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
        correct(uow, uow.aggregate(self.entry.stream), self.entry.revision, facts, provenance)


CORRECT = CommandType(
    command=Correct,
    description="Corrects fields that one entry recorded wrongly: it counts as if it had stated the right values, in "
    "its place. So what was recorded later stays current; `changesPresent` is false then. The history shows both "
    "entries, `blame` leads to the correction, and the wrong values stay readable at their positions. A field can be "
    "corrected by whoever may record it: a government's fields by reporters, the IRM's by reviewers, all by "
    "administrators.",
    permitted=WRITERS,
    events=tuple(CORRECTION_EVENTS.values()),
    returns="subject",
    refusals=Refusals(
        not_found="if the entry is unknown",
        invalid="if there is no reason, the entry does not state one of the fields, or a value does not fit its field",
        conflict="if the entry has a value already, or was reverted",
    ),
)


class RevertImport(Command, frozen=True):
    """The import or request to revert; it needs a `reason`."""

    correlation_id: Annotated[
        CorrelatedEvents,
        Meta(description="The `correlationId` that all entries of the import or request have in common."),
        ReferenceTo("correlation", is_id=True),
    ]
    dry_run: Annotated[
        bool,
        Meta(description="Whether nothing is recorded: the payload shows what would change. Default: `false`."),
    ] = False

    def decide(self, uow: UnitOfWork, provenance: Provenance) -> None:
        """Revert all entries of the import; raises Invalid without a reason, NotFound if there are none."""
        _require_reason(uow, "reverting an import")
        if not self.correlation_id.events:
            raise NotFound(f"nothing was recorded under {self.correlation_id.correlation}", "correlationId")
        revert(uow, self.correlation_id, provenance)


REVERT_IMPORT = CommandType(
    command=RevertImport,
    description="Reverts everything that one import or request recorded, as if it had never been recorded: what its "
    "sources stated before applies again, and what was recorded later stays. The reverted entries stay readable at "
    "their positions. Reverting the `correlationId` of a reversal brings everything back.",
    permitted=ADMINISTRATORS,
    events=(*REVERSAL_EVENTS.values(), CORRECTION_EVENTS["commitment"]),
    returns="subjects",
    refusals=Refusals(
        not_found="if no entry has this `correlationId`",
        invalid=f"if there is no reason, the import has more than {MAX_REVERTED_ENTRIES:,} entries, or it changed the "
        "rights of accounts",
        conflict="if one of its codes means something else by now, a later merger prevents a commitment from being "
        "separate again, commitments would carry themselves forward, a milestone would get the number of another one "
        "or leave later statements behind under its present one, or not all entries can be shown at the moment",
    ),
)


def _require_reason(uow: UnitOfWork, action: str) -> None:
    if not uow.context.reason:
        raise Invalid(f"{action} needs a reason", "reason")


CORRECTION_COMMANDS = (CORRECT, REVERT_IMPORT)
