"""Accounts: who may write, by a pseudonymous id; names, e-mail addresses and tokens never enter the log."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from ogpgraph.domain.aggregate import Aggregate
from ogpgraph.domain.aggregate_type import AggregateType, EventType, Path
from ogpgraph.domain.member import MemberCode


class Role(StrEnum):
    """As what an account may act, in the order in which a role is chosen where several would do."""

    REPORTER = "REPORTER"
    REVIEWER = "REVIEWER"
    ADMINISTRATOR = "ADMINISTRATOR"


ACCOUNT = AggregateType(
    name="account",
    description="Somebody who may write, known here by a pseudonymous id and by their rights alone.",
    paths=(
        Path("roles", tuple[Role, ...], "As what the account may act; none is a reader, as everyone is."),
        Path("reporterOf", tuple[MemberCode, ...], "The codes of the members that it may report for."),
    ),
    event_types=(
        EventType("AccountOpened", "An account came into the record, without rights."),
        EventType("RightsGranted", "The account may do more than before."),
        EventType("RightsRevoked", "The account may do less than before."),
    ),
)


class Rights(Struct, frozen=True):
    """What an account may act as, and for which members it may report."""

    roles: tuple[Role, ...] = ()
    reporter_of: tuple[str, ...] = ()

    def with_role(self, role: Role, members: tuple[str, ...] = ()) -> Rights:
        """Return the rights with a role more, and for a reporter with some members more."""
        roles = tuple(each for each in Role if each is role or each in self.roles)
        return Rights(roles, tuple(sorted({*self.reporter_of, *members})))

    def without_role(self, role: Role | None = None, members: tuple[str, ...] = ()) -> Rights:
        """Return the rights without a role (without any where none is named), or without some members only."""
        if role is None:
            return Rights()
        if role is not Role.REPORTER:
            return Rights(tuple(each for each in self.roles if each is not role), self.reporter_of)
        left = tuple(code for code in self.reporter_of if members and code not in members)
        return Rights(tuple(each for each in self.roles if each is not role or left), left)


def rights_of(account: Aggregate) -> Rights:
    """Return the rights of an account as it stands."""
    roles, reporter_of = account.value("roles"), account.value("reporterOf")
    return Rights(
        tuple(Role(role) for role in roles) if isinstance(roles, tuple) else (),
        reporter_of if isinstance(reporter_of, tuple) else (),
    )
