"""How a declared command runs in a unit of work: references first, then authorization, revision, inputs and `decide`.

A command runs again if another writer stored events in between, so all of this happens anew at each attempt.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from msgspec import Struct

from ogpgraph.application.translation import translate_command, validate_item_count
from ogpgraph.domain.account import Rights, rights_of
from ogpgraph.domain.aggregate import Aggregate
from ogpgraph.domain.command import CommandType, Input
from ogpgraph.domain.errors import Refusal, StaleRevision
from ogpgraph.domain.roles import Role
from ogpgraph.domain.source import cite_source, discard_unused_source
from ogpgraph.domain.unit_of_work import Provenance, UnitOfWork

Authorize = Callable[[Rights, str, Sequence[str], Iterable[str | None]], Role]
"""Returns the role in which an account may use inputs of a command on aggregates of members; raises Forbidden."""


class CommandRequest(Struct, frozen=True, kw_only=True):
    """A command as it is sent: name of input → value, of all inputs that have one, and what every command may have."""

    declaration: CommandType
    sent: Mapping[str, Any]
    expected_revision: int | None = None
    source: str | None = None
    effective_on: str | None = None


def run_command(uow: UnitOfWork, request: CommandRequest, authorize: Authorize) -> None:
    """Append the events of a command; raises Forbidden, StaleRevision and the refusals of the command.

    If the account's rights change before the events are stored, the command runs again and is authorized anew.
    """
    declaration, sent = request.declaration, request.sent
    rights = rights_of(uow.assert_unchanged(uow.context.actor))
    used = [each.sent_name for each in declaration.inputs if each.name in sent]
    # Only reporters depend on the members: for all others nothing is looked up before they are authorized.
    if Role.REPORTER not in declaration.permitted:
        authorize(rights, declaration.name, used, [])
    references = _resolve_references(uow, request)
    members = [member_code(uow, each) for found in references.values() for each in _flatten(found)]
    uow.set_role(authorize(rights, declaration.name, used, members).lower())
    source = cite_source(uow, request.source) if request.source is not None else None
    _check_revision(request, references)
    command = translate_command(uow, declaration, sent, references)
    command.decide(uow, Provenance(source=source, effective_on=request.effective_on))
    discard_unused_source(uow, source)


def member_code(uow: UnitOfWork, aggregate: Aggregate) -> str | None:
    """Return the code of the member that an aggregate is or belongs to, None where it belongs to none."""
    if aggregate.type == "member":
        return aggregate.string("code")
    member = aggregate.string("member")
    return uow.aggregate(member).string("code") if member else None


def _resolve_references(uow: UnitOfWork, request: CommandRequest) -> dict[str, Aggregate | tuple[Aggregate, ...]]:
    """Return name of input → the aggregates that it refers to; raises Invalid and NotFound, at the input."""
    return {
        each.name: _resolve_reference(uow, each, request.sent[each.name])
        for each in request.declaration.inputs
        if each.reference and each.name in request.sent
    }


def _resolve_reference(uow: UnitOfWork, declared: Input, sent: Any) -> Aggregate | tuple[Aggregate, ...]:
    assert declared.reference is not None
    find = declared.reference.find
    try:
        if isinstance(sent, list):
            return tuple(find(uow, each) for each in validate_item_count(sent, declared.sent_name))
        return find(uow, sent)
    except Refusal as refusal:
        refusal.path = declared.sent_name
        raise


def _flatten(found: Aggregate | tuple[Aggregate, ...]) -> tuple[Aggregate, ...]:
    return found if isinstance(found, tuple) else (found,)


def _check_revision(request: CommandRequest, references: Mapping[str, Aggregate | tuple[Aggregate, ...]]) -> None:
    """Raise StaleRevision unless the subject has the expected revision, if there is one: 0 before it is registered."""
    subject = request.declaration.subject
    aggregate = _flatten(references[subject.name])[0] if subject else Aggregate("")
    if request.expected_revision is not None and request.expected_revision != aggregate.revision:
        raise StaleRevision(aggregate.id, request.expected_revision, aggregate.revision)
