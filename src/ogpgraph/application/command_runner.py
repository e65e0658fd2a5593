"""How a declared command runs in a unit of work: references first, then authorization, revision, inputs and `decide`.

A command runs again if another writer stored events in between, so all of this happens anew at each attempt.

Authorization is by the table `PERMISSIONS`, which follows from the declarations: every input of every command has a row
with the roles that may use it, except for those that all commands share. `correct` has a row for each field that can be
corrected: the aggregate type and the first segment of the path (`commitment/ratings`). A reporter may write only about
the members for which it reports. Reading needs no role: the present and the past, history, blame, claims, entries and
sources are the same for everyone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC
from typing import Any

from msgspec import Struct

from ogpgraph.application.translation import (
    clear_input,
    corrected_path,
    translate_changes,
    translate_command,
    validate_item_count,
)
from ogpgraph.domain.account import Rights, rights_of
from ogpgraph.domain.aggregate import Aggregate
from ogpgraph.domain.aggregate_types import AGGREGATE_TYPES
from ogpgraph.domain.command import CommandType, Input
from ogpgraph.domain.commands import COMMANDS
from ogpgraph.domain.correction import Correct, CorrelatedEvents, RecordedEntry
from ogpgraph.domain.errors import Forbidden, Invalid, Refusal, StaleRevision
from ogpgraph.domain.roles import NOBODY, Role, Roles
from ogpgraph.domain.source import cite_source, discard_unused_source
from ogpgraph.domain.unit_of_work import Provenance, UnitOfWork
from ogpgraph.domain.values import period_bounds, validate_partial_date

COMMON_FIELDS = frozenset({"expectedRevision", "idempotencyKey", "reason", "effectiveOn", "source"})
_CORRECTED_FIELDS = {
    f"{aggregate_type.name}/{field.group}": field.correction_roles
    for aggregate_type in AGGREGATE_TYPES.values()
    for field in aggregate_type.fields
}
"""Row of a field, by aggregate type and the first segment of its path → the roles that may correct it."""

PERMISSIONS: Mapping[str, Mapping[str, Roles]] = {
    name: {each.sent_name: command.permitted for each in command.inputs}
    | (_CORRECTED_FIELDS if command.command is Correct else {})
    for name, command in COMMANDS.items()
}


# Authorization


def authorize(rights: Rights, mutation: str, fields: Iterable[str], members: Iterable[str | None]) -> Role:
    """Return the first role in which an account may use these fields on aggregates of these members.

    A field without a row is permitted to nobody. Raises Forbidden, naming the field at fault.
    """
    checked, members = [field for field in fields if field not in COMMON_FIELDS], list(members)
    for role in rights.roles:
        if all(role in allowed_roles(mutation, field) for field in checked) and _covers(role, rights, members):
            return role
    raise _forbidden(rights, mutation, checked, members)


def allowed_roles(mutation: str, field: str) -> Roles:
    """Return the roles that may use a field of a mutation; none for a field without a row."""
    return PERMISSIONS.get(mutation, {}).get(field, NOBODY)


def _covers(role: Role, rights: Rights, members: list[str | None]) -> bool:
    return role is not Role.REPORTER or (bool(members) and all(member in rights.reporter_of for member in members))


def _forbidden(rights: Rights, mutation: str, fields: list[str], members: list[str | None]) -> Forbidden:
    for field in fields:
        allowed = allowed_roles(mutation, field)
        if not allowed:
            return Forbidden(f"`{field}` of {mutation} can only be set by other mutations", field)
        if allowed.isdisjoint(rights.roles):
            required = " and ".join(f"{role.lower()}s" for role in Role if role in allowed)
            actual = " and ".join(f"a {role.lower()}" for role in rights.roles or ["reader"])
            return Forbidden(f"`{field}` of {mutation} is for {required}; this account is {actual}", field)
    foreign = sorted({member or "no known member" for member in members} - set(rights.reporter_of))
    if Role.REPORTER in rights.roles and foreign:
        own = ", ".join(rights.reporter_of)
        return Forbidden(f"{mutation}: this account reports for {own}, not for {', '.join(foreign)}")
    return Forbidden(f"{mutation}: no role of this account may use all of {', '.join(fields)} at once")


# Running

Authorize = Callable[[Rights, str, Sequence[str], Iterable[str | None]], Role]
"""Returns the role in which an account may use inputs of a command on aggregates of members; raises Forbidden."""


class CommandRequest(Struct, frozen=True, kw_only=True):
    """A command as it is sent: name of input → value or null, of all that were sent, and what every command may have.

    `found` is what the read model has found for inputs that refer to entries of the log; a Refusal in its place is
    raised once the command is authorized.
    """

    declaration: CommandType
    sent: Mapping[str, Any]
    found: Mapping[str, RecordedEntry | CorrelatedEvents | Refusal] = {}
    expected_revision: int | None = None
    source: str | None = None
    effective_on: str | None = None


def run_command(uow: UnitOfWork, request: CommandRequest, authorize: Authorize = authorize) -> None:
    """Append the events of a command; raises Forbidden, StaleRevision and the refusals of the command.

    If the account's rights change before the events are stored, the command runs again and is authorized anew.
    """
    declaration, sent = request.declaration, request.sent
    _validate_effective_date(uow, request.effective_on)
    rights = rights_of(uow.aggregate(uow.context.actor))
    used = [each.sent_name for each in declaration.inputs if each.name in sent]
    # Only the rights of reporters depend on members: for the others, nothing is looked up before they are authorized.
    if Role.REPORTER not in declaration.permitted:
        authorize(rights, declaration.name, used, [])
    references = _resolve_references(uow, request)
    aggregates = [aggregate for each in references.values() for aggregate in _aggregates_of(uow, each)]
    if declaration.command is Correct:
        used += _corrected_fields(aggregates, sent["changes"])
    members = [_member_code(uow, aggregate) for aggregate in aggregates]
    uow.set_role(authorize(rights, declaration.name, used, members).lower())
    for found in references.values():
        if isinstance(found, Refusal):
            raise found
    source = cite_source(uow, request.source) if request.source is not None else None
    _check_revision(request, [Aggregate("")] if declaration.registers else aggregates)
    if declaration.command is Correct:
        references["changes"] = translate_changes(uow, aggregates[0], sent["changes"])
    command = translate_command(uow, declaration, sent, references)
    command.decide(uow, Provenance(source=source, effective_on=request.effective_on))
    if source is not None:
        discard_unused_source(uow, source)


def _validate_effective_date(uow: UnitOfWork, date: str | None) -> None:
    """Raise Invalid for a date in the future: a statement says since when something has been so."""
    if date is None:
        return
    begin, _ = period_bounds(validate_partial_date(date, "effectiveOn"))
    if begin > uow.context.time.astimezone(UTC).date().isoformat():
        raise Invalid(f"effectiveOn: {date} has not begun yet; record the change once it is so", "effectiveOn")


def _resolve_references(uow: UnitOfWork, request: CommandRequest) -> dict[str, Any]:
    """Return name of input → what it refers to: an aggregate, several, or entries of the log.

    Raises Invalid and NotFound, at the input.
    """
    return {
        each.name: request.found.get(each.name) or _resolve_reference(uow, each, request.sent[each.name])
        for each in request.declaration.inputs
        if each.reference and each.name in request.sent
    }


def _resolve_reference(uow: UnitOfWork, declared: Input, sent: Any) -> Aggregate | tuple[Aggregate, ...]:
    find = declared.reference.find if declared.reference else None
    if find is None:
        raise LookupError(f"the read model has not found {declared.sent_name}")
    if sent is None:
        clear_input(declared)
    try:
        if isinstance(sent, list):
            return tuple(find(uow, each) for each in validate_item_count(sent, declared.sent_name))
        return find(uow, sent)
    except Refusal as refusal:
        refusal.path = declared.sent_name
        raise


def _aggregates_of(uow: UnitOfWork, found: Any) -> tuple[Aggregate, ...]:
    """Return the aggregates that an input refers to; none for a correlation, or if nothing was found."""
    if isinstance(found, RecordedEntry):
        return (uow.aggregate(found.stream),)
    if isinstance(found, Aggregate):
        return (found,)
    return found if isinstance(found, tuple) else ()


def _member_code(uow: UnitOfWork, aggregate: Aggregate) -> str | None:
    """Return the code of the member that an aggregate is or belongs to, None where it belongs to none."""
    if aggregate.type == "member":
        return aggregate.string("code")
    member = aggregate.string("member")
    return uow.aggregate(member).string("code") if member else None


def _check_revision(request: CommandRequest, aggregates: Sequence[Aggregate]) -> None:
    """Raise StaleRevision unless the subject, the first aggregate, has the expected revision, if there is one."""
    expected = request.expected_revision
    if expected is not None and aggregates and expected != aggregates[0].revision:
        raise StaleRevision(aggregates[0].id, expected, aggregates[0].revision)


def _corrected_fields(aggregates: Sequence[Aggregate], changes: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the rows of the permissions of `correct` that changes belong to; raises Invalid for an unknown path."""
    rows = list[str]()
    for aggregate in aggregates:
        for path in map(corrected_path, changes):
            AGGREGATE_TYPES[aggregate.type].find_field(path)
            rows.append(f"{aggregate.type}/{path.partition('/')[0]}")
    return list(dict.fromkeys(rows))
