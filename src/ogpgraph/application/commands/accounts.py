"""Commands on accounts: opened, and what they may do granted and revoked."""

from __future__ import annotations

from ogpgraph.application.unit_of_work import REPORTED_BY_PERSON, Provenance, UnitOfWork, changed_facts
from ogpgraph.domain.account import Rights, Role, rights_of
from ogpgraph.domain.aggregate import Aggregate
from ogpgraph.domain.errors import Invalid, NotFound
from ogpgraph.domain.event import Facts


def find_account(uow: UnitOfWork, account: str) -> Aggregate:
    """Return an account by its id; raises NotFound."""
    found = uow.aggregate(account) if account.startswith("account-") else None
    if found is None or not found.revision:
        raise NotFound(f"there is no account {account}", "account")
    return found


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
    """Let an account act in a role; raises Invalid unless a reporter, and only one, has members, NotFound for these."""
    if (role is Role.REPORTER) != bool(members):
        raise Invalid("a reporter reports for one or more members; other roles name none", "members")
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
    """Take a role from an account, some members from a reporter, or every right where no role is named.

    Raises Invalid where a role other than the reporter's names members.
    """
    if members and role is not Role.REPORTER:
        raise Invalid("only a reporter has members", "members")
    _append_rights(uow, account, "RightsRevoked", rights_of(account).without_role(role, members), provenance)


def _append_rights(uow: UnitOfWork, account: Aggregate, name: str, rights: Rights, provenance: Provenance) -> None:
    facts: Facts = {"roles": tuple(role.value for role in rights.roles), "reporterOf": rights.reporter_of}
    uow.append(account.id, name, changed_facts(account, facts), provenance)
