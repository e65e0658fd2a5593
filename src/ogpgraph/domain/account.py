"""Accounts: a pseudonymous id and its rights. Names, e-mail addresses and tokens are never recorded in the log."""

from __future__ import annotations

from msgspec import Struct

from ogpgraph.domain.aggregate import Aggregate
from ogpgraph.domain.aggregate_type import AggregateType, EventType, Path
from ogpgraph.domain.member import MemberCode
from ogpgraph.domain.roles import Role

ACCOUNT = AggregateType(
    name="account",
    description="Somebody who may write, identified by a pseudonymous id only.",
    paths=(
        Path("roles", tuple[Role, ...], "The roles of the account; without any, it may only read, like everybody."),
        Path("reporterOf", tuple[MemberCode, ...], "The codes of the members for which it may report."),
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
