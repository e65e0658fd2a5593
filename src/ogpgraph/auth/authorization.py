"""Authorization: the table of the roles that may use each field of each mutation.

Every mutation and every field of its input has a row, and a test compares the table with the schema; the fields that
all inputs share need none. `correct` has a row for each field that can be corrected: the aggregate type and the first
segment of the path (`commitment/ratings`). A reporter may write only about the members for which it reports.

Reading needs no role: the present and the past, history, blame, claims, entries and sources are the same for everyone.
Names, e-mail addresses and tokens of accounts are not in the log at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ogpgraph.domain.account import Rights
from ogpgraph.domain.aggregate_types import AGGREGATE_TYPES
from ogpgraph.domain.commands import COMMANDS
from ogpgraph.domain.correction import Correct
from ogpgraph.domain.errors import Forbidden
from ogpgraph.domain.roles import NOBODY, Role, Roles

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
