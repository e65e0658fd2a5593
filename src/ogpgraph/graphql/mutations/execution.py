"""How every mutation is executed: its command runs in one unit of work, and its payload shows the result."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

from ogpgraph.application.command_runner import CommandRequest, run_command
from ogpgraph.application.translation import normalize_text
from ogpgraph.auth import authorization
from ogpgraph.domain.aggregate import Aggregate, aggregate_type_of
from ogpgraph.domain.command import CommandType
from ogpgraph.domain.correction import MAX_REVERTED_ENTRIES, CorrelatedStreams, RecordedEntry
from ogpgraph.domain.errors import Invalid, NotFound, Refusal, StaleRevision
from ogpgraph.domain.unit_of_work import CommandContext, Receipt
from ogpgraph.graphql.context import Info, WriteAccess
from ogpgraph.graphql.mutations.inputs import (
    MutationInput,
    canonical_request,
    input_field_names,
    is_set,
    none_if_unset,
    validate_idempotency_key,
)
from ogpgraph.graphql.mutations.payloads import ErrorCode, MutationOutcome, Payload, UserError
from ogpgraph.graphql.scalars import client_error
from ogpgraph.graphql.types import Change, Entry
from ogpgraph.readmodel.model import require_caught_up
from ogpgraph.readmodel.snapshot import ReadSession, Snapshot

MAX_COMPARED_ENTRIES = 200
"""So many of the latest entries are compared to show what changed since a stale revision."""


def build_resolver(declaration: CommandType, payload: type[Payload]) -> Callable[[Info, Any], Payload]:
    """Return the resolver of a mutation."""

    def resolve(info: Info, input: Any) -> Payload:
        return payload(outcome=execute_command(info, declaration, input))

    return resolve


def execute_command(info: Info, declaration: CommandType, input: MutationInput) -> MutationOutcome:
    """Execute a command in a unit of work, and read its subject as it is then; refusals come back as data.

    Entries and subject are read at the position of the last event, so a repeated request gets the first result. The
    read session of the request is replaced by one that includes the events.
    """
    write_access = info.context.write_access
    if write_access is None:
        raise LookupError("this context cannot write")
    request = _command_request(info.context.session, declaration, input)
    try:
        context = _command_context(write_access, declaration.name, input)
        receipt = write_access.execute(context, lambda uow: run_command(uow, request, authorization.authorize))
    except Refusal as refusal:
        write_access.log_refusal(declaration.name, refusal)
        session = info.context.session = write_access.reopen_session()
        return MutationOutcome(errors=[_user_error(refusal, input, session)], sent=request.sent)
    session = info.context.session = write_access.reopen_session()
    return _read_outcome(session, receipt, request)


def _command_request(session: ReadSession, declaration: CommandType, input: MutationInput) -> CommandRequest:
    sent = _sent_values(input, [each.name for each in declaration.inputs])
    found = {
        each.name: _find_entries(session, each.reference.referenced, str(sent[each.name]))
        for each in declaration.inputs
        if each.reference and each.reference.find is None
    }
    return CommandRequest(
        declaration=declaration,
        sent=sent,
        found=found,
        expected_revision=none_if_unset(input.expected_revision),
        source=none_if_unset(input.source),
        effective_on=none_if_unset(input.effective_on),
    )


def _sent_values(input: Any, names: Sequence[str]) -> dict[str, Any]:
    """Return name → value of the fields of an input that have one; items of a list that are inputs in the same form."""
    values = {name: getattr(input, name) for name in names}
    return {name: _sent_items(value) for name, value in values.items() if is_set(value)}


def _sent_items(value: Any) -> Any:
    if not isinstance(value, list):
        return value
    return [
        _sent_values(item, [each.name for each in dataclasses.fields(item)]) if dataclasses.is_dataclass(item) else item
        for item in value
    ]


def _find_entries(session: ReadSession, referenced: str, key: str) -> RecordedEntry | CorrelatedStreams | Refusal:
    """Return what an input refers to in the log, or the refusal if it is not there."""
    return _find_correlated(session, key) if referenced == "correlation" else _find_entry(session, key.strip())


def _find_entry(session: ReadSession, key: str) -> RecordedEntry | Refusal:
    """Return the entry of an id or a position."""
    head = session.at_head()
    is_position = key.isascii() and key.isdigit() and len(key) < 16
    entry = head.find_entry_by_event(key) or (head.find_entry(int(key)) if is_position else None)
    return RecordedEntry(entry.stream, entry.event_id) if entry else NotFound(f"there is no entry {key[:80]}", "entry")


def _find_correlated(session: ReadSession, correlation: str) -> CorrelatedStreams | Refusal:
    """Return the streams with entries of an import or request, which are not too many, nor missing some."""
    streams = session.at_head().find_correlated_streams(correlation, MAX_REVERTED_ENTRIES)
    try:
        require_caught_up(session.projection_failure())
    except Refusal as refusal:
        return refusal
    if streams is None:
        return Invalid(f"it has more than {MAX_REVERTED_ENTRIES:,} entries", "correlationId")
    return CorrelatedStreams(correlation, tuple(streams))


def _command_context(write_access: WriteAccess, mutation: str, input: MutationInput) -> CommandContext:
    account = write_access.require_account()
    key = validate_idempotency_key(input)
    return CommandContext(
        actor=account,
        role="reader",  # set once the command is authorized
        time=write_access.now(),
        reason=normalize_text(input.reason, "reason") if is_set(input.reason) else None,
        idempotency=write_access.hash_request(key, canonical_request(mutation, input)) if key else None,
    )


def _read_outcome(session: ReadSession, receipt: Receipt[None], request: CommandRequest) -> MutationOutcome:
    head = session.at_head()
    if not receipt.events:
        return MutationOutcome(aggregate=_find_subject(request, head, []), snapshot=head, sent=request.sent)
    first = head.find_entry_by_event(receipt.events[0])
    if first is None:
        # The projection has stopped before this save. The events are stored, so a plain failure would be misleading:
        # the client would send the mutation again.
        message = f"it was recorded as event {receipt.events[0]}, but cannot be shown yet: see meta.projector"
        raise client_error(message, "RECORDED_BUT_NOT_SHOWN")
    # The entries of a save are consecutive, and the projection never commits only a part of them.
    last = first.position + len(receipt.events) - 1
    snapshot = session.at(last)
    entries = [entry for position in range(first.position, last + 1) if (entry := snapshot.find_entry(position))]
    return MutationOutcome(
        entries=[Entry.of(entry, snapshot) for entry in entries],
        aggregate=_find_subject(request, snapshot, [entry.stream for entry in entries]),
        snapshot=snapshot,
        sent=request.sent,
    )


def _find_subject(request: CommandRequest, snapshot: Snapshot, streams: Sequence[str]) -> Aggregate | None:
    """Return the aggregate that a command refers to first, or the one that it registered; None if there is none."""
    registered, subject = request.declaration.registers, request.declaration.subject
    if registered:
        stream = next((each for each in streams if aggregate_type_of(each) == registered), None)
        return snapshot.find(stream) if stream else None
    if subject is None or subject.reference is None:
        return None
    found = request.found.get(subject.name)
    if found is not None:
        return snapshot.find(found.stream) if isinstance(found, RecordedEntry) else None
    key, aggregate_type = str(request.sent[subject.name]).strip(), subject.reference.referenced
    return snapshot.find(key) if key.startswith(f"{aggregate_type}-") else snapshot.find_by_code(aggregate_type, key)


# The domain names a path of the record or `code`; the input may have another field for it.
_FIELDS_OF_DOMAIN_PATHS = {"code": ("commitment", "into")}


def _user_error(refusal: Refusal, input: MutationInput, session: ReadSession) -> UserError:
    error = UserError(code=ErrorCode(refusal.code), message=refusal.message, path=_input_path(refusal.path, input))
    if isinstance(refusal, StaleRevision):
        error.current_revision = refusal.current
        error.changes = _changes_since(session, refusal.stream, refusal.expected)
    return error


def _input_path(path: str, input: MutationInput) -> list[str]:
    """Return the path of the input field that a refused path stems from: `milestones/14.1/endsOn` is of `endsOn`."""
    known = set(input_field_names(input))
    candidates = [path, *reversed(path.split("/")), *_FIELDS_OF_DOMAIN_PATHS.get(path, ()), "changes"] if path else []
    return ["input", *[candidate for candidate in candidates if candidate in known][:1]]


def _changes_since(session: ReadSession, stream: str, revision: int) -> list[Change]:
    """Return the net changes of an aggregate after a revision, field by field."""
    head = session.at_head()
    aggregate = head.find(stream)
    if aggregate is None:
        return []
    merged: dict[str, Change] = {}
    for later in range(max(revision, aggregate.revision - MAX_COMPARED_ENTRIES) + 1, aggregate.revision + 1):
        entry = head.find_entry_of_revision(aggregate, later)
        for change in Entry.of(entry, head).changes() if entry else []:
            before = merged[change.path].before if change.path in merged else change.before
            merged[change.path] = Change(path=change.path, before=before, after=change.after)
    return [change for change in merged.values() if change.before != change.after]
