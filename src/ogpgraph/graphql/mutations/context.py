"""How every mutation runs: its input becomes events in one unit of work, and its payload shows the result.

A mutation is a method of one of the `…Mutations` classes, declared with `@mutation`. It calls `run_mutation` with a
command: a function that gets a `MutationContext` and the input, authorizes, validates, and calls the application's
commands. The command runs again if another writer saved in between, so it must have no effect but on its context.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, TypeVar

import strawberry
from strawberry.utils.str_converters import to_camel_case

from ogpgraph.application import CommandContext, Provenance, Receipt, UnitOfWork
from ogpgraph.application.commands import sources
from ogpgraph.auth import authorization
from ogpgraph.domain.account import Role, rights_of
from ogpgraph.domain.aggregate import Aggregate
from ogpgraph.domain.errors import Refusal, StaleRevision
from ogpgraph.domain.event import Facts
from ogpgraph.domain.values import TextValue, TranslationKind
from ogpgraph.graphql.context import Info, WriteAccess
from ogpgraph.graphql.mutations.inputs import (
    MutationInput,
    canonical_request,
    find_declared_path,
    input_field_names,
    is_set,
    none_if_unset,
    normalize_commitment_code,
    normalize_language,
    normalize_text,
    set_field_names,
    to_stored_value,
    validate_idempotency_key,
)
from ogpgraph.graphql.scalars import client_error
from ogpgraph.graphql.types import Change, Entry, Subject, build_subject
from ogpgraph.readmodel.snapshot import ReadSession, Snapshot

S = TypeVar("S", bound=Subject)
I = TypeVar("I", bound=MutationInput)  # noqa: E741 - an input
MAX_COMPARED_ENTRIES = 200
"""So many of the latest entries are compared to show what changed since a stale revision."""
SubjectFinder = Callable[[Snapshot], Aggregate | None]
"""Finds the aggregate that a mutation changed."""


# Payloads


@strawberry.enum(description="Why a mutation was refused: stable, for programs to act on.")
class ErrorCode(Enum):
    """The codes of refusals."""

    UNAUTHENTICATED = strawberry.enum_value(
        "UNAUTHENTICATED",
        description="The request has no token, or the token was revoked before the change was recorded.",
    )
    FORBIDDEN = strawberry.enum_value(
        "FORBIDDEN",
        description="The account has no role that may use this field of this mutation, or not for this member.",
    )
    RATE_LIMITED = strawberry.enum_value(
        "RATE_LIMITED",
        description="The account or the address sent too many mutations; `message` says how long to wait.",
    )
    NOT_FOUND = strawberry.enum_value("NOT_FOUND", description="An object that the input refers to does not exist.")
    INVALID = strawberry.enum_value(
        "INVALID", description="A value does not have the format of its field, or is not in its vocabulary."
    )
    CONFLICT = strawberry.enum_value(
        "CONFLICT",
        description="The change contradicts the record: a code is taken, for example. Or concurrent changes of the "
        "same objects prevented it; then sending it again helps.",
    )
    STALE_REVISION = strawberry.enum_value(
        "STALE_REVISION",
        description="The object has changed since `expectedRevision`; `currentRevision` and `changes` say how.",
    )
    IDEMPOTENCY_KEY_REUSED = strawberry.enum_value(
        "IDEMPOTENCY_KEY_REUSED", description="The idempotency key was used before, with another input."
    )


@strawberry.type(description="Why a mutation was refused. A refused mutation records nothing.")
class UserError:
    """A refusal as clients see it."""

    code: ErrorCode = strawberry.field(description="The kind of refusal.")
    message: str = strawberry.field(description="The reason, in English, for people.")
    path: list[str] = strawberry.field(
        description='The field of the input that caused the refusal, such as `["input", "endsOn"]`; `["input"]` alone '
        "where no single field did."
    )
    current_revision: int | None = strawberry.field(
        default=None, description="With `STALE_REVISION`: the revision that the object has now."
    )
    changes: list[Change] | None = strawberry.field(
        default=None,
        description="With `STALE_REVISION`: the fields that have changed since the expected revision, each with its "
        "value then and now.",
    )


@dataclass(frozen=True)
class MutationOutcome:
    """The result of a mutation: the recorded entries and the changed aggregate after them, or refusals."""

    entries: list[Entry] = field(default_factory=list)
    errors: list[UserError] = field(default_factory=list)
    aggregate: Aggregate | None = None
    snapshot: Snapshot | None = None

    def subject(self, subject_type: type[S]) -> S | None:
        """Return the changed object, None if the mutation was refused."""
        if self.aggregate is None or self.snapshot is None:
            return None
        subject = build_subject(self.aggregate, self.snapshot)
        return subject if isinstance(subject, subject_type) else None


@strawberry.interface(description="What every mutation returns.")
class Payload:
    """The outcome of a mutation; each payload type adds fields that show the changed objects."""

    outcome: strawberry.Private[MutationOutcome]

    @strawberry.field(
        description="The entries that the mutation recorded, in order; empty if it was refused, or if everything was "
        "recorded already."
    )
    def entries(self) -> list[Entry]:
        return self.outcome.entries

    @strawberry.field(description="Why the mutation was refused; empty if it was not.")
    def errors(self) -> list[UserError]:
        return self.outcome.errors


# Declaration


def mutation(
    records: str, *, not_found: str = "", invalid: str = "", conflict: str = ""
) -> Callable[[Callable[..., Any]], Any]:
    """Declare a mutation, described by what it records, who may use it, and when it is refused with which code.

    Codes that any mutation can be refused with are described once, at the type `Mutation`.
    """
    refusals = {"NOT_FOUND": not_found, "INVALID": invalid, "CONFLICT": conflict}
    refused = "; ".join(f"with `{code}` {condition}" for code, condition in refusals.items() if condition)

    def declare(resolver: Callable[..., Any]) -> Any:
        permitted = _describe_permission(to_camel_case(resolver.__name__))
        return strawberry.mutation(resolver, description=f"{records}\n{permitted}\nRefused {refused}.")

    return declare


_ROLE_DESCRIPTIONS = {
    Role.REPORTER: "reporters (for their own members)",
    Role.REVIEWER: "reviewers",
    Role.ADMINISTRATOR: "administrators",
}


def _describe_permission(mutation_name: str) -> str:
    # Rows with a slash are of fields that `correct` may change, not of fields of an input.
    rows = {field: roles for field, roles in authorization.PERMISSIONS[mutation_name].items() if "/" not in field}
    permitted = frozenset(Role).intersection(*rows.values())
    *others, last = [description for role, description in _ROLE_DESCRIPTIONS.items() if role in permitted]
    return f"Permitted to {', '.join(others)}{' and ' if others else ''}{last}."


# Execution


class MutationContext:
    """What a command works with: the unit of work, and the checks and conversions that all commands share.

    `provenance` can be read only once `authorize` has returned, so a command cannot record anything before.
    """

    def __init__(self, uow: UnitOfWork, mutation_name: str, input: MutationInput) -> None:
        self.uow = uow
        self._mutation_name = mutation_name
        self._input = input
        self._provenance: Provenance | None = None

    @property
    def provenance(self) -> Provenance:
        """Return the provenance of the facts that the input states."""
        if self._provenance is None:
            raise RuntimeError(f"{self._mutation_name} uses its provenance before it is authorized")
        return self._provenance

    def authorize(self, members: Iterable[str | None] = (), fields: Iterable[str] | None = None) -> None:
        """Require that the account may use the fields of the input that are set, for aggregates of these members.

        If the account's rights change before the events are saved, the command runs again and is authorized anew.
        Raises Forbidden; and NotFound or Invalid for the source that the input cites.
        """
        rights = rights_of(self.uow.assert_unchanged(self.uow.context.actor))
        used = set_field_names(self._input) if fields is None else fields
        self.uow.set_role(authorization.authorize(rights, self._mutation_name, used, members).lower())
        cited = self._input.source
        source = sources.cite_source(self.uow, cited) if is_set(cited) else None
        self._provenance = Provenance(source=source, effective_on=none_if_unset(self._input.effective_on))

    def check_revision(self, aggregate: Aggregate) -> None:
        """Require that an aggregate has the expected revision, if there is one; raises StaleRevision."""
        expected = self._input.expected_revision
        if is_set(expected) and expected != aggregate.revision:
            raise StaleRevision(aggregate.id, expected, aggregate.revision)

    def check_is_new(self) -> None:
        """Require that the expected revision of an aggregate that is to be registered is absent or 0."""
        self.check_revision(Aggregate(""))

    def open_commitment(self, code: str) -> Aggregate:
        """Return the commitment of a code as sent, authorized and at the expected revision.

        Raises Invalid, NotFound, Forbidden and StaleRevision.
        """
        return self.open_commitments([normalize_commitment_code(code)])[0]

    def open_commitments(self, codes: list[str]) -> list[Aggregate]:
        """Return the commitments of some normalized codes, all authorized, the first at the expected revision.

        Raises NotFound, Forbidden and StaleRevision.
        """
        found = [self.uow.require_by_code("commitment", code) for code in codes]
        self.authorize(self.member_code(commitment) for commitment in found)
        self.check_revision(found[0])
        return found

    def member_code(self, aggregate: Aggregate) -> str | None:
        """Return the code of the member that an aggregate is or belongs to, None where it belongs to none."""
        if aggregate.type == "member":
            return aggregate.string("code")
        member = aggregate.string("member")
        return self.uow.aggregate(member).string("code") if member else None

    def text_value(self, text: str, field: str) -> TextValue:
        """Return a text by reference; raises Invalid."""
        return self.uow.text_value(normalize_text(text, field))

    def facts(
        self,
        aggregate_type: str,
        input: object,
        *fields: str,
        language: str | None = None,
        translation_kind: TranslationKind = TranslationKind.ORIGINAL,
        parent: str = "",
    ) -> Facts:
        """Return path → value for the named fields of an input that are set, texts in a language as sent.

        Paths are relative to the declared path `parent`, such as `milestones/{number}/`. Raises Invalid.
        """
        normalized = normalize_language(language)
        facts: Facts = {}
        for name in fields:
            if is_set(value := getattr(input, name)):
                camel_name = to_camel_case(name)
                path = find_declared_path(aggregate_type, parent + camel_name)
                relative = path.pattern.removeprefix(parent).replace("{language}", normalized)
                facts[relative] = to_stored_value(self.uow, path, value, camel_name, translation_kind)
        return facts

    def finish(self) -> None:
        """End the command: drop a cited source that no event refers to; raises RuntimeError if it never authorized."""
        if self._provenance is None:
            raise RuntimeError(f"{self._mutation_name} was not authorized")
        if self._provenance.source is not None:
            sources.discard_unused_source(self.uow, self._provenance.source)


def by_code(aggregate_type: str, key: str) -> SubjectFinder:
    """Return a finder of the aggregate that a code means, or an id where the key is one."""
    code = key.strip()
    if code.startswith(f"{aggregate_type}-"):
        return by_id(code)
    return lambda snapshot: snapshot.find_by_code(aggregate_type, code)


def by_id(stream: str) -> SubjectFinder:
    """Return a finder of an aggregate by its id; an empty id finds nothing."""
    return lambda snapshot: snapshot.find(stream) if stream else None


def run_mutation(
    info: Info, input: I, find: SubjectFinder, command: Callable[[MutationContext, I], None]
) -> MutationOutcome:
    """Run a command in a unit of work, save its events, and read the changed aggregate; refusals come back as data.

    Entries and aggregate are read at the position of the save, so a repeated request gets the first result. The read
    session of the request is replaced by one that includes the save.
    """
    write_access, mutation_name = info.context.write_access, info.field_name
    if write_access is None:
        raise LookupError("this context cannot write")

    def execute(uow: UnitOfWork) -> None:
        context = MutationContext(uow, mutation_name, input)
        command(context, input)
        context.finish()

    try:
        receipt = write_access.execute(_command_context(write_access, mutation_name, input), execute)
    except Refusal as refusal:
        write_access.log_refusal(mutation_name, refusal)
        session = info.context.session = write_access.reopen_session()
        return MutationOutcome(errors=[_user_error(refusal, input, session)])
    session = info.context.session = write_access.reopen_session()
    return _read_outcome(session, receipt, find)


def _command_context(write_access: WriteAccess, mutation_name: str, input: MutationInput) -> CommandContext:
    account = write_access.require_account()
    key = validate_idempotency_key(input)
    return CommandContext(
        actor=account,
        role="reader",  # `authorize` sets the role in which the command is permitted
        time=write_access.now(),
        reason=normalize_text(input.reason, "reason") if is_set(input.reason) else None,
        idempotency=write_access.hash_request(key, canonical_request(mutation_name, input)) if key else None,
    )


def _read_outcome(session: ReadSession, receipt: Receipt[None], find: SubjectFinder) -> MutationOutcome:
    head = session.at_head()
    if not receipt.events:
        return MutationOutcome(aggregate=find(head), snapshot=head)
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
        entries=[Entry.of(entry, snapshot) for entry in entries], aggregate=find(snapshot), snapshot=snapshot
    )


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
