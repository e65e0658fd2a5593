"""Accounts: a pseudonymous id and its rights. Names, e-mail addresses and tokens are never recorded in the log."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from ogpgraph.domain.aggregate import Aggregate
from ogpgraph.domain.aggregate_type import AggregateType, EventType
from ogpgraph.domain.command import Command, CommandType, ReferenceTo, Refusals, normalize_code
from ogpgraph.domain.errors import Conflict, Invalid, NotFound
from ogpgraph.domain.event import Facts
from ogpgraph.domain.field import Field
from ogpgraph.domain.member import MemberCode
from ogpgraph.domain.roles import ADMINISTRATORS, NOBODY, Role
from ogpgraph.domain.state_id import require_plain_id
from ogpgraph.domain.unit_of_work import REPORTED_BY_PERSON, Provenance, UnitOfWork, changed_facts

ACCOUNT = AggregateType(
    name="account",
    description="Somebody who may write, identified by a pseudonymous id only.",
    fields=(
        Field(
            "roles",
            tuple[Role, ...],
            "Roles",
            "The roles that it may act in; empty for an account that may only read.",
            written_by=ADMINISTRATORS,
            corrected_by=NOBODY,
            is_exported=False,
        ),
        Field(
            "reporterOf",
            tuple[MemberCode, ...],
            "Members",
            "The codes of the members for which it may act as a REPORTER.",
            written_by=ADMINISTRATORS,
            corrected_by=NOBODY,
            is_exported=False,
        ),
    ),
    event_types=(
        EventType("AccountOpened", "An account was opened, without rights."),
        EventType("RightsGranted", "Rights were granted to the account."),
        EventType("RightsRevoked", "Rights of the account were revoked."),
    ),
)


class Rights(Struct, frozen=True):
    """The roles of an account, and the members for which it may report."""

    roles: tuple[Role, ...] = ()
    reporter_of: tuple[str, ...] = ()

    def with_role(self, role: Role, members: tuple[str, ...] = ()) -> Rights:
        """Return the rights with an additional role, and for a reporter with additional members."""
        roles = tuple(each for each in Role if each is role or each in self.roles)
        return Rights(roles, tuple(sorted({*self.reporter_of, *members})))

    def without_role(self, role: Role | None = None, members: tuple[str, ...] = ()) -> Rights:
        """Return the rights without a role (without all if none is named), or for a reporter without some members."""
        if role is None:
            return Rights()
        if role is not Role.REPORTER:
            return Rights(tuple(each for each in self.roles if each is not role), self.reporter_of)
        left = tuple(code for code in self.reporter_of if members and code not in members)
        return Rights(tuple(each for each in self.roles if each is not role or left), left)


def rights_of(account: Aggregate) -> Rights:
    """Return the current rights of an account."""
    roles, reporter_of = account.value("roles"), account.value("reporterOf")
    return Rights(
        tuple(Role(role) for role in roles) if isinstance(roles, tuple) else (),
        reporter_of if isinstance(reporter_of, tuple) else (),
    )


def find_account(uow: UnitOfWork, account_id: str) -> Aggregate:
    """Return an account by its id; raises NotFound."""
    is_id = account_id.startswith("account-")
    account = uow.aggregate(require_plain_id(account_id, "account")) if is_id else None
    if account is None or not account.revision:
        raise NotFound(f"there is no account {account_id}", "account")
    return account


def open_account(uow: UnitOfWork, provenance: Provenance = REPORTED_BY_PERSON) -> Aggregate:
    """Record a new account, which has no rights yet."""
    stream = uow.new_stream("account")
    uow.append(stream, "AccountOpened", {"roles": (), "reporterOf": ()}, provenance)
    return uow.aggregate(stream)


def grant_rights(
    uow: UnitOfWork,
    account: Aggregate,
    role: Role,
    members: tuple[str, ...] = (),
    provenance: Provenance = REPORTED_BY_PERSON,
) -> None:
    """Grant a role to an account, and to a reporter the members for which it reports.

    Raises Invalid unless exactly a reporter has members, and NotFound for a member that is not recorded.
    """
    if (role is Role.REPORTER) != bool(members):
        raise Invalid("a reporter reports for one or more members; other roles have none", "members")
    for code in members:
        if uow.resolve_code("member", code) is None:
            raise NotFound(f"there is no member {code}", "members")
    _append_rights(uow, account, "RightsGranted", rights_of(account).with_role(role, members), provenance)


def revoke_rights(
    uow: UnitOfWork,
    account: Aggregate,
    role: Role | None = None,
    members: tuple[str, ...] = (),
    provenance: Provenance = REPORTED_BY_PERSON,
) -> None:
    """Revoke a role of an account, some members of a reporter, or without a role all rights.

    Raises Invalid for members of another role than the reporter's, and Conflict where no administrator would be left.
    """
    if members and role is not Role.REPORTER:
        raise Invalid("only a reporter has members", "members")
    before, after = rights_of(account), rights_of(account).without_role(role, members)
    if Role.ADMINISTRATOR in before.roles and Role.ADMINISTRATOR not in after.roles:
        _require_other_administrator(uow, account)
    _append_rights(uow, account, "RightsRevoked", after, provenance)


def _require_other_administrator(uow: UnitOfWork, account: Aggregate) -> None:
    """Raise Conflict unless another account is an administrator, and still is one when the events are stored."""
    for stream in uow.list_streams("account"):
        if stream != account.id and Role.ADMINISTRATOR in rights_of(uow.aggregate(stream)).roles:
            return
    raise Conflict("this is the last administrator: make another account one first", "role")


def _append_rights(uow: UnitOfWork, account: Aggregate, name: str, rights: Rights, provenance: Provenance) -> None:
    facts: Facts = {"roles": tuple(role.value for role in rights.roles), "reporterOf": rights.reporter_of}
    uow.append(account.id, name, changed_facts(account, facts, provenance), provenance)


# Commands

AccountReference = Annotated[
    Aggregate,
    Meta(description="The account, by its id (`account-…`)."),
    ReferenceTo("account", find_account, is_id=True),
]


class GrantRights(Command, frozen=True):
    """A role that an account is granted."""

    account: AccountReference
    role: Annotated[Role, Meta(description="The role.")]
    members: Annotated[
        tuple[str, ...],
        Meta(
            description="For `REPORTER`, which needs at least one: the codes of the members that the account may "
            "report for, such as `FRA`; they are added to those it has. Omitted for other roles."
        ),
    ] = ()

    def decide(self, uow: UnitOfWork, provenance: Provenance) -> None:
        """Grant the role; raises Invalid unless exactly a reporter has members, and NotFound for an unknown one."""
        members = tuple(map(normalize_code, self.members))
        grant_rights(uow, self.account, self.role, members, provenance)


GRANT_RIGHTS = CommandType(
    command=GrantRights,
    description="Grants an account a role. Everyone can read the rights of an account; nobody can read from the log "
    "whose account it is.",
    permitted=ADMINISTRATORS,
    events=("RightsGranted",),
    returns="account",
    refusals=Refusals(
        not_found="if the account or a member is unknown",
        invalid="if a reporter has no members, or another role has some",
    ),
)


class RevokeRights(Command, frozen=True):
    """A role, or all roles, that an account loses."""

    account: AccountReference
    role: Annotated[Role | None, Meta(description="The role. Omitted: all roles.")] = None
    members: Annotated[
        tuple[str, ...],
        Meta(
            description="For `REPORTER`: the codes of the members that the account may no longer report for. Omitted: "
            "all."
        ),
    ] = ()

    def decide(self, uow: UnitOfWork, provenance: Provenance) -> None:
        """Revoke the role, or all; raises Invalid for members without the reporter's role, Conflict as described."""
        members = tuple(map(normalize_code, self.members))
        revoke_rights(uow, self.account, self.role, members, provenance)


REVOKE_RIGHTS = CommandType(
    command=RevokeRights,
    description="Revokes a role of an account, some members of a reporter, or all rights. What the account sent before "
    "and is not recorded yet is refused.",
    permitted=ADMINISTRATORS,
    events=("RightsRevoked",),
    returns="account",
    refusals=Refusals(
        not_found="if the account is unknown",
        invalid="if members are named with a role other than `REPORTER`",
        conflict="if no other account is an administrator",
    ),
)

ACCOUNT_COMMANDS = (GRANT_RIGHTS, REVOKE_RIGHTS)
