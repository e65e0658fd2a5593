"""Commands on accounts and their rights."""

from __future__ import annotations

from ogpgraph.domain.account import Rights, rights_of
from ogpgraph.domain.aggregate import Aggregate
from ogpgraph.domain.errors import Invalid, NotFound
from ogpgraph.domain.event import Facts
from ogpgraph.domain.roles import Role
from ogpgraph.domain.unit_of_work import REPORTED_BY_PERSON, Provenance, UnitOfWork, changed_facts


def find_account(uow: UnitOfWork, account_id: str) -> Aggregate:
    """Return an account by its id; raises NotFound."""
    account = uow.aggregate(account_id) if account_id.startswith("account-") else None
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

    Raises Invalid for members of another role than the reporter's.
    """
    if members and role is not Role.REPORTER:
        raise Invalid("only a reporter has members", "members")
    _append_rights(uow, account, "RightsRevoked", rights_of(account).without_role(role, members), provenance)


def _append_rights(uow: UnitOfWork, account: Aggregate, name: str, rights: Rights, provenance: Provenance) -> None:
    facts: Facts = {"roles": tuple(role.value for role in rights.roles), "reporterOf": rights.reporter_of}
    uow.append(account.id, name, changed_facts(account, facts), provenance)
