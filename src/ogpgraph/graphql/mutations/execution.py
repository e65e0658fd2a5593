"""How every mutation is executed: its command runs in one unit of work, and its refusals come back as data."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import strawberry

from ogpgraph.application.command_runner import CommandRequest, run_command
from ogpgraph.application.translation import normalize_sent_text
from ogpgraph.domain.command import CommandType
from ogpgraph.domain.correction import MAX_REVERTED_ENTRIES, CorrelatedEvents, RecordedEntry
from ogpgraph.domain.errors import Invalid, NotFound, Refusal, StaleRevision
from ogpgraph.domain.unit_of_work import CommandContext, UnitOfWork
from ogpgraph.graphql.changes import Change
from ogpgraph.graphql.compare import compare_states
from ogpgraph.graphql.context import Info, WriteAccess
from ogpgraph.graphql.mutations.inputs import (
    MutationInput,
    canonical_request,
    input_field_names,
    is_set,
    none_if_unset,
    validate_common_inputs,
    validate_idempotency_key,
)
from ogpgraph.graphql.mutations.payloads import MutationOutcome, ObjectChanges, Payload, Recorded, UserError
from ogpgraph.graphql.subject import Subject
from ogpgraph.readmodel.entry import changed_text_references, diff_delta
from ogpgraph.readmodel.session import ReadSession, require_caught_up
from ogpgraph.storage.database import StorageError


def build_resolver(declaration: CommandType, payload: type[Payload]) -> Callable[[None, Info, Any], Payload]:
    """Return the resolver of a mutation."""

    # Resolvers of compiled operations get the object that their field is of, here none.
    def resolve(self: None, info: Info, input: Any) -> Payload:  # noqa: ARG001
        return payload(outcome=info.context.execute_once(partial(execute_command, info, declaration, input)))

    return resolve


def execute_command(info: Info, declaration: CommandType, input: MutationInput) -> MutationOutcome:
    """Execute a command in a unit of work; refusals come back as data.

    The read session of the request is replaced by one that includes the events.
    """
    write_access = info.context.write_access
    if write_access is None:
        raise LookupError("this context cannot write")
    try:
        account = write_access.require_account()
    except Refusal as refusal:  # before anything is read for somebody who may not write
        write_access.log_refusal(declaration.name, refusal)
        errors = [_user_error(refusal, input, info.context.session)]
        return MutationOutcome(errors=errors, sent=_sent_values(input, [each.name for each in declaration.inputs]))
    request = _command_request(info.context.session, declaration, input)
    try:
        context = _command_context(write_access, account, declaration.name, input)
        if request.sent.get("dry_run"):
            uow = write_access.preview(context, lambda uow: run_command(uow, request))
            return _preview_outcome(info.context.session, uow, request)
        receipt = write_access.execute(context, lambda uow: run_command(uow, request))
    except Refusal as refusal:
        write_access.log_refusal(declaration.name, refusal)
        session = info.context.session = write_access.reopen_session()
        return MutationOutcome(errors=[_user_error(refusal, input, session)], sent=request.sent)
    except StorageError:
        info.context.session = write_access.reopen_session()  # for the next mutation of the operation
        raise
    session = info.context.session = write_access.reopen_session()
    return MutationOutcome(Recorded(session, receipt, request), sent=request.sent)


def _preview_outcome(session: ReadSession, uow: UnitOfWork, request: CommandRequest) -> MutationOutcome:
    """Return what a dry run would change, with the objects as they are at the head."""
    head = session.at_head()
    found = head.find_many(stream for stream, _ in uow.pending_deltas())
    changes = [(found[stream], diff_delta(delta)) for stream, delta in uow.pending_deltas() if stream in found]
    texts = session.read_texts(reference for _, each in changes for reference in changed_text_references(each))
    previewed = [
        ObjectChanges(subject=Subject.of(aggregate, head), changes=[Change.of(change, texts.get) for change in each])
        for aggregate, each in changes
    ]
    return MutationOutcome(sent=request.sent, previewed=previewed)


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
    """Return name → value or null of the fields that were sent; items of a list that are inputs in the same form."""
    values = {name: getattr(input, name) for name in names}
    return {name: _sent_items(value) for name, value in values.items() if value is not strawberry.UNSET}


def _sent_items(value: Any) -> Any:
    if not isinstance(value, list):
        return value
    return [
        _sent_values(item, [each.name for each in dataclasses.fields(item)]) if dataclasses.is_dataclass(item) else item
        for item in value
    ]


def _find_entries(session: ReadSession, referenced: str, key: str) -> RecordedEntry | CorrelatedEvents | Refusal:
    """Return what an input refers to in the log, or the refusal if it is not there."""
    return _find_correlated(session, key) if referenced == "correlation" else _find_entry(session, key.strip())


def _find_entry(session: ReadSession, key: str) -> RecordedEntry | Refusal:
    """Return the entry of an id or a position."""
    head = session.at_head()
    is_position = key.isascii() and key.isdigit() and len(key) < 16
    entry = head.find_entry_by_event(key) or (head.find_entry(int(key)) if is_position else None)
    return RecordedEntry(entry.stream, entry.revision) if entry else NotFound(f"there is no entry {key[:80]}", "entry")


def _find_correlated(session: ReadSession, correlation: str) -> CorrelatedEvents | Refusal:
    """Return the events of an import or request, which are not too many, nor missing some."""
    events = session.at_head().find_correlated_events(correlation, MAX_REVERTED_ENTRIES)
    try:
        require_caught_up(session.projection_failure())
    except Refusal as refusal:
        return refusal
    if events is None:
        return Invalid(f"it has more than {MAX_REVERTED_ENTRIES:,} entries", "correlationId")
    return CorrelatedEvents(correlation, events)


def _command_context(write_access: WriteAccess, account: str, mutation: str, input: MutationInput) -> CommandContext:
    validate_common_inputs(input)
    key = validate_idempotency_key(input)
    return CommandContext(
        actor=account,
        role="reader",  # set once the command is authorized
        time=write_access.now(),
        reason=normalize_sent_text(input.reason, "reason") if is_set(input.reason) else None,
        idempotency=write_access.hash_request(key, canonical_request(mutation, input)) if key else None,
    )


# The domain names a path of the record or `code`; the input may have another field for it.
_FIELDS_OF_DOMAIN_PATHS = {"code": ("commitment", "into")}


def _user_error(refusal: Refusal, input: MutationInput, session: ReadSession) -> UserError:
    error = UserError(code=refusal.code, message=refusal.message, path=_input_path(refusal.path, input))
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
    """Return the net changes of an aggregate after a revision, field by field: two states are read, no entries."""
    head = session.at_head()
    now = head.find(stream)
    if now is None or revision >= now.revision:
        return []
    position = head.find_position_of_revision(stream, revision)
    then = session.at(position) if position else None
    former = then.find(stream) if then else None
    return compare_states((then, former) if then and former else None, (head, now))
